// The store as a process, and the customers.
//
// Threads: one.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "tests/simulator/world.hpp"

namespace depot::simulator {

// Runs what has come, all that is there at once, and answers when it is on disk. Killed, it has run
// some of what it has not answered, in order, and nothing behind it.
class StoreNode final : public Node {
 public:
  StoreNode(World& world, unsigned number) : Node(world, number) {}
  void start() override;
  void stop() override;
  void turn() override;
  // Answers once the feed has something behind `from`, after a second at the latest.
  void await_feed(std::uint64_t from, std::function<void()> answer);

 private:
  struct Waiting {
    std::uint64_t from;
    TimePoint until;
    std::function<void()> answer;
  };
  void answer_waiting();

  std::vector<std::function<void()>> came_, running_;
  std::vector<Waiting> waiting_;
  TimePoint done_at_{};
  int runs_ = 0;
};

// Customers by HTTP. Each purchase is said again with its key until its answer is definite, to a
// gateway by chance, and a twentieth of them once more later on.
class CustomersNode final : public Node {
 public:
  CustomersNode(World& world, unsigned number) : Node(world, number) {}
  void start() override {}
  void stop() override {}
  void turn() override;
  std::string unfinished() const override;

  void buy(std::uint32_t detail);
  void hear(std::uint64_t http, int status, const std::string& body);
  void on_gateway_lost(unsigned gateway);

 private:
  struct Plan {
    std::uint32_t purchase = 0;
    bool reads = false;
    std::uint64_t gives_up = 0;  // the HTTP request that is not waited for any longer
  };
  void ask(const Plan& plan);
  void plan(Duration late, const Plan& what);

  std::multimap<TimePoint, Plan> plans_;
  std::set<std::uint64_t> open_;  // HTTP requests
  std::vector<Random> randoms_;   // by purchase
};

}  // namespace depot::simulator
