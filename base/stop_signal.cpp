#include "base/stop_signal.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fatal.hpp"

namespace depot {

StopSignal::StopSignal(std::initializer_list<int> signals) : first_signal_(*signals.begin()) {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int number : signals) sigaddset(&mask, number);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event_fd_ < 0) {
    throw StartupError("no file descriptor left for signals; raise `ulimit -n`", kExitUnavailable);
  }
  watcher_ = std::thread([this, mask] {
    for (int number = 0; sigwait(&mask, &number) == 0 && !ending_;) {
      if (requested()) urgent_.store(true, std::memory_order_release);
      request();
    }
  });
}

StopSignal::~StopSignal() {
  ending_ = true;
  pthread_kill(watcher_.native_handle(), first_signal_);
  watcher_.join();
  close(event_fd_);
}

void StopSignal::request() {
  requested_.store(true, std::memory_order_release);
  // Fails only when the counter is full: then it is readable already.
  [[maybe_unused]] const int failed = eventfd_write(event_fd_, 1);
}

}  // namespace depot
