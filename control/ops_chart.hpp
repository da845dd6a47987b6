// A line chart over time as SVG that stands in the page, its legend, and its numbers as a table.
//
// It carries no style of its own: lines have the classes s1, s2, ... of pages/ops.css, where each
// has a colour for light and for dark and a dash of its own.
//
// Threads: any.
// Errors:  none.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace depot::control {

struct ChartTime {                 // what the values of a chart stand at, oldest first
  std::vector<double> ages;        // seconds before now
  std::vector<std::string> words;  // "22:14:05"
  double span = 0;                 // seconds from the left border to now
  // What stands along the axis; none: ages, "-1 min" to "now".
  std::vector<std::pair<double, std::string>> ticks = {};
};

struct Series {
  std::string name;
  std::vector<std::optional<double>> values;  // as many as there are ages; nullopt: a gap
  std::optional<double> now = {};             // what the legend says
};

struct Chart {
  enum class Scale { from_zero, from_least, logarithmic };
  std::string id;
  std::string title;
  std::string note;  // what is shown, in a sentence
  Scale scale = Scale::from_zero;
  double span_min = 1;                    // of the values that the axis shows
  std::string (*text)(double) = nullptr;  // a value with its unit
  std::vector<Series> series;
};

std::string svg_of(const Chart& chart, const ChartTime& time);
std::string html_of(const Chart& chart, const ChartTime& time);

}  // namespace depot::control
