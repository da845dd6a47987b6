#include "customer_gateway/retry.hpp"

#include <algorithm>

namespace depot::customer_gateway {

using protocol::Status;

Next next_step(Attempts& attempts, Status status, bool other_balancer, int attempts_max) {
  if (status == Status::ok || status == Status::refused) return Next::deliver;
  if (protocol::not_executed(status)) {
    if (attempts.unknown) {
      --attempts.sent;  // It did not run, so it does not count.
      ++attempts.waits;
      return Next::wait;
    }
    const bool of_balancer = status == Status::no_worker || status == Status::draining;
    const bool again = of_balancer && other_balancer && attempts.sent < attempts_max;
    return again ? Next::elsewhere : Next::unavailable;
  }
  if (status != Status::worker_lost && status != Status::unknown) return Next::internal;

  attempts.unknown = true;
  if (status == Status::worker_lost) {
    if (attempts.alone) return Next::internal;
    ++attempts.losses;
  }
  if (attempts.sent >= attempts_max) return Next::timeout;
  attempts.alone = attempts.losses >= 2;
  return Next::resend;
}

Duration back_off(int waits, std::uint64_t random) {
  const Duration full = std::chrono::milliseconds(20) * (1 << std::clamp(waits - 1, 0, 4));
  return full / 2 + full * static_cast<std::int64_t>(random % 1024) / 2048;
}

}  // namespace depot::customer_gateway
