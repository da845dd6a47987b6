#include "customer_gateway/backend.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/crypto.hpp"
#include "base/fault_point.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using protocol::Status;

constexpr Duration kTick = 20ms;
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

// A balancer: its link, and the descriptor by which Asio hears of it.
struct LinkBackend::Line final : messaging::LinkEvents {
  Line(LinkBackend& backend, messaging::Context& context, const messaging::LinkOptions& options)
      : owner(backend), link(context, options, *this), descriptor(backend.io_) {}

  void on_lost() override { owner.on_link_lost(*this); }
  void on_reply(const messaging::ReplyRecord& record) override {
    owner.on_status(record.tag, static_cast<Status>(record.status), record.body);
  }

  LinkBackend& owner;
  messaging::Link link;
  boost::asio::posix::stream_descriptor descriptor;
  std::uint32_t generation = 0;
  std::uint32_t outstanding = 0;
  bool queued = false;    // records since the last flush
  bool watching = false;  // a wait on the descriptor is under way
  bool posted = false;    // pump() will run in the next turn
};

LinkBackend::LinkBackend(boost::asio::io_context& io, messaging::Context& context,
                         const Config& config, const std::string& link_name,
                         BackendMetrics& metrics, Log& log)
    : io_(io),
      attempts_max_(config.gateway.attempts_max),
      in_flight_max_(static_cast<std::size_t>(config.gateway.in_flight_max)),
      metrics_(metrics),
      log_(log),
      timer_(io) {
  for (int i = 0; i < config.load_balancer.count; ++i) {
    const messaging::LinkOptions options{.endpoint = config.frontend_endpoint(i),
                                         .role = messaging::Role::gateway,
                                         .name = link_name,
                                         .ping_every = config.load_balancer.ping_every,
                                         .silence_max = config.load_balancer.silence_max};
    lines_.push_back(std::make_unique<Line>(*this, context, options));
  }
  tick();
}

LinkBackend::~LinkBackend() {
  for (auto& line : lines_) line->link.bye();
}

void LinkBackend::call(Call call, Duration budget, Done done) {
  const TimePoint now = steady_now();
  if (pending_.size() >= in_flight_max_) return done({Outcome::Kind::unavailable, {}});
  Pending pending;
  pending.call = std::move(call);
  pending.done = std::move(done);
  pending.deadline = now + budget;
  send_or_wait(pending_.insert(std::move(pending)), now);
}

LinkBackend::Line* LinkBackend::pick(const Line* avoid) const {
  Line* best = nullptr;
  // A balancer without a worker has the least outstanding: it would draw everything to itself.
  const auto cost = [](const Line& line) {
    return std::pair(line.link.backend_down(), line.outstanding);
  };
  for (const auto& line : lines_) {
    if (line.get() == avoid || !line->link.connected() || line->link.credit() == 0) continue;
    if (!best || cost(*line) < cost(*best)) best = line.get();
  }
  return best;
}

bool LinkBackend::send(std::uint32_t tag, TimePoint now) {
  Pending& pending = *pending_.find(tag);
  Line* line = pick(pending.avoid);
  if (!line && pending.avoid) line = pick(nullptr);
  if (!line) return false;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(pending.deadline - now);
  const bool sent = line->link.send_request(
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
  line->queued = true;
  pending.line = line;
  return true;
}

void LinkBackend::send_or_wait(std::uint32_t tag, TimePoint now) {
  // Who waits already goes first.
  if (waiting_.empty() && send(tag, now)) return;
  Pending& pending = *pending_.find(tag);
  const bool hopeless = std::ranges::none_of(lines_, [](auto& l) { return l->link.connected(); });
  if (hopeless && !pending.attempts.unknown) return finish(tag, Outcome::Kind::unavailable);
  pending.give_up = now + kCreditWaitMax;
  waiting_.push_back(tag);
}

void LinkBackend::send_waiting(TimePoint now) {
  while (!waiting_.empty()) {
    const Pending* pending = pending_.find(waiting_.front());
    if (pending && !pending->line && !send(waiting_.front(), now)) return;
    waiting_.pop_front();
  }
}

void LinkBackend::on_status(std::uint32_t tag, Status status, std::string_view body) {
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
      found->resume = steady_now() + back_off(found->attempts.waits, random_u64());
      return;
    case Next::elsewhere:
      found->avoid = line;
      break;
    case Next::resend:
      metrics_.retries.add();
      break;
  }
  // A tag of its own for each attempt: a late answer to an earlier one finds nothing.
  send_or_wait(pending_.insert(*pending_.take(tag)), steady_now());
}

void LinkBackend::on_link_lost(Line& line) {
  metrics_.lost_links.add();
  log_.warning("balancer lost", {{"outstanding", line.outstanding}});
  std::vector<std::uint32_t> lost;
  pending_.for_each([&](std::uint32_t tag, const Pending& pending) {
    if (pending.line == &line) lost.push_back(tag);
  });
  // Unknown, but no worker died of it: it is not held against the request.
  for (const std::uint32_t tag : lost) on_status(tag, Status::unknown, {});
}

void LinkBackend::finish(std::uint32_t tag, Outcome::Kind kind, std::string_view body) {
  if (kind == Outcome::Kind::timeout) metrics_.timeouts.add();
  const std::optional<Pending> pending = pending_.take(tag);
  if (pending->line) --pending->line->outstanding;
  if (kind == Outcome::Kind::answered) fault_point("gateway.answered");
  pending->done({kind, body});
}

void LinkBackend::flush() {
  const TimePoint now = steady_now();
  for (auto& line : lines_) {
    if (!std::exchange(line->queued, false)) continue;
    line->link.flush(now);
    look_again(*line);  // A send may have consumed the edge of a reply that came meanwhile.
  }
}

void LinkBackend::pump(Line& line) {
  const TimePoint now = steady_now();
  const bool more = line.link.receive(now);
  send_waiting(now);
  flush();
  if (more) {
    look_again(line);
  } else if (!line.posted) {
    watch(line);
  }
}

// Runs pump() in the next turn, so that HTTP gets its share in between.
void LinkBackend::look_again(Line& line) {
  if (std::exchange(line.posted, true)) return;
  boost::asio::post(io_, [this, &line] {
    line.posted = false;
    pump(line);
  });
}

// REQUIRES: the last call on the socket was a receive that found nothing.
void LinkBackend::watch(Line& line) {
  if (!line.descriptor.is_open() || line.generation != line.link.generation()) {
    line.generation = line.link.generation();
    // A duplicate, since the socket closes its own whenever it likes: neither closes the other's.
    boost::system::error_code ignored;
    line.descriptor.close(ignored);
    line.descriptor.assign(::fcntl(line.link.socket().fd(), F_DUPFD_CLOEXEC, 0));
    line.watching = false;
  }
  if (std::exchange(line.watching, true)) return;
  line.descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [this, &line](const boost::system::error_code& error) {
                               if (error) return;  // Closed above, and watched anew.
                               line.watching = false;
                               pump(line);
                             });
}

void LinkBackend::tick() {
  const TimePoint now = steady_now();
  int up = 0;
  for (auto& line : lines_) {
    line->link.tick(now);
    pump(*line);
    up += line->link.connected() ? 1 : 0;
  }
  sweep(now);
  flush();
  metrics_.links_up.set(up);
  metrics_.in_flight.set(static_cast<std::int64_t>(pending_.size()));
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void LinkBackend::sweep(TimePoint now) {
  std::vector<std::uint32_t> due;
  pending_.for_each([&](std::uint32_t tag, const Pending& pending) {
    const bool idle = !pending.line;
    if (pending.deadline <= now ||
        (idle && pending.resume != TimePoint{} && pending.resume <= now) ||
        (idle && pending.resume == TimePoint{} && pending.give_up <= now)) {
      due.push_back(tag);
    }
  });
  for (const std::uint32_t tag : due) {
    Pending* pending = pending_.find(tag);
    if (!pending) continue;
    const bool unknown = pending->attempts.unknown || pending->line;
    if (pending->deadline <= now) {
      finish(tag, unknown ? Outcome::Kind::timeout : Outcome::Kind::unavailable);
    } else if (pending->resume != TimePoint{}) {
      pending->resume = {};
      send_or_wait(tag, now);
    } else if (!unknown) {
      finish(tag, Outcome::Kind::unavailable);
    }
  }
}

}  // namespace depot::customer_gateway
