#include "distributor_worker/hasher.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/fatal.hpp"

namespace depot::distributor_worker {
namespace {

constexpr int kNice = 10;  // About a tenth of a busy core's time.

}  // namespace

Hasher::Hasher(const PasswordCost& cost)
    : cost_(cost),
      event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {
  DEPOT_ASSERT(event_fd_ >= 0);
}

Hasher::~Hasher() {
  thread_.request_stop();
  thread_.join();
  ::close(event_fd_);
}

void Hasher::submit(HashTask task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

std::vector<HashResult> Hasher::take() {
  std::uint64_t count = 0;
  if (::read(event_fd_, &count, sizeof count) < 0) return {};
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void Hasher::run(const std::stop_token& stop) {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // Of this thread, on Linux.
  // Verified for unknown e-mails, so that the time tells nobody who has an account.
  const std::string nobody = hash_password("nobody", cost_);
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return !tasks_.empty(); }) && !stop.stop_requested()) {
    const HashTask task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    HashResult result{.tag = task.tag, .right = true, .hash = {}};
    if (task.verify) {
      const bool same =
          verify_password(task.against.empty() ? nobody : task.against, task.password);
      result.right = same && !task.against.empty();
    }
    if (result.right && !task.to_hash.empty()) result.hash = hash_password(task.to_hash, cost_);
    lock.lock();
    results_.push_back(std::move(result));
    const std::uint64_t one = 1;
    DEPOT_ASSERT(::write(event_fd_, &one, sizeof one) == sizeof one);
  }
}

}  // namespace depot::distributor_worker
