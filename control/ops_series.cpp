#include "control/ops_series.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace depot::control {
namespace {

// What stands behind `name="` in a sample's labels.
std::string_view label(std::string_view line, std::string_view name) {
  const std::size_t at = line.find(name);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size();
  return line.substr(begin, line.find('"', begin) - begin);
}

double number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::isfinite(value) ? value : 0;
}

// The place of the bucket with this upper bound.
std::size_t bucket_of(std::string_view bound) {
  const auto& bounds = LatencyMetric::kBoundsSeconds;
  if (bound == "+Inf") return bounds.size();
  const auto* found = std::ranges::lower_bound(bounds, number(bound) * (1 - 1e-9));
  return static_cast<std::size_t>(found - bounds.begin());
}

}  // namespace

void count_requests(std::string_view metrics, Counts& counts) {
  constexpr std::string_view kAnswered = "depot_http_requests_total{";
  constexpr std::string_view kBucket = "depot_http_request_seconds_bucket{";
  constexpr std::string_view kOrders = R"({method="POST",route="/v1/orders",)";
  while (!metrics.empty()) {
    const std::string_view line = metrics.substr(0, metrics.find('\n'));
    metrics.remove_prefix(std::min(metrics.size(), line.size() + 1));
    const bool answered = line.starts_with(kAnswered);
    if ((!answered && !line.starts_with(kBucket)) || line.ends_with(" 0")) continue;
    const double value = number(line.substr(line.rfind(' ') + 1));
    if (answered) {
      const std::string_view code = label(line, "code=\"");
      if (code == "503") counts[answered_503] += value;
      const char first = code.empty() ? '\0' : code.front();
      if (first >= '2' && first <= '5') {
        counts[answered_2xx + static_cast<std::size_t>(first - '2')] += value;
      }
    } else {
      const std::size_t bucket = bucket_of(label(line, "le=\""));
      counts[all_requests + bucket] += value;
      if (line.substr(kBucket.size() - 1).starts_with(kOrders)) {
        counts[order_requests + bucket] += value;
      }
    }
  }
}

Counts Totals::add(const std::string& name, int pid, const Counts& counts) {
  Known& known = known_[name];
  if (known.pid != pid) {
    known = {pid, {}};
    const auto cpu = counts.begin() + cpu_seconds_of;
    std::copy_n(cpu, std::size(kKinds), known.counts.begin() + cpu_seconds_of);
  }
  Counts fresh{};
  for (std::size_t i = 0; i < kCounts; ++i) {
    fresh[i] = std::max(0.0, counts[i] - known.counts[i]);
    known.counts[i] += fresh[i];
    totals_[i] += fresh[i];
  }
  return fresh;
}

double Window::seconds() const {
  return std::chrono::duration<double>(to_->taken - from_->taken).count();
}

double Window::rate(std::size_t count) const {
  return seconds() > 0 ? (to_->counts[count] - from_->counts[count]) / seconds() : 0;
}

std::optional<double> Window::growth(double Sample::*gauge) const {
  const double change = to_->*gauge - from_->*gauge;
  if (std::isnan(change) || seconds() <= 0) return std::nullopt;
  return change / seconds();
}

std::optional<double> Window::percentile(std::size_t histogram, double fraction) const {
  const auto below = [&](std::size_t bucket) {
    return to_->counts[histogram + bucket] - from_->counts[histogram + bucket];
  };
  const double all = below(kBuckets - 1);
  if (all <= 0) return std::nullopt;
  const auto& bounds = LatencyMetric::kBoundsSeconds;
  const double wanted = all * fraction;
  double lower = 0, before = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const double upto = below(i);
    if (upto >= wanted && upto > before) {
      return lower + (bounds[i] - lower) * (wanted - before) / (upto - before);
    }
    lower = bounds[i];
    before = upto;
  }
  return bounds.back();
}

std::vector<Window> windows_of(const std::deque<Sample>& samples, std::size_t windows_max) {
  std::vector<Window> windows;
  if (samples.size() < 2) return windows;
  std::size_t step = 1;  // Windows may begin off their grid, at the oldest sample: one more.
  while ((samples.size() - 2) / step + 2 > windows_max) ++step;
  const Sample* from = &samples.front();
  for (const Sample& sample : samples) {
    if (&sample == from || (sample.number % step != 0 && &sample != &samples.back())) continue;
    windows.emplace_back(*from, sample);
    from = &sample;
  }
  return windows;
}

std::optional<Window> newest_window(const std::deque<Sample>& samples, Duration length) {
  if (samples.size() < 2) return std::nullopt;
  const Sample& end = samples.back();
  const auto from = std::ranges::min_element(
      samples.begin(), samples.end() - 1, {},
      [&](const Sample& sample) { return std::chrono::abs(end.taken - sample.taken - length); });
  return Window(*from, end);
}

}  // namespace depot::control
