// Customers who buy one unit after another in the background, until told to stop, and what became
// of each order: the load under which faults are injected.
//
// Threads: made, stopped and asked by one thread; the customers run on threads of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/history.hpp"
#include "tests/support/customer.hpp"

namespace depot::test {

class Load {
 public:
  // What is a failure: anything but 201 (`strict`), or only having no definite answer after
  // repeating with the same key (not strict: while Redis or every gateway is away). A customer
  // waits for `pause` behind each order. They write their histories into the folder, if one is
  // named.
  Load(std::vector<int> ports, std::string offer, int customers, bool strict = true,
       std::chrono::milliseconds pause = std::chrono::milliseconds(0),
       const std::string& histories = "");
  ~Load();

  void stop();  // Each customer finishes the order under way.
  int placed() const { return placed_; }
  // Why orders failed, at most ten; empty when none did.
  std::vector<std::string> failures() const;
  // How long each order that was placed took, ascending.
  std::vector<std::chrono::steady_clock::duration> took() const;
  // Orders in the customers' own histories, asked after stop().
  int remembered();

 private:
  void buy_until_stopped(Customer& customer, bench::History& history);
  const std::string offer_;
  const bool strict_;
  const std::chrono::milliseconds pause_;
  std::vector<Customer> customers_;
  std::deque<bench::History> histories_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> placed_{0};
  mutable std::mutex mutex_;  // failures_, took_
  std::condition_variable stop_;
  std::vector<std::chrono::steady_clock::duration> took_;
  std::vector<std::string> failures_;
  std::vector<std::jthread> threads_;
};

}  // namespace depot::test
