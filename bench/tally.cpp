#include "bench/tally.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/numbers.hpp"

namespace depot::bench {
namespace {

constexpr std::pair<const char*, double> kPercentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

std::uint64_t total(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

}  // namespace

double in_ms(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double per_second(std::uint64_t count, Duration time) {
  const double length_s = std::chrono::duration<double>(time).count();
  return length_s > 0 ? static_cast<double>(count) / length_s : 0;
}

void OverTime::record(TimePoint end, Duration latency) {
  if (window_ <= Duration::zero()) return;
  const auto at = static_cast<std::size_t>(std::max(end - start_, Duration::zero()) / window_);
  if (windows_.size() <= at) windows_.resize(at + 1);
  ++windows_[at].answers;
  windows_[at].latency.record(latency);
}

void OverTime::merge(const OverTime& other) {
  if (window_ <= Duration::zero()) *this = OverTime(other.start_, other.window_);
  if (windows_.size() < other.windows_.size()) windows_.resize(other.windows_.size());
  for (std::size_t i = 0; i < other.windows_.size(); ++i) {
    windows_[i].answers += other.windows_[i].answers;
    windows_[i].latency.merge(other.windows_[i].latency);
  }
}

std::uint64_t Tally::refused_total() const { return total(refused); }
std::uint64_t Tally::failed_total() const { return total(failed); }

double Tally::placed_per_second() const { return per_second(placed, duration); }
double Tally::answers_per_second() const { return per_second(placed + refused_total(), duration); }

double Tally::latency_ms(double fraction) const { return in_ms(latency.percentile(fraction)); }

void Tally::merge(const Tally& other) {
  placed += other.placed;
  partial += other.partial;
  units += other.units;
  money_minor += other.money_minor;
  for (const auto& [name, count] : other.refused) refused[name] += count;
  for (const auto& [name, count] : other.failed) failed[name] += count;
  retries += other.retries;
  repeats += other.repeats;
  other_requests += other.other_requests;
  latency.merge(other.latency);
  over_time.merge(other.over_time);
  duration = std::max(duration, other.duration);
}

Rows rows_of(const Tally& tally, const Currency& currency) {
  Rows rows;
  std::string placed = counted(tally.placed, "order");
  if (tally.partial > 0) placed += fmt::format(", {} of them in part", grouped(tally.partial));
  rows.emplace_back("placed", placed);
  rows.emplace_back("refused", counted(tally.refused_total(), "order"));
  for (const auto& [name, count] : tally.refused)
    rows.emplace_back("", name + " " + grouped(count));
  if (tally.failed_total() > 0) rows.emplace_back("failed", grouped(tally.failed_total()));
  for (const auto& [name, count] : tally.failed) rows.emplace_back("", name + " " + grouped(count));
  rows.emplace_back("units", grouped(tally.units));
  rows.emplace_back("money", grouped_money(tally.money_minor, currency));
  rows.emplace_back("throughput",
                    fmt::format("{} orders placed/s, {} answers/s over {:.1f} s",
                                grouped(fmt::format("{:.0f}", tally.placed_per_second())),
                                grouped(fmt::format("{:.0f}", tally.answers_per_second())),
                                in_ms(tally.duration) / 1000));
  std::string latency;
  for (const auto& [name, fraction] : kPercentiles) {
    latency += fmt::format("{} {:.1f}  ", name, tally.latency_ms(fraction));
  }
  latency += fmt::format("max {:.1f} ms", in_ms(tally.latency.max()));
  rows.emplace_back("latency", latency);
  if (tally.other_requests > 0) {
    rows.emplace_back("", counted(tally.other_requests, "other request"));
  }
  if (tally.retries > 0) rows.emplace_back("retries", grouped(tally.retries));
  if (tally.repeats > 0) rows.emplace_back("repeats", grouped(tally.repeats));
  return rows;
}

std::string to_lines(const Rows& rows) {
  std::string out;
  for (const auto& [label, text] : rows) out += fmt::format("{:<14} {}\n", label, text);
  return out;
}

boost::json::object json_of(const Tally& tally) {
  const auto counts = [](const std::map<std::string, std::uint64_t>& from) {
    boost::json::object out;
    for (const auto& [name, count] : from) out[name] = count;
    return out;
  };
  boost::json::object latency;
  for (const auto& [name, fraction] : kPercentiles) {
    latency[name] = tally.latency_ms(fraction);
  }
  latency["max"] = in_ms(tally.latency.max());
  return {{"placed", tally.placed},
          {"placed_in_part", tally.partial},
          {"refused", tally.refused_total()},
          {"refused_by_reason", counts(tally.refused)},
          {"failed", tally.failed_total()},
          {"failed_by_reason", counts(tally.failed)},
          {"units", tally.units},
          {"money_minor", tally.money_minor},
          {"seconds", in_ms(tally.duration) / 1000},
          {"placed_per_second", tally.placed_per_second()},
          {"answers_per_second", tally.answers_per_second()},
          {"latency_ms", std::move(latency)},
          {"retries", tally.retries},
          {"other_requests", tally.other_requests},
          {"repeats", tally.repeats}};
}

}  // namespace depot::bench
