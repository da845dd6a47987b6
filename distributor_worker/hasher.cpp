#include "distributor_worker/hasher.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/fatal.hpp"

namespace depot::distributor_worker {
namespace {

constexpr int kNice = 10;  // About a tenth of a busy core's time.
// On a core of its own it takes 20 ms. Measured: docs/RELIABILITY.md, "Overload".
constexpr Duration kLate = std::chrono::milliseconds(250);

}  // namespace

Hasher::Hasher(const PasswordCost& cost)
    : cost_(cost), event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  DEPOT_ASSERT(event_fd_ >= 0);
  idle_ = std::thread([this] { run_idle(); });
  low_ = std::thread([this] { run_low(); });
}

Hasher::~Hasher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  idle_.join();
  low_.join();
  ::close(event_fd_);
}

void Hasher::submit(HashTask task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void Hasher::run_idle() {
  constexpr sched_param kNone{};
  ::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &kNone);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
    if (stop_) return;
    const HashTask task = std::move(tasks_.front());
    tasks_.pop_front();
    begun_ = {task, steady_now()};
    changed_.notify_all();
    lock.unlock();
    HashResult result = run(task);
    lock.lock();
    late_ = false;
    if (std::exchange(begun_, std::nullopt)) deliver(std::move(result), lock);
  }
}

void Hasher::run_low() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // Of this thread, on Linux.
  make_nobody();
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (const std::optional<HashTask> task = take_overdue()) {
      lock.unlock();
      HashResult result = run(*task);
      lock.lock();
      deliver(std::move(result), lock);
    } else if (begun_) {
      changed_.wait_until(lock, begun_->at + kLate);
    } else {
      changed_.wait(lock);
    }
  }
}

// What the idle thread is late with, or would be.
std::optional<HashTask> Hasher::take_overdue() {
  std::optional<HashTask> task;
  if (begun_ && steady_now() >= begun_->at + kLate) {
    late_ = true;
    task = std::move(begun_->task);
    begun_.reset();
  } else if (late_ && !tasks_.empty()) {
    task = std::move(tasks_.front());
    tasks_.pop_front();
  }
  return task;
}

// Verified for unknown e-mails, so that the time tells nobody who has an account.
void Hasher::make_nobody() {
  std::call_once(nobody_made_, [this] { nobody_ = hash_password("nobody", cost_); });
}

HashResult Hasher::run(const HashTask& task) {
  make_nobody();
  HashResult result{.tag = task.tag, .right = true, .hash = {}};
  if (task.verify) {
    const bool same = verify_password(task.against.empty() ? nobody_ : task.against, task.password);
    result.right = same && !task.against.empty();
  }
  if (result.right && !task.to_hash.empty()) result.hash = hash_password(task.to_hash, cost_);
  return result;
}

void Hasher::deliver(HashResult result, std::unique_lock<std::mutex>& lock) {
  results_.push_back(std::move(result));
  lock.unlock();
  // Behind the lock: whom this wakes is of a higher priority, takes our core at once, and would
  // wait for the lock until we get another.
  const std::uint64_t one = 1;
  DEPOT_ASSERT(::write(event_fd_, &one, sizeof one) == sizeof one);
  lock.lock();
}

std::vector<HashResult> Hasher::take() {
  std::uint64_t count = 0;
  if (::read(event_fd_, &count, sizeof count) < 0) return {};
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

}  // namespace depot::distributor_worker
