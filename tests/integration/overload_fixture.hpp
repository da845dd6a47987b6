// A Depot that is asked for more than it can do, and what it answers.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "bench/flood.hpp"
#include "tests/support/cluster.hpp"

namespace depot::test {

class OverloadTest : public testing::Test {
 protected:
  // Of a disk that takes about 100 purchases a second, in batches as small as here.
  static constexpr std::int64_t kDiskBytes = 100'000;

  void start(std::int64_t disk_bytes);  // 0: as it is
  static std::string post(const std::string& target, const std::string& body,
                          const std::string& headers = "");
  // Purchases of one unit by so many new customers, in turn.
  std::vector<std::string> purchases(int customers) const;
  // `rate`: 0, each connection as its answers come.
  bench::FloodReport flood(const std::vector<std::string>& requests, std::size_t connections,
                           double rate, Duration length) const;
  std::future<bench::FloodReport> flood_meanwhile(const std::vector<std::string>& requests,
                                                  std::size_t connections, double rate,
                                                  Duration length) const;
  // 201s a second that came between two moments.
  static double served(const bench::FloodReport& report, TimePoint begin, TimePoint end);
  // Everything was answered: by 201, or by 503 with Retry-After.
  static void expect_placed_or_refused(const bench::FloodReport& report);
  static void expect_all_placed(const bench::FloodReport& report);
  // The books are right, and hold so many orders.
  void expect_orders(std::uint64_t placed) const;
  // Of all its processes but Redis, which keeps what it is told.
  std::int64_t resident() const;

  struct Lengths {
    Duration pin, before, overload, after;
  };
  // What a pinned back end does is measured, and ten times that is asked of it for a while, beside
  // customers who ask for a half of it all the time.
  void expect_overload_is_refused_and_forgotten(const Lengths& lengths);

  // Small batches, so that a slow disk does not make Redis' turns long.
  Cluster cluster_{{"workers.batch_orders_max", "8"}, {"workers.batches_in_flight_max", "1"}};
};

}  // namespace depot::test
