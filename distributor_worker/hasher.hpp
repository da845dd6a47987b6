// Verifies and makes password hashes on one helper thread of low priority: tens of milliseconds
// each, that the loop and the machine's hot core are not to pay.
//
// Threads: submit(), take() and fd() belong to one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/crypto.hpp"
#include "distributor_worker/worker.hpp"

namespace depot::distributor_worker {

class Hasher {
 public:
  explicit Hasher(const PasswordCost& cost);
  ~Hasher();  // Stops behind the task at hand, and joins.

  // REQUIRES: the caller bounds how many are under way (workers.hash_queue_max).
  void submit(HashTask task);
  int fd() const { return event_fd_; }  // readable when take() has something
  std::vector<HashResult> take();

 private:
  void run(const std::stop_token& stop);

  const PasswordCost cost_;
  const int event_fd_;
  std::mutex mutex_;  // The only lock; never held while hashing.
  std::condition_variable_any wake_;
  std::deque<HashTask> tasks_;
  std::vector<HashResult> results_;
  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace depot::distributor_worker
