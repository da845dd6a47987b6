// Verifies and makes password hashes: tens of milliseconds each, which neither the loop nor the
// purchases are to pay.
//
// One thread has what time the cores have left (SCHED_IDLE: whoever else wakes up takes its core at
// once). Where they have none, a second one, of low priority, takes over; it has a tenth of a core.
//
// Threads: submit(), take() and fd() belong to one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "distributor_worker/worker.hpp"

namespace depot::distributor_worker {

class Hasher {
 public:
  explicit Hasher(const PasswordCost& cost);
  ~Hasher();  // Stops behind the tasks at hand, and joins.

  // REQUIRES: the caller bounds how many are under way (workers.hash_queue_max).
  void submit(HashTask task);
  int fd() const { return event_fd_; }  // readable when take() has something
  std::vector<HashResult> take();

 private:
  struct Begun {
    HashTask task;
    TimePoint at;
  };
  void run_idle();
  void run_low();
  std::optional<HashTask> take_overdue();
  void make_nobody();
  HashResult run(const HashTask& task);
  void deliver(HashResult result, std::unique_lock<std::mutex>& lock);

  const PasswordCost cost_;
  const int event_fd_;
  std::once_flag nobody_made_;
  std::string nobody_;
  std::mutex mutex_;  // what follows; never held while hashing
  std::condition_variable changed_;
  std::deque<HashTask> tasks_;
  std::optional<Begun> begun_;  // by the idle thread, until somebody has done it
  bool late_ = false;           // The idle thread is still at what the other one has done.
  bool stop_ = false;
  std::vector<HashResult> results_;
  std::thread idle_, low_;
};

}  // namespace depot::distributor_worker
