#include "customer_gateway/requests.hpp"

#include <algorithm>
#include <utility>

#include "base/fault_point.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using protocol::Status;

constexpr Duration kCreditWaitMax = 20ms;  // With the tick, well within the promised 100 ms.

}  // namespace

BackendMetrics::BackendMetrics(Metrics& metrics, const Labels& thread)
    : retries(metrics.counter("depot_gateway_retries_total",
                              "Requests sent again because their first fate is not known", thread)),
      lost_links(metrics.counter("depot_gateway_lost_links_total", "Balancers found dead", thread)),
      timeouts(metrics.counter("depot_gateway_timeouts_total", "Requests without a timely answer",
                               thread)),
      late(metrics.counter("depot_gateway_late_replies_total", "Replies to finished requests",
                           thread)),
      links_up(metrics.gauge("depot_gateway_links_up", "Balancers connected", thread)),
      in_flight(metrics.gauge("depot_gateway_in_flight", "Requests behind the gateway", thread)) {}

Requests::Requests(const GatewayConfig& config, BackendMetrics& metrics, Log& log, Random random)
    : attempts_max_(config.attempts_max),
      in_flight_max_(static_cast<std::size_t>(config.in_flight_max)),
      metrics_(metrics),
      log_(log),
      random_(std::move(random)) {}

void Requests::call(Call call, Duration budget, Done done, TimePoint now) {
  if (pending_.size() >= in_flight_max_) return done({Outcome::Kind::unavailable, {}});
  Pending pending;
  pending.call = std::move(call);
  pending.done = std::move(done);
  pending.deadline = now + budget;
  send_or_wait(pending_.insert(std::move(pending)), now);
}

Requests::Line* Requests::pick(const Line* avoid) {
  Line* best = nullptr;
  // A balancer without a worker has the least outstanding: it would draw everything to itself.
  const auto cost = [](const Line& line) {
    return std::pair(line.session.backend_down(), line.outstanding);
  };
  for (Line& line : lines_) {
    if (&line == avoid || !line.session.connected() || line.session.credit() == 0) continue;
    if (!best || cost(line) < cost(*best)) best = &line;
  }
  return best;
}

bool Requests::send(std::uint32_t tag, TimePoint now) {
  Pending& pending = *pending_.find(tag);
  Line* line = pick(pending.avoid);
  if (!line && pending.avoid) line = pick(nullptr);
  if (!line) return false;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(pending.deadline - now);
  const bool sent = line->session.send_request(
      {.tag = tag,
       .budget_us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left.count(), 1, 1 << 30)),
       .tenant = pending.call.tenant,
       .kind = static_cast<std::uint8_t>(pending.call.kind),
       .attempt = static_cast<std::uint8_t>(pending.attempts.sent + 1),
       .flags = pending.attempts.alone ? messaging::kRecordAlone : std::uint8_t{0},
       .request_id = pending.call.request_id,
       .body = pending.call.body});
  if (!sent) return false;
  ++pending.attempts.sent;
  ++line->outstanding;
  pending.line = line;
  return true;
}

void Requests::send_or_wait(std::uint32_t tag, TimePoint now) {
  // Who waits already goes first.
  if (waiting_.empty() && send(tag, now)) return;
  Pending& pending = *pending_.find(tag);
  const bool hopeless = std::ranges::none_of(lines_, [](Line& l) { return l.session.connected(); });
  if (hopeless && !pending.attempts.unknown) return finish(tag, Outcome::Kind::unavailable);
  pending.give_up = now + kCreditWaitMax;
  waiting_.push_back(tag);
}

void Requests::send_waiting(TimePoint now) {
  while (!waiting_.empty()) {
    const Pending* pending = pending_.find(waiting_.front());
    if (pending && !pending->line && !send(waiting_.front(), now)) return;
    waiting_.pop_front();
  }
}

void Requests::on_status(std::uint32_t tag, Status status, std::string_view body, TimePoint now) {
  Pending* found = pending_.find(tag);
  if (!found || !found->line) {
    metrics_.late.add();
    return;
  }
  Line* line = std::exchange(found->line, nullptr);
  --line->outstanding;
  const bool definite =
      status == Status::refused && found->attempts.unknown && is_definite(found->call.kind, body);
  switch (next_step(found->attempts, status, definite, pick(line) != nullptr, attempts_max_)) {
    case Next::deliver:
      return finish(tag, Outcome::Kind::answered, body);
    case Next::unavailable:
      return finish(tag, Outcome::Kind::unavailable);
    case Next::timeout:
      return finish(tag, Outcome::Kind::timeout);
    case Next::internal:
      log_.error("a request failed for good", {{"request_id", to_text(found->call.request_id)},
                                               {"kind", protocol::name_of(found->call.kind)},
                                               {"status", protocol::name_of(status)},
                                               {"workers_lost", found->attempts.losses}});
      return finish(tag, Outcome::Kind::internal);
    case Next::wait:
      found->avoid = line;
      found->resume = now + back_off(found->attempts.waits, random_());
      return;
    case Next::elsewhere:
      found->avoid = line;
      break;
    case Next::resend:
      metrics_.retries.add();
      break;
  }
  send_anew(tag, now);
}

// A tag of its own for each attempt: a late answer to an earlier one finds nothing.
void Requests::send_anew(std::uint32_t tag, TimePoint now) {
  send_or_wait(pending_.insert(*pending_.take(tag)), now);
}

void Requests::on_reply(const messaging::ReplyRecord& record, TimePoint now) {
  on_status(record.tag, static_cast<Status>(record.status), record.body, now);
}

void Requests::on_lost(std::size_t balancer, TimePoint now) {
  const Line& line = lines_[balancer];
  metrics_.lost_links.add();
  log_.warning("balancer lost", {{"outstanding", line.outstanding}});
  const std::vector<std::uint32_t> lost =
      pending_.where([&](const Pending& pending) { return pending.line == &line; });
  // Unknown, but no worker died of it: it is not held against the request.
  for (const std::uint32_t tag : lost) on_status(tag, Status::unknown, {}, now);
}

void Requests::finish(std::uint32_t tag, Outcome::Kind kind, std::string_view body) {
  if (kind == Outcome::Kind::timeout) metrics_.timeouts.add();
  const std::optional<Pending> pending = pending_.take(tag);
  if (pending->line) --pending->line->outstanding;
  if (kind == Outcome::Kind::answered) fault_point("gateway.answered");
  pending->done({kind, body});
}

void Requests::tick(TimePoint now) {
  const std::vector<std::uint32_t> due = pending_.where([&](const Pending& pending) {
    const TimePoint idle = pending.resume != TimePoint{} ? pending.resume : pending.give_up;
    return pending.deadline <= now || (!pending.line && idle <= now);
  });
  for (const std::uint32_t tag : due) {
    Pending* pending = pending_.find(tag);
    if (!pending) continue;
    const bool unknown = pending->attempts.unknown || pending->line;
    if (pending->deadline <= now) {
      finish(tag, unknown ? Outcome::Kind::timeout : Outcome::Kind::unavailable);
    } else if (pending->resume != TimePoint{}) {
      pending->resume = {};
      send_anew(tag, now);
    } else if (!unknown) {
      finish(tag, Outcome::Kind::unavailable);
    }
  }
}

}  // namespace depot::customer_gateway
