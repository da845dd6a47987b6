// The workloads of depot bench: what is offered, and what customers buy of it.
//
// Threads: Buys::next by all threads of the engine; the rest any.
// Errors:  none.
// Source:  bench/results/README.md.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "bench/engine.hpp"

namespace depot::bench {

inline constexpr std::int64_t kPlenty = 1'000'000'000;  // never sold out

struct Workload {
  std::string_view name, what;
  int products = 1'000;            // of 30 manufacturers
  double skew = 0;                 // of their popularity: Zipf's exponent, 0 for none
  std::int64_t offered = kPlenty;  // of each
  std::size_t copies = 1;          // of each order, sent at once with one key
  bool by_cart = false;            // looked at, put into the cart, and that is bought
};
std::span<const Workload> workloads();
const Workload* find_workload(std::string_view name);  // nullptr where there is none

// Rows of a catalogue, as for depot import: bench-00 to bench-29, and their products in turn.
std::string catalogue_rows(const Workload& workload, const Currency& currency);

struct BuysOptions {
  std::string prefix = {};  // of the keys
  std::size_t lanes = 1, customers = 1;
  int lines = 1;    // of each order, of different products
  double rate = 0;  // arrivals a second, at random (Poisson); 0: each lane as its answers come
  Duration length{};
};

// One unit of each of some products, until the time is over. With a rate it is an open loop: an
// order is due when it arrives, whether a lane is free or not, and its latency counts from then.
class Buys : public Source {
 public:
  Buys(const Workload& workload, BuysOptions options);
  std::optional<Order> next(std::size_t lane, const Order* finished) override;

 private:
  struct alignas(64) Lane {  // Lanes of several threads lie side by side.
    std::minstd_rand random;
    std::uint64_t count = 0;
  };
  std::optional<TimePoint> arrival();
  std::size_t draw(std::minstd_rand& random) const;

  const Workload& workload_;
  const BuysOptions options_;
  std::vector<std::string> offers_;
  std::vector<double> popularity_;  // sums, of all up to this one; empty where there is no skew
  std::vector<Lane> lanes_;
  const TimePoint end_;
  std::mutex mutex_;
  std::minstd_rand arrivals_;
  TimePoint due_;
};

}  // namespace depot::bench
