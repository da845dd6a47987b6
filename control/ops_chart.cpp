#include "control/ops_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "control/ops_html.hpp"

namespace depot::control {
namespace {

// The picture, in its own units: 320 is about a phone's width, so that text is 11 px there.
constexpr double kWidth = 320, kHeight = 170;
constexpr double kLeft = 50, kRight = 312, kTop = 8, kBottom = 148;
constexpr double kLines = 4, kTimes = 5;  // about so many steps along an axis

// The next of 1, 2, 5, 10, 20, ... that is not below `value`.
double round_step(double value) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (value <= decade * factor * (1 + 1e-9)) return decade * factor;
  }
  return decade * 10;
}

double round_seconds(double value) {
  for (const double step : {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600}) {
    if (value <= step) return step;
  }
  return 3600 * round_step(value / 3600);
}

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();
  bool empty() const { return least > most; }
  void take(const Series& series) {
    for (const auto& value : series.values) {
      if (!value) continue;
      least = std::min(least, *value);
      most = std::max(most, *value);
    }
  }
};

// Where a value stands, and the values that get a line across.
class Axis {
 public:
  Axis(const Chart& chart, Range range) : logarithmic_(chart.scale == Chart::Scale::logarithmic) {
    if (range.empty()) range = {0, 0};
    if (logarithmic_) {
      low_ = std::floor(std::log10(std::max(range.least, 1e-6)) + 1e-9);
      high_ = std::max(low_ + 1, std::ceil(std::log10(std::max(range.most, 1e-6)) - 1e-9));
      for (double at = low_; at <= high_; ++at) ticks.push_back(std::pow(10, at));
      return;
    }
    const double from = chart.scale == Chart::Scale::from_zero ? 0 : std::max(0.0, range.least);
    const double step = round_step(std::max(range.most - from, chart.span_min) / kLines);
    low_ = std::floor(from / step) * step;
    high_ = std::max(low_ + step, std::ceil(range.most / step - 1e-9) * step);
    for (int i = 0; low_ + i * step <= high_ + step / 2; ++i) ticks.push_back(low_ + i * step);
  }
  double place(double value) const {
    const double at = logarithmic_ ? std::log10(std::max(value, 1e-6)) : value;
    return kBottom - (std::clamp(at, low_, high_) - low_) / (high_ - low_) * (kBottom - kTop);
  }
  std::vector<double> ticks;

 private:
  bool logarithmic_;
  double low_ = 0, high_ = 1;
};

double place_of(double age, const ChartTime& time) {
  return kRight - std::clamp(age / std::max(time.span, 1e-3), 0.0, 1.0) * (kRight - kLeft);
}

// A gap ends the line; a value alone between gaps is a dot, by the round end of a line.
std::string path_of(const Series& series, const ChartTime& time, const Axis& axis) {
  std::string path;
  bool drawing = false;
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    const auto& value = series.values[i];
    if (value) {
      path += fmt::format("{}{:.1f} {:.1f}", drawing ? 'L' : 'M', place_of(time.ages[i], time),
                          axis.place(*value));
      if (!drawing) path += "h.01";
    }
    drawing = value.has_value();
  }
  return path;
}

// Ages are whole steps of round_seconds: of 90 s it says 90 s.
std::string age_text(double age) {
  if (age == 0) return "now";
  const auto whole_of = [age](double unit) { return std::fmod(age, unit) == 0; };
  if (whole_of(3'600)) return fmt::format("−{:.0f} h", age / 3'600);
  return whole_of(60) ? fmt::format("−{:.0f} min", age / 60) : fmt::format("−{:.0f} s", age);
}

std::vector<std::pair<double, std::string>> age_ticks(double span) {
  std::vector<std::pair<double, std::string>> ticks;
  const double step = round_seconds(span / kTimes);
  for (double age = 0; age <= span; age += step) ticks.emplace_back(age, age_text(age));
  return ticks;
}

// The picture in words, for those who do not see it.
std::string description_of(const Chart& chart, const ChartTime& time) {
  std::string words = chart.note + " Over the last " + long_time(std::llround(time.span)) + ":";
  for (const Series& series : chart.series) {
    Range range;
    range.take(series);
    words += " " + series.name + " ";
    words += range.empty() ? "nothing"
                           : fmt::format("{} now, {} to {}", or_none(series.now, chart.text),
                                         chart.text(range.least), chart.text(range.most));
    words += &series == &chart.series.back() ? "." : ";";
  }
  return words;
}

}  // namespace

std::string svg_of(const Chart& chart, const ChartTime& time) {
  Range range;
  for (const Series& series : chart.series) range.take(series);
  const Axis axis(chart, range);
  std::string out = fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-labelledby=\"{2}-t {2}-d\">\n"
      "<title id=\"{2}-t\">{3}</title>\n<desc id=\"{2}-d\">{4}</desc>\n",
      kWidth, kHeight, chart.id, escaped(chart.title), escaped(description_of(chart, time)));
  for (const double tick : axis.ticks) {
    const double y = axis.place(tick);
    out += fmt::format("<path class=\"grid\" d=\"M{} {:.1f}H{}\"/>", kLeft, y, kRight);
    out += fmt::format("<text class=\"end\" x=\"{}\" y=\"{:.1f}\">{}</text>\n", kLeft - 5, y + 4,
                       escaped(chart.text(tick)));
  }
  for (const auto& [age, words] : time.ticks.empty() ? age_ticks(time.span) : time.ticks) {
    const double x = place_of(age, time);
    out += fmt::format("<path class=\"tick\" d=\"M{:.1f} {}v4\"/>", x, kBottom);
    out += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{}\">{}</text>\n",
                       age == 0 ? "end" : "middle", age == 0 ? kRight + 6 : x, kBottom + 17, words);
  }
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const std::string path = path_of(chart.series[i], time, axis);
    if (!path.empty()) out += fmt::format("<path class=\"line s{}\" d=\"{}\"/>\n", i + 1, path);
  }
  if (range.empty()) {
    out += fmt::format("<text class=\"middle\" x=\"{}\" y=\"{}\">nothing in this time</text>\n",
                       (kLeft + kRight) / 2, (kTop + kBottom) / 2);
  }
  return out + "</svg>\n";
}

std::string html_of(const Chart& chart, const ChartTime& time) {
  Table table{chart.id + "-n", chart.title, {"Until (UTC)"}, {}};
  std::string legend;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    table.columns.push_back(series.name);
    legend += fmt::format(
        "<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"line s{}\" "
        "d=\"M2 4H26\"/></svg>{} <b>{}</b></li>\n",
        i + 1, escaped(series.name), escaped(or_none(series.now, chart.text)));
  }
  for (std::size_t i = time.words.size(); i-- > 0;) {
    auto& row = table.rows.emplace_back(1, time.words[i]);
    for (const Series& series : chart.series) row.push_back(or_none(series.values[i], chart.text));
  }
  return fmt::format(
      "<div class=\"card\">\n<h3>{0}</h3>\n<p class=\"hint\">{1}</p>\n<ul "
      "class=\"legend\">\n{2}</ul>\n"
      "{3}<details>\n<summary>Numbers<span class=\"unseen\"> of "
      "{0}</span></summary>\n{4}</details>\n"
      "</div>\n",
      escaped(chart.title), escaped(chart.note), legend, svg_of(chart, time), html_of(table));
}

}  // namespace depot::control
