// The simulator's chance: a stream of numbers by a seed. Each channel and each purchase has one of
// its own, so that a fault taken out of a schedule changes as little as possible of the rest.
//
// Threads: a value.
// Source:  Steele, Lea and Flood 2014 (SplitMix64).
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace depot::simulator {

class Random {
 public:
  explicit Random(std::uint64_t seed = 0) : state_(seed) {}
  Random(std::uint64_t seed, std::uint64_t stream) : state_(seed) { state_ = next() ^ stream; }

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }
  Duration between(Duration low, Duration high) {
    return low + Duration(static_cast<std::int64_t>(below(1 + (high - low).count())));
  }

 private:
  std::uint64_t state_;
};

}  // namespace depot::simulator
