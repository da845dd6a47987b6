// Verifies and makes password hashes: tens of milliseconds each, which neither the loop nor the
// purchases are to pay.
//
// One thread has what time the cores have left (SCHED_IDLE: whoever else wakes up takes its core at
// once). Where they have none, a second one, of low priority, takes over; it has a tenth of a core.
// The lowest one holds no lock of ours, ever: whoever waited for it would wait until a core has
// time. The kernel's is left: while libsodium maps Argon2's memory no other thread can map any, and
// where no core has time for long a password may take seconds (bench/results/log.md, 2026-11-29).
//
// Threads: submit(), take() and fd() belong to one thread.
#pragma once

#include <atomic>
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
  int fd() const { return results_fd_; }  // readable when take() has something
  std::vector<HashResult> take();

 private:
  enum class At : int { nothing, task, result, end };
  void run_lowest();
  void run_low();
  void wait(Duration at_most);
  std::optional<HashTask> next();
  HashResult run(const HashTask& task) const;
  void deliver(HashResult result);

  const PasswordCost cost_;
  const int results_fd_, wake_fd_;
  std::string nobody_;  // by low_, before lowest_ is there
  std::atomic<bool> stop_ = false;

  // What passes between the two; each is low_'s unless lowest_ is at the task.
  std::atomic<At> lowest_at_ = At::nothing;
  HashTask lowest_task_;
  HashResult lowest_result_;

  std::mutex mutex_;  // what follows; never held while hashing
  std::deque<HashTask> tasks_;
  std::vector<HashResult> results_;
  std::thread lowest_, low_;  // low_ starts lowest_
};

}  // namespace depot::distributor_worker
