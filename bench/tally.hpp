// What a load did: orders placed and refused, units, money, latency; and the table that closes it.
//
// Threads: one owner; merged when the owners are done.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/histogram.hpp"
#include "base/money.hpp"

namespace depot::bench {

double per_second(std::uint64_t count, Duration time);  // 0 of no time
double in_ms(Duration time);

// Answers and their latency, one window of time after the other.
class OverTime {
 public:
  struct Window {
    std::uint64_t answers = 0;
    Histogram latency;
  };
  OverTime() = default;
  OverTime(TimePoint start, Duration window) : start_(start), window_(window) {}
  void record(TimePoint end, Duration latency);
  void merge(const OverTime& other);
  const std::vector<Window>& windows() const { return windows_; }
  Duration window() const { return window_; }

 private:
  TimePoint start_{};
  Duration window_{};  // 0: nothing is recorded
  std::vector<Window> windows_;
};

struct Tally {
  std::uint64_t placed = 0;
  std::uint64_t partial = 0;  // of those: not all that was asked for
  std::uint64_t units = 0;
  std::int64_t money_minor = 0;
  std::map<std::string, std::uint64_t> refused;  // a verdict, by problem name
  std::map<std::string, std::uint64_t> failed;   // anything else, by what happened
  std::uint64_t retries = 0;                     // attempts after the first of a request
  std::uint64_t repeats = 0;                     // requests answered with the order of before
  std::uint64_t other_requests = 0;              // before purchases
  Histogram latency;                             // from the first attempt to the answer
  OverTime over_time;
  Duration duration{};

  std::uint64_t refused_total() const;
  std::uint64_t failed_total() const;
  // Over the whole duration; answers are orders placed and refused, not those that failed.
  double placed_per_second() const;
  double answers_per_second() const;
  double latency_ms(double fraction) const;  // 0.99: what 99 of 100 orders took at most
  void merge(const Tally& other);
};

// Label and text, one per line, for to_lines(). The reasons of refusals stand below their total.
using Rows = std::vector<std::pair<std::string, std::string>>;
Rows rows_of(const Tally& tally, const Currency& currency);
std::string to_lines(const Rows& rows);
boost::json::object json_of(const Tally& tally);

}  // namespace depot::bench
