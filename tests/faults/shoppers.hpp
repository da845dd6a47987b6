// Customers who buy while processes are killed under them: small carts, a third over several
// manufacturers; what has no definite answer is said again with the same key, and some of what has
// one is said again seconds later, as a network may. Of the first answers that say that nothing has
// happened (503) some are believed: at the end each must have the orders that it was told of.
//
// Threads: made, asked and ended by one; each customer has a thread of its own.
// Errors:  an exception in a customer's thread is a complaint.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "tests/support/customer.hpp"

namespace depot::test {

class Shoppers {
 public:
  // They write their histories, for `depot audit --histories`, into `folder`.
  Shoppers(std::vector<int> ports, std::vector<std::string> offers, int count,
           const std::string& folder, std::uint32_t seed);
  ~Shoppers();
  Shoppers(const Shoppers&) = delete;
  Shoppers& operator=(const Shoppers&) = delete;

  // Nothing new is bought; what is under way gets its answer, or is a complaint after `patience`.
  void finish(std::chrono::seconds patience);

  int bought() const { return bought_; }
  int refused() const { return refused_; }
  int attempts() const { return attempts_; }
  int said_again() const { return said_again_; }
  int given_up() const { return given_up_; }
  // From a request to its definite answer, of each; ms, sorted. Behind finish().
  std::vector<double> waits() const;
  std::vector<std::string> complaints() const;

 private:
  struct Shopper;
  void shop(Shopper& shopper);
  void count_orders(Shopper& shopper);
  void complain(const std::string& what);
  void add_wait(Duration time);
  void pause(std::chrono::milliseconds time, bool ends);

  const std::vector<int> ports_;
  const std::vector<std::string> offers_;
  std::atomic<bool> closing_{false};
  std::atomic<std::int64_t> give_up_ns_;
  std::atomic<int> bought_{0}, refused_{0}, attempts_{0}, said_again_{0}, given_up_{0};
  mutable std::mutex mutex_;  // of the two below
  std::condition_variable woken_;
  std::vector<double> waits_;
  std::vector<std::string> complaints_;
  std::vector<std::unique_ptr<Shopper>> shoppers_;
  std::vector<std::jthread> threads_;
};

}  // namespace depot::test
