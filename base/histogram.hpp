// A log-linear latency histogram with three significant digits; mergeable. For bench and replay.
//
// Threads: one owner; merge when the owners are done.
// Source:  HdrHistogram's bucket layout (2048 linear steps, then doubling), 1 us to 1 h.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace depot {

class Histogram {
 public:
  Histogram();
  void record(std::chrono::nanoseconds value, std::uint64_t count = 1);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds min() const;
  std::chrono::nanoseconds max() const;
  std::chrono::nanoseconds mean() const;
  // The value at or below which `fraction` (0..1) of the recorded values lie; 0 when empty.
  std::chrono::nanoseconds percentile(double fraction) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_us_ = 0;
  std::uint64_t min_us_ = UINT64_MAX;
  std::uint64_t max_us_ = 0;
};

}  // namespace depot
