// Verifies and makes password hashes on one helper thread of low priority: tens of milliseconds
// each, that the loop and the machine's hot core are not to pay.
//
// Threads: submit(), take() and fd() belong to one thread.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <mutex>
#include <string>
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
  HashResult run(const HashTask& task) const;

  const PasswordCost cost_;
  const int event_fd_;
  std::string nobody_;  // the thread's
  std::mutex mutex_;    // results_; never held while hashing
  std::vector<HashResult> results_;
  boost::asio::thread_pool thread_{1};
};

}  // namespace depot::distributor_worker
