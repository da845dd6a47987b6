#include "control/bench_plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <span>

#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "control/ops_chart.hpp"

namespace depot::control {
namespace {

constexpr int kDecades = 4;  // of the distribution: up to the 99.99th percentile
constexpr int kStepsPerDecade = 20;
constexpr const char* kWords[] = {"0", "90", "99", "99.9", "99.99 %"};
constexpr double kKeysAt = 150, kKeyWidth = 56;  // of the legend

// The classes of svg_of(), for a picture that stands alone.
constexpr const char* kStyle =
    "<style>text{font:11px sans-serif;fill:#333}"
    ".end{text-anchor:end}.middle{text-anchor:middle}.grid,.tick{stroke:#ccc;fill:none}"
    ".line{fill:none;stroke-width:1.5}.s1{stroke:#1666ba}.s2{stroke:#b5441a;stroke-dasharray:6 3}"
    ".s3{stroke:#2e7d32;stroke-dasharray:2 3}</style>\n";

double in_seconds(Duration time) { return std::chrono::duration<double>(time).count(); }
std::string per_second_text(double value) {
  return grouped(static_cast<std::uint64_t>(std::llround(value)));
}
std::string ms_text(double value) {
  return value < 1'000 ? fmt::format("{:g} ms", value) : fmt::format("{:g} s", value / 1'000);
}

void write(const std::string& path, const Chart& chart, const ChartTime& time) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 320 196\">\n{}"
      "<rect width=\"320\" height=\"196\" fill=\"#fff\"/>\n<text x=\"8\" y=\"16\">{}</text>\n",
      kStyle, chart.title);
  for (std::size_t i = 0; chart.series.size() > 1 && i < chart.series.size(); ++i) {
    const double x = kKeysAt + kKeyWidth * static_cast<double>(i);
    svg +=
        fmt::format("<path class=\"line s{}\" d=\"M{} 12h16\"/><text x=\"{}\" y=\"16\">{}</text>\n",
                    i + 1, x, x + 20, chart.series[i].name);
  }
  std::string inner = svg_of(chart, time);
  inner.insert(inner.find("<svg") + 4, " y=\"22\" width=\"320\" height=\"170\"");
  std::ofstream file(path);
  file << svg << inner << "</svg>\n";
  file.close();
  if (!file) throw StartupError(path + ": cannot be written", kExitFailed);
}

// Without the last one, where it is of a part of its time only.
std::span<const bench::OverTime::Window> whole_windows(const bench::Tally& tally) {
  const std::span all = tally.over_time.windows();
  const auto whole = static_cast<std::size_t>(tally.duration / tally.over_time.window());
  return all.first(std::min(all.size(), std::max<std::size_t>(1, whole)));
}

// From the start on the left, where `/ops` has its past.
ChartTime time_of(double window, std::size_t count) {
  ChartTime time{{}, {}, window * static_cast<double>(count)};
  for (std::size_t i = count; i-- > 0;) time.ages.push_back(window * static_cast<double>(i));
  for (int i = 0; i <= 4; ++i) {
    const double at = time.span * i / 4;
    time.ticks.emplace_back(time.span - at, fmt::format("{:.3g} s", at));
  }
  return time;
}

}  // namespace

void write_plots(const bench::Tally& tally, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::span windows = whole_windows(tally);
  const ChartTime time = time_of(in_seconds(tally.over_time.window()), windows.size());
  Chart throughput{.id = "throughput",
                   .title = "Answers a second",
                   .note = "Answers a second.",
                   .text = per_second_text,
                   .series = {{"answers/s", {}}}};
  Chart latency{.id = "latency",
                .title = "Latency over time",
                .note = "Latency in ms.",
                .scale = Chart::Scale::logarithmic,
                .text = ms_text,
                .series = {{"p50", {}}, {"p99", {}}, {"max", {}}}};
  for (const auto& window : windows) {
    throughput.series[0].values.emplace_back(
        bench::per_second(window.answers, tally.over_time.window()));
    const Histogram& all = window.latency;
    const double values[] = {bench::in_ms(all.percentile(0.5)), bench::in_ms(all.percentile(0.99)),
                             bench::in_ms(all.max())};
    for (std::size_t i = 0; i < 3; ++i) {
      latency.series[i].values.push_back(all.count() ? std::optional(values[i]) : std::nullopt);
    }
  }
  write(folder + "/throughput.svg", throughput, time);
  write(folder + "/latency.svg", latency, time);

  Chart distribution{.id = "distribution",
                     .title = "Latency by percentile",
                     .note = "The latency that so many of the answers took at most.",
                     .scale = Chart::Scale::logarithmic,
                     .text = ms_text,
                     .series = {{"latency", {}}}};
  ChartTime percentiles{{}, {}, kDecades};
  for (int i = 0; i <= kDecades * kStepsPerDecade; ++i) {
    const double decades = static_cast<double>(i) / kStepsPerDecade;
    percentiles.ages.push_back(kDecades - decades);
    const double fraction = 1 - std::pow(10, -decades);
    distribution.series[0].values.emplace_back(bench::in_ms(tally.latency.percentile(fraction)));
  }
  for (int i = 0; i <= kDecades; ++i) percentiles.ticks.emplace_back(kDecades - i, kWords[i]);
  write(folder + "/distribution.svg", distribution, percentiles);
}

}  // namespace depot::control
