// Numbers over time for /ops: from what processes count since their start to totals that never
// fall, and from two samples to rates, shares and percentiles.
//
// A process that was started again counts from 0 again: what it counts is added to what the one
// before it had counted. So no rate is ever negative, or as high as all that ever was.
//
// Threads: values.
// Errors:  none; what cannot be known is nullopt.
// Source:  Prometheus' rate() and histogram_quantile(), for restarts and for percentiles.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"

namespace depot::control {

inline constexpr std::size_t kBuckets = LatencyMetric::kBoundsSeconds.size() + 1;
inline constexpr std::string_view kKinds[] = {"gateway", "balancer",     "worker",   "hub",
                                              "redis",   "manufacturer", "shoppers", "up"};

// What is counted, each a place in Counts.
enum Count : std::size_t {
  answered_2xx,
  answered_3xx,
  answered_4xx,
  answered_5xx,
  answered_503,
  orders_placed,
  orders_refused,
  cpu_seconds_of,                                     // and the other kinds, as in kKinds
  all_requests = cpu_seconds_of + std::size(kKinds),  // at or below each bound, the last: all
  order_requests = all_requests + kBuckets,           // of POST /v1/orders
};
inline constexpr std::size_t kCounts = order_requests + kBuckets;
using Counts = std::array<double, kCounts>;

// Adds what a gateway's /metrics says of its requests. One pass; other families are skipped.
void count_requests(std::string_view metrics, Counts& counts);

// Totals over all processes, restarts included.
class Totals {
 public:
  // What the process `name` has counted by now; returns what of it is new. A pid that is new began
  // at 0, except for its CPU time: that may lie long before anybody could ask it. Who is silent has
  // counted 0, which changes nothing.
  Counts add(const std::string& name, int pid, const Counts& counts);
  const Counts& counts() const { return totals_; }

 private:
  struct Known {
    int pid = 0;
    Counts counts{};
  };
  std::map<std::string, Known> known_;
  Counts totals_{};
};

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct Sample {
  std::size_t number = 0;  // from 0, of all that were ever taken
  TimePoint taken{};
  WallTime wall{};
  Counts counts{};  // Totals
  double queued = 0, outstanding = 0;
  double redis_used = kUnknown, ledger_entries = kUnknown;
};

// What happened between two samples.
class Window {
 public:
  Window(const Sample& from, const Sample& to) : from_(&from), to_(&to) {}
  const Sample& end() const { return *to_; }
  double seconds() const;
  double rate(std::size_t count) const;  // per second
  // Of a gauge; nullopt where an end is not known.
  std::optional<double> growth(double Sample::*gauge) const;  // per second
  // Seconds at or below which `fraction` of the requests took, `histogram` being all_requests or
  // order_requests. Within a bucket they are taken as evenly spread; those above the last bound
  // count as it. nullopt without requests.
  std::optional<double> percentile(std::size_t histogram, double fraction) const;

 private:
  const Sample *from_, *to_;
};

// The samples in at most `windows_max` windows of equal length, oldest first; the newest may be
// shorter. Their borders stay where they are as samples come and go.
std::vector<Window> windows_of(const std::deque<Sample>& samples, std::size_t windows_max);

// The newest sample and that which lies nearest to `length` before it; nullopt with fewer than two.
std::optional<Window> newest_window(const std::deque<Sample>& samples, Duration length);

}  // namespace depot::control
