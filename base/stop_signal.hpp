// SIGINT and SIGTERM as a file descriptor and a flag, so that loops end by themselves.
//
// Make it before any thread exists: every thread then inherits the blocked mask.
//
// Threads: any may ask; one polls the descriptor.
#pragma once

#include <atomic>
#include <csignal>  // the names of the signals, for its users
#include <initializer_list>
#include <thread>

namespace depot {

class StopSignal {
 public:
  StopSignal(std::initializer_list<int> signals);  // REQUIRES: at least one.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Readable once stop was asked for (by a signal, or by request()); stays readable.
  int fd() const { return event_fd_; }
  bool requested() const { return requested_.load(std::memory_order_acquire); }
  // True from the second signal on: stop at once, without draining.
  bool urgent() const { return urgent_.load(std::memory_order_acquire); }
  void request();

 private:
  int event_fd_ = -1;
  std::atomic<bool> requested_{false};
  std::atomic<bool> urgent_{false};
  std::atomic<bool> ending_{false};
  const int first_signal_;
  std::thread watcher_;  // the one that takes the signals
};

}  // namespace depot
