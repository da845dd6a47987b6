// A Depot that is asked for more than it can do, and what it answers.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "bench/flood.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"

namespace depot::test {

class OverloadTest : public testing::Test {
 protected:
  // Of a disk that takes about 100 purchases a second, in batches as small as here.
  static constexpr std::int64_t kDiskBytes = 30'000;

  // New customers who buy one unit, in turn.
  struct Crowd {
    std::vector<std::string> ids = {}, requests = {};
  };
  void start(std::int64_t disk_bytes);  // 0: as it is
  static std::string post(const std::string& target, const std::string& body,
                          const std::string& headers = "");
  Crowd crowd_of(int customers);
  // `rate`: 0, each connection as its answers come.
  bench::FloodReport flood(const Crowd& crowd, std::size_t connections, double rate,
                           Duration length);
  std::future<bench::FloodReport> flood_meanwhile(const Crowd& crowd, std::size_t connections,
                                                  double rate, Duration length);
  // 201s a second that came between two moments.
  static double served(const bench::FloodReport& report, TimePoint begin, TimePoint end);
  // All were answered; by 503 with Retry-After, or by 504 hardly any, where they were not placed.
  static void expect_placed_or_refused(const bench::FloodReport& report);
  static void expect_all_placed(const bench::FloodReport& report);
  // The books are right, and hold what was answered by 201, some of what was by 504, and nothing
  // that was refused.
  void expect_what_was_told();
  // Bytes of all its processes but Redis, which keeps what it is told.
  std::int64_t resident() const;

  struct Lengths {
    Duration pin, before, overload, after;
  };
  // What a pinned back end does is measured, and ten times that is asked of it for a while, beside
  // customers who ask for a half of it all the time. The machine may be busy with something else at
  // any moment of it: the figures have to be right in one of three rounds, the rest always.
  void expect_overload_is_refused_and_forgotten(const Lengths& lengths);

  // Small batches, so that a slow disk does not make Redis' turns long.
  Cluster cluster_{{"workers.batch_orders_max", "8"}};

 private:
  bool overload(const Lengths& lengths, const Crowd& crowd, const Crowd& steady);

  std::deque<Customer> customers_;
  std::mutex mutex_;                 // told_
  std::map<std::string, int> told_;  // by order
};

}  // namespace depot::test
