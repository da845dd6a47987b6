#include "base/stop_signal.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <thread>

#include "base/fatal.hpp"

namespace depot {
namespace {

void raise_event(int fd) {
  const std::uint64_t one = 1;
  // Fails only when the counter is full: then it is readable already.
  [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof one);
}

}  // namespace

struct StopSignal::Watcher {
  int signal_fd;
  std::thread thread;
};

StopSignal::StopSignal(std::initializer_list<int> signals) {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int number : signals) sigaddset(&mask, number);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  if (event_fd_ < 0 || wake_fd_ < 0 || signal_fd < 0) {
    throw StartupError("no file descriptor left for signals; raise `ulimit -n`", kExitUnavailable);
  }
  watcher_ = new Watcher{signal_fd, {}};
  watcher_->thread = std::thread([this] {
    pollfd fds[] = {{watcher_->signal_fd, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    while (!(fds[1].revents & POLLIN)) {
      poll(fds, 2, -1);
      signalfd_siginfo info;
      while (read(watcher_->signal_fd, &info, sizeof info) == sizeof info) {
        if (requested()) urgent_.store(true, std::memory_order_release);
        request();
      }
    }
  });
}

StopSignal::~StopSignal() {
  raise_event(wake_fd_);
  watcher_->thread.join();
  close(watcher_->signal_fd);
  close(wake_fd_);
  close(event_fd_);
  delete watcher_;
}

void StopSignal::request() {
  requested_.store(true, std::memory_order_release);
  raise_event(event_fd_);
}

}  // namespace depot
