// How far a load is, on stderr: a bar that moves on a terminal, else a line every few seconds.
//
// Threads: add() by any; the rest by the one that waits for the load.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace depot::bench {

// True where stderr is a terminal that shows colours and NO_COLOR is not set (no-color.org).
bool colours_wanted(int fd);

class Progress {
 public:
  // "signing up  [####......]  412/4,334 customers  36/s". `total` 0: not known beforehand.
  Progress(std::string what, std::string unit, std::uint64_t total);
  ~Progress();  // Leaves the last state behind as a line.
  void add(std::uint64_t count = 1) { done_.fetch_add(count, std::memory_order_relaxed); }
  void refresh(TimePoint now);  // Prints where it is time to.

 private:
  std::string text(TimePoint now) const;
  const std::string what_, unit_;
  const std::uint64_t total_;
  const bool terminal_, colours_;
  const TimePoint start_;
  TimePoint printed_;
  std::atomic<std::uint64_t> done_{0};
};

}  // namespace depot::bench
