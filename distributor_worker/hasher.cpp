#include "distributor_worker/hasher.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "base/fatal.hpp"

namespace depot::distributor_worker {
namespace {

constexpr int kNice = 10;  // About a tenth of a busy core's time.

}  // namespace

Hasher::Hasher(const PasswordCost& cost)
    : cost_(cost), event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  DEPOT_ASSERT(event_fd_ >= 0);
  boost::asio::post(thread_, [this] {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // Of this thread, on Linux.
    // Verified for unknown e-mails, so that the time tells nobody who has an account.
    nobody_ = hash_password("nobody", cost_);
  });
}

Hasher::~Hasher() {
  thread_.stop();
  thread_.join();
  ::close(event_fd_);
}

void Hasher::submit(HashTask task) {
  boost::asio::post(thread_, [this, task = std::move(task)] {
    HashResult result = run(task);
    {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
    }
    // Behind the lock: whom this wakes is of a higher priority, takes our core at once, and would
    // wait for the lock until we get another.
    const std::uint64_t one = 1;
    DEPOT_ASSERT(::write(event_fd_, &one, sizeof one) == sizeof one);
  });
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

std::vector<HashResult> Hasher::take() {
  std::uint64_t count = 0;
  if (::read(event_fd_, &count, sizeof count) < 0) return {};
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

}  // namespace depot::distributor_worker
