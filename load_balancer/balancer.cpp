#include "load_balancer/balancer.hpp"

#include <algorithm>
#include <bit>

#include "base/fault_point.hpp"

namespace depot::load_balancer {

using messaging::FrameType;
using messaging::Header;
using messaging::ReplyRecord;
using messaging::RequestRecord;
using protocol::Status;
using std::chrono::microseconds;

namespace {

constexpr std::size_t kInFlightMax = 65'536;
constexpr std::uint32_t kOutstandingPerWorkerMax = 4'096;
constexpr std::uint32_t kBatch = 64;  // orders that a worker makes one call of, at most
constexpr std::size_t kQueuedLeast = 16;
constexpr double kRateAssumed = 1'000;  // a second, of workers that were not seen at their limit,
constexpr double kRateTrusted = 0.15;   // and as if that had been seen for so many seconds;
constexpr double kRateSeen = 0.35;      // or if more was, for so many
constexpr double kRateMemory = 0.95;    // a tick: a second, in which a slow Redis has some turns
constexpr double kWaitReckoned = 0.95;  // of queue_wait_max: workers take in batches, not evenly
constexpr std::uint16_t kRetryAfterMs = 1'000;
constexpr Duration kNoWorkerGrace = std::chrono::milliseconds(100);
constexpr Duration kTickEvery = std::chrono::milliseconds(50);
constexpr Duration kOverdue = std::chrono::seconds(1);  // behind the deadline

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::uint32_t Peer::credit() const {
  const auto left = static_cast<std::int32_t>(limit - moved);
  if (left <= 0 || outstanding >= kOutstandingPerWorkerMax) return 0;
  return std::min(static_cast<std::uint32_t>(left), kOutstandingPerWorkerMax - outstanding);
}

Counts::Counts(Metrics& metrics)
    : requests(metrics.counter("depot_balancer_requests_total", "Requests of gateways")),
      dispatched(metrics.counter("depot_balancer_dispatched_total", "Requests handed to workers")),
      late(metrics.counter("depot_balancer_late_replies_total",
                           "Replies to what was answered before")),
      malformed(
          metrics.counter("depot_balancer_malformed_total", "Frames that break the protocol")),
      workers_lost(metrics.counter("depot_balancer_workers_lost_total", "Workers found dead")) {
  for (const Status status : {Status::expired, Status::overload, Status::no_worker,
                              Status::backend_down, Status::worker_lost, Status::unknown}) {
    refused.emplace(status,
                    metrics.counter("depot_balancer_refused_total", "Answered without a worker",
                                    {{"reason", std::string(protocol::name_of(status))}}));
  }
}

Balancer::Balancer(const LoadBalancerConfig& limits, std::uint32_t seed, TimePoint now,
                   Metrics& metrics)
    : limits_(limits),
      queued_max_(static_cast<std::size_t>(limits.queued_max)),
      now_(now),
      queue_(queued_max_, static_cast<std::size_t>(limits.queued_per_tenant_max),
             static_cast<std::size_t>(limits.queued_bytes_max), seed),
      outstanding_max_(kOutstandingPerWorkerMax),
      counts_(metrics),
      next_session_(seed),
      worker_seen_(now),
      ticked_(now) {}

void Balancer::on_frame(Side side, std::string_view routing_id, std::string_view frame,
                        TimePoint now) {
  now_ = now;
  Header header;
  if (!messaging::read_header(frame, header)) return complain(side, routing_id);
  if (header.type == FrameType::hello) return on_hello(side, routing_id, frame, header.aux);
  Peer* peer = find(side, routing_id);
  if (!peer || peer->session != header.session) {
    messaging::write_header({.type = FrameType::reset, .session = header.session},
                            next_out(side, routing_id));
    return;
  }
  const bool worker = side == Side::backend;
  peer->heard = now;
  if (messaging::carries_stamp(header.type)) peer->stamp = header.aux;
  peer->heard_in_session = true;
  const std::uint32_t news = worker ? 0 : messaging::sent_since(peer->limit, header);
  peer->limit = worker ? header.credit_limit : peer->limit + news;
  peer->backend_down = (header.flags & messaging::kFlagBackendDown) != 0;
  if (header.type == FrameType::request && !worker) {
    if (news > 0) on_requests(*peer, frame, header);
    return;  // Else a double, or overtaken: to answer it could belie the answer to the other.
  }
  if (header.type == FrameType::reply && worker) return on_replies(*peer, frame, header);
  if (header.type == FrameType::bye) return remove(*peer, "said goodbye", false);
  if (header.type == FrameType::drain && worker) {
    peer->draining = true;
    say(*peer, FrameType::drained);
  } else if (header.type == FrameType::drained && !worker) {
    peer->draining = true;
  } else if (header.type != FrameType::credit && header.type != FrameType::ping &&
             header.type != FrameType::pong) {
    complain(side, routing_id);
  }
}

void Balancer::on_requests(Peer& gateway, std::string_view frame, const Header& header) {
  const Status available = availability();
  Asker asker{gateway.place, 0};
  messaging::RequestReader reader(frame, header);
  counts_.requests.add(header.count);
  const Duration waited = messaging::age_of(header.aux, now_);  // at most, and mostly on the way
  for (RequestRecord record; reader.next(record);) {
    ++gateway.outstanding;
    asker.tag = record.tag;
    const Duration left = std::max(Duration{}, microseconds(record.budget_us) - waited);
    if (available != Status::ok) {
      refuse(asker, available);
    } else if (gateway.outstanding > queued_max_ || !queue_.push(asker, now_ + left, record)) {
      refuse(asker, Status::overload);
    }
  }
  if (!reader.ok()) complain(gateway.side, gateway.routing_id);
}

void Balancer::on_replies(Peer& worker, std::string_view frame, const Header& header) {
  Duration fastest = 2 * worker.service;
  messaging::ReplyReader reader(frame, header);
  for (ReplyRecord record; reader.next(record);) {
    const InFlight* found = in_flight_.find(record.tag);
    if (!found || found->worker != worker.place) {
      counts_.late.add();
      continue;
    }
    fastest = std::min(fastest, now_ - found->sent);
    answer(found->asker, record);
    in_flight_.take(record.tag);
    --worker.outstanding;
  }
  // A frame's fastest record, at most twice the mean: one slow password is no slow worker, and a
  // worker that stays slow has ten times the mean after twenty frames.
  if (header.count > 0) worker.service += (std::max(fastest, kServiceMin) - worker.service) / 8;
  if (!reader.ok()) complain(worker.side, worker.routing_id);
  fault_point("balancer.answered");
}

void Balancer::turn(TimePoint now) {
  now_ = now;
  if (now - ticked_ >= kTickEvery) tick();
  // A gateway that knows of another balancer is to use that one while there is no worker here.
  const bool has = has_worker();
  if (std::exchange(had_worker_, has) != has) tell_gateways(FrameType::credit);
  dispatch();
  for (const std::uint32_t place : filling_) {
    if (Peer* peer = peers_.find(place)) finish_frame(*peer);
  }
  filling_.clear();
}

bool Balancer::has_worker() {
  return std::ranges::any_of(workers_, [&](std::uint32_t place) {
    const Peer& worker = *peers_.find(place);
    return !worker.draining && !worker.backend_down;
  });
}

Status Balancer::availability() {
  if (has_worker()) return Status::ok;
  if (std::ranges::any_of(workers_, [&](auto place) { return !peers_.find(place)->draining; })) {
    return Status::backend_down;
  }
  return now_ - worker_seen_ < kNoWorkerGrace ? Status::ok : Status::no_worker;
}

void Balancer::dispatch() {
  if (queue_.empty()) return;
  if (const Status status = availability(); status != Status::ok) {
    queue_.remove_if([&](const Waiting& waiting) {
      refuse(waiting.asker, status);
      return true;
    });
  }
  while (!queue_.empty() && in_flight_.size() < kInFlightMax) {
    Peer* worker = pick();
    if (!worker) return;
    auto chunk = std::min(kBatch - worker->outstanding % kBatch, room(*worker));
    while (chunk > 0 && !queue_.empty()) chunk -= hand_over(*worker) ? 1 : 0;
  }
}

// How many more it takes.
std::uint32_t Balancer::room(const Peer& worker) const {
  if (worker.outstanding >= outstanding_max_) return 0;
  return std::min(worker.credit(), outstanding_max_ - worker.outstanding);
}

// The worker that will be done first: batches outstanding times the recent time of one record, to a
// power of two. Of equals the one with the fuller batch: Redis takes a batch of 30 for less than
// three of ten.
Peer* Balancer::pick() {
  Peer* best = nullptr;
  std::uint64_t best_cost = 0;
  ++rotation_;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    Peer& worker = *peers_.find(workers_[(rotation_ + i) % workers_.size()]);
    // Silent for three pings it may hang: no more for it until it is heard, or found dead.
    if (worker.draining || worker.backend_down || room(worker) == 0 ||
        now_ - worker.heard > 3 * limits_.ping_every) {
      continue;
    }
    const auto batches = std::uint64_t{worker.outstanding / kBatch} + 1;
    const auto cost =
        batches << std::bit_width(static_cast<std::uint64_t>(worker.service / microseconds(1)));
    if (best && cost > best_cost) continue;
    if (best && cost == best_cost && worker.outstanding <= best->outstanding) continue;
    best = &worker;
    best_cost = cost;
  }
  return best;
}

// Takes the next record off the queue. True when `worker` got it, false when it came too late.
bool Balancer::hand_over(Peer& worker) {
  const Waiting& waiting = queue_.front();
  const Peer* gateway = peers_.find(waiting.asker.gateway);
  // After a stop of our own, or of the network, the gateway may have asked elsewhere long ago.
  const bool late = gateway && messaging::age_of(gateway->stamp, now_) >= limits_.silence_max / 2;
  if (late || now_ >= waiting.deadline || !gateway) {
    refuse(waiting.asker, late ? Status::unknown : Status::expired);
    queue_.pop();
    return false;
  }
  RequestRecord record = waiting.record;
  const bool alone = (record.flags & messaging::kRecordAlone) != 0;
  if (alone) finish_frame(worker);
  record.tag = in_flight_.insert({waiting.asker, worker.place, now_, waiting.deadline});
  record.budget_us = static_cast<std::uint32_t>((waiting.deadline - now_) / microseconds(1));
  record.body = waiting.body;
  open_record(worker, messaging::kRequestRecordHead + record.body.size());
  messaging::append_request(record, worker.frame);
  ++worker.moved;  // The frame says so.
  ++worker.outstanding;
  given_ += FairQueue::turns_of(waiting.body);
  if (alone) finish_frame(worker);
  queue_.pop();
  counts_.dispatched.add();
  return true;
}

void Balancer::tick() {
  const Duration since_last = now_ - std::exchange(ticked_, now_);
  // After a stop of our own (SIGSTOP, a frozen machine) what came meanwhile is still unread.
  const bool stopped = since_last > limits_.silence_max / 2;
  const auto silent = peers_.where(
      [&](const Peer& peer) { return !stopped && now_ - peer.heard >= limits_.silence_max; });
  for (const std::uint32_t place : silent) remove(*peers_.find(place), "is silent", true);
  peers_.for_each([&](std::uint32_t, Peer& peer) {
    if (stopped) peer.heard = now_;
    if (now_ - peer.said >= limits_.ping_every) say(peer, FrameType::ping);
    if (peer.side == Side::backend && !peer.draining) worker_seen_ = now_;
    // What was slow once is forgotten in a second or two, or it would never be tried again.
    if (peer.outstanding == 0) peer.service = std::max(peer.service * 15 / 16, kServiceMin);
  });
  queue_.remove_if([&](const Waiting& waiting) {
    if (now_ < waiting.deadline) return false;
    refuse(waiting.asker, Status::expired);
    return true;
  });
  // A worker that lives and never answers.
  give_up([&](const InFlight& request) { return now_ >= request.deadline + kOverdue; },
          Status::unknown);
  adapt_queue(since_last);
}

// Keeps the queue, and what workers have, as long as they get through in queue_wait_max. With more
// every request would be served just when its customer has given up. What they were given without a
// backlog is the least that they can do, and what a backlog begins with: a short stall is waited
// out, and workers that are slow for long are known to be after half a second. A crowd that comes
// at once is let in, a customer each, before that is known.
void Balancer::adapt_queue(Duration since_last) {
  recent_.turns = recent_.turns * kRateMemory + static_cast<double>(std::exchange(given_, 0));
  recent_.seconds = recent_.seconds * kRateMemory + seconds(since_last);
  double rate = recent_.turns / recent_.seconds;
  const bool all_the_time = std::exchange(backlog_, !queue_.empty()) && backlog_;
  if (!all_the_time) {
    const double seen = rate > kRateAssumed ? kRateSeen : kRateTrusted;
    rate = std::max(rate, kRateAssumed);
    recent_ = {rate * seen, seen};
  }
  const double wait = kWaitReckoned * seconds(limits_.queue_wait_max);
  const auto reached = static_cast<std::size_t>(rate * wait);
  const std::size_t turns = std::min(std::max(reached, kQueuedLeast), queued_max_);
  queue_.limit(turns, all_the_time ? turns : queued_max_);
  outstanding_max_ = kOutstandingPerWorkerMax;
  if (all_the_time) {
    const std::size_t each = reached / std::max<std::size_t>(workers_.size(), 1);
    outstanding_max_ = static_cast<std::uint32_t>(
        std::clamp<std::size_t>(each, kQueuedLeast, kOutstandingPerWorkerMax));
  }
}

// Answers everything in flight that `over` says yes to.
void Balancer::give_up(const std::function<bool(const InFlight&)>& over, Status status) {
  for (const std::uint32_t tag : in_flight_.where(over)) {
    const InFlight request = *in_flight_.take(tag);
    if (Peer* worker = peers_.find(request.worker)) --worker->outstanding;
    refuse(request.asker, status);
  }
}

void Balancer::refuse(const Asker& asker, Status status) {
  counts_.refused.at(status).add();
  const bool later =
      status == Status::overload || status == Status::no_worker || status == Status::backend_down;
  answer(asker, {.status = static_cast<std::uint16_t>(status),
                 .retry_after_ms = later ? kRetryAfterMs : std::uint16_t{0}});
}

void Balancer::answer(const Asker& asker, ReplyRecord reply) {
  Peer* gateway = peers_.find(asker.gateway);
  if (!gateway) return;  // Whoever asked is gone.
  reply.tag = asker.tag;
  open_record(*gateway, messaging::kReplyRecordHead + reply.body.size());
  messaging::append_reply(reply, gateway->frame);
  --gateway->outstanding;
}

}  // namespace depot::load_balancer
