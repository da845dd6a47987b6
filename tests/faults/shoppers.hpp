// Customers who buy while processes are killed under them: small orders, a third over several
// manufacturers, a quarter by the version of their cart, a third content with part of it; a tenth
// of what they got they cancel, if it still can be. What has no definite answer is said again with
// the same key, and some of what has one is said again seconds later, as a network may. Of the
// first answers that say that nothing has happened (503) some are believed. Each 201 must be what
// was asked for; at the end each must have the orders that it was told of, as told, and those
// cancelled that it was told are.
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
  int by_cart() const { return by_cart_; }  // of those bought
  int cancelled() const { return cancelled_; }
  int not_cancelled() const { return not_cancelled_; }  // too late
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
  std::atomic<int> by_cart_{0}, cancelled_{0}, not_cancelled_{0};
  mutable std::mutex mutex_;  // of the two below
  std::condition_variable woken_;
  std::vector<double> waits_;
  std::vector<std::string> complaints_;
  std::vector<std::unique_ptr<Shopper>> shoppers_;
  std::vector<std::jthread> threads_;
};

}  // namespace depot::test
