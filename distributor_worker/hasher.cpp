#include "distributor_worker/hasher.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/fatal.hpp"

namespace depot::distributor_worker {
namespace {

constexpr int kLow = 10;  // About a tenth of a busy core's time.
// On a core of its own it takes 20 ms. Measured: docs/RELIABILITY.md, "Overload".
constexpr Duration kLate = std::chrono::milliseconds(250);

}  // namespace

Hasher::Hasher(const PasswordCost& cost)
    : cost_(cost),
      results_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  DEPOT_ASSERT(results_fd_ >= 0 && wake_fd_ >= 0);
  low_ = std::thread([this] { run_low(); });
}

Hasher::~Hasher() {
  stop_ = true;
  ::eventfd_write(wake_fd_, 1);
  low_.join();
  lowest_at_ = At::end;
  lowest_at_.notify_one();
  lowest_.join();
  ::close(results_fd_);
  ::close(wake_fd_);
}

void Hasher::submit(HashTask task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  ::eventfd_write(wake_fd_, 1);
}

void Hasher::run_lowest() {
  constexpr sched_param kNone{};
  ::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &kNone);
  for (At at = lowest_at_; at != At::end; at = lowest_at_) {
    if (at != At::task) {
      lowest_at_.wait(at);
      continue;
    }
    lowest_result_ = run(lowest_task_);
    if (lowest_at_.compare_exchange_strong(at, At::result)) ::eventfd_write(wake_fd_, 1);
  }
}

void Hasher::run_low() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLow);  // Of this thread, on Linux.
  // Verified for unknown e-mails, so that the time tells nobody who has an account.
  nobody_ = hash_password("nobody", cost_);
  lowest_ = std::thread([this] { run_lowest(); });
  TimePoint begun{};  // what the lowest one is at
  bool late = false;  // It still is at what was done here.
  while (!stop_) {
    if (lowest_at_ == At::result) {
      if (!std::exchange(late, false)) deliver(std::move(lowest_result_));
      lowest_at_ = At::nothing;
    }
    if (lowest_at_ == At::nothing) {
      if (std::optional<HashTask> task = next()) {
        lowest_task_ = std::move(*task);
        begun = steady_now();
        lowest_at_ = At::task;
        lowest_at_.notify_one();
      }
    }
    std::optional<HashTask> mine;
    if (late) {
      mine = next();
    } else if (lowest_at_ == At::task && steady_now() >= begun + kLate) {
      late = true;
      mine = lowest_task_;
    }
    if (mine) {
      deliver(run(*mine));
    } else {
      const bool may_be_late = !late && lowest_at_ == At::task;
      wait(may_be_late ? std::max(begun + kLate - steady_now(), Duration(0))
                       : std::chrono::seconds(-1));
    }
  }
}

// Until there is a task, a result or the end; negative: as long as that takes.
void Hasher::wait(Duration at_most) {
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(at_most);
  pollfd woken{.fd = wake_fd_, .events = POLLIN, .revents = 0};
  ::poll(&woken, 1, static_cast<int>(timeout.count()));
  eventfd_t count = 0;
  ::eventfd_read(wake_fd_, &count);
}

std::optional<HashTask> Hasher::next() {
  const std::lock_guard lock(mutex_);
  if (tasks_.empty()) return std::nullopt;
  HashTask task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

HashResult Hasher::run(const HashTask& task) const {
  HashResult result{.tag = task.tag, .right = true, .hash = {}};
  if (task.verify) {
    const bool same = verify_password(task.against.empty() ? nobody_ : task.against, task.password);
    result.right = same && !task.against.empty();
  }
  if (result.right && !task.to_hash.empty()) result.hash = hash_password(task.to_hash, cost_);
  return result;
}

void Hasher::deliver(HashResult result) {
  {
    const std::lock_guard lock(mutex_);
    results_.push_back(std::move(result));
  }
  ::eventfd_write(results_fd_, 1);
}

std::vector<HashResult> Hasher::take() {
  eventfd_t count = 0;
  if (::eventfd_read(results_fd_, &count) < 0) return {};
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

}  // namespace depot::distributor_worker
