#include "customer_gateway/retry.hpp"

#include <algorithm>

#include "protocol/orders.hpp"

namespace depot::customer_gateway {

using protocol::Problem;
using protocol::Status;

Next next_step(Attempts& attempts, Status status, bool definite, bool other_balancer,
               int attempts_max) {
  const bool refused = status == Status::refused;
  if (status == Status::ok || (refused && (definite || !attempts.unknown))) return Next::deliver;
  if (refused || protocol::not_executed(status)) {
    if (attempts.unknown) {
      --attempts.sent;  // It did nothing, so it does not count.
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
    if (attempts.alone && attempts.losses >= 2) return Next::internal;
    ++attempts.losses;
  }
  if (attempts.sent >= attempts_max) return Next::timeout;
  // The last one too: Redis may have failed over a neighbour in the batch.
  attempts.alone = attempts.losses >= 2 || attempts.sent + 1 == attempts_max;
  return Next::resend;
}

bool is_definite(protocol::RequestKind kind, std::string_view refusal) {
  const auto found = protocol::decode_problem(refusal);
  if (!found) return true;  // 'N', 'n': recorded.
  const Problem problem = found->problem;
  return problem != Problem::unavailable &&
         (kind != protocol::RequestKind::place_order ||
          (problem != Problem::rate_limited && problem != Problem::unauthenticated &&
           problem != Problem::card_required));
}

Duration back_off(int waits, std::uint64_t random) {
  const Duration full = std::chrono::milliseconds(20) * (1 << std::clamp(waits - 1, 0, 4));
  return full / 2 + full * static_cast<std::int64_t>(random % 1024) / 2048;
}

}  // namespace depot::customer_gateway
