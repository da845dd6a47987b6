#include "load_balancer/balancer.hpp"

#include <algorithm>

namespace depot::load_balancer {

using messaging::FrameType;
using messaging::Header;
using messaging::kHeaderSize;
using messaging::ReplyRecord;
using messaging::RequestRecord;
using protocol::Status;
using std::chrono::microseconds;

namespace {

constexpr std::size_t kInFlightMax = 65'536;
constexpr std::uint32_t kOutstandingPerWorkerMax = 4'096;
constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kQueuedNowMin = 1'000;
constexpr std::uint16_t kRetryAfterMs = 1'000;
constexpr Duration kComplainEvery = std::chrono::minutes(1);
constexpr Duration kTickEvery = std::chrono::milliseconds(50);
constexpr Duration kOverdue = std::chrono::seconds(1);  // behind the deadline

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

std::uint32_t Peer::credit() const {
  const auto left = static_cast<std::int32_t>(limit - moved);
  if (left <= 0 || outstanding >= kOutstandingPerWorkerMax) return 0;
  return std::min(static_cast<std::uint32_t>(left), kOutstandingPerWorkerMax - outstanding);
}

Balancer::Balancer(const Limits& limits, std::uint32_t seed, TimePoint now)
    : limits_(limits),
      now_(now),
      queue_(limits.queued_max, limits.queued_per_tenant_max, seed),
      next_session_(seed),
      worker_seen_(now),
      ticked_(now),
      queued_now_max_(limits.queued_max) {}

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
  peer->limit = header.credit_limit;
  peer->backend_down = (header.flags & messaging::kFlagBackendDown) != 0;
  if (header.type == FrameType::request && !worker) return on_requests(*peer, frame, header);
  if (header.type == FrameType::reply && worker) return on_replies(*peer, frame, header);
  if (header.type == FrameType::bye) return remove(*peer, "said goodbye", false);
  if (header.type == FrameType::drain && worker) {
    peer->draining = true;
    say(*peer, FrameType::drained, peer->moved);
  } else if (header.type == FrameType::drained && !worker) {
    peer->draining = true;
  } else if (header.type != FrameType::credit && header.type != FrameType::ping &&
             header.type != FrameType::pong) {
    complain(side, routing_id);
  }
}

void Balancer::on_hello(Side side, std::string_view routing_id, std::string_view frame,
                        std::uint64_t instance) {
  const auto role = side == Side::frontend ? messaging::Role::gateway : messaging::Role::worker;
  const std::string_view body = frame.substr(kHeaderSize);
  Peer* peer = find(side, routing_id);
  if (peer && peer->instance == instance) {  // It says so until it hears the answer.
    peer->heard = now_;
    return say(*peer, FrameType::welcome);
  }
  if (body.size() < 2 || body.size() > 1 + kNameBytesMax ||
      body.front() != static_cast<char>(role)) {
    return complain(side, routing_id);
  }
  if (draining_) return;
  for (Peer& other : peers_) {
    if (other.session == 0 || other.side != side) continue;
    if (other.instance == instance || &other == peer) remove(other, "came back anew", true);
  }
  if (directory_[static_cast<std::size_t>(side)].size() >= limits_.peers_max) {
    return complain(side, routing_id);
  }
  Peer& added = add_peer(side, routing_id, instance);
  added.name = body.substr(1);
  notes_.push_back({false, side == Side::backend ? "worker joined" : "gateway joined", added.name});
  say(added, FrameType::welcome);
}

Peer& Balancer::add_peer(Side side, std::string_view routing_id, std::uint64_t instance) {
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(peers_.size()));
    peers_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  if (side == Side::backend) {
    workers_.push_back(place);
    worker_seen_ = now_;
  }
  directory_[static_cast<std::size_t>(side)].emplace(routing_id, place);
  if (++next_session_ == 0) ++next_session_;
  Peer& peer = peers_[place];
  peer = {};
  peer.side = side;
  peer.session = next_session_;
  peer.instance = instance;
  peer.routing_id = routing_id;
  peer.heard = now_;
  return peer;
}

void Balancer::remove(Peer& peer, std::string_view why, bool warning) {
  const bool worker = peer.side == Side::backend;
  const std::uint32_t place = place_of(peer);
  notes_.push_back({warning, std::string(worker ? "worker " : "gateway ").append(why), peer.name});
  directory_[static_cast<std::size_t>(peer.side)].erase(peer.routing_id);
  peer.session = 0;
  peer.count = 0;
  free_places_.push_back(place);
  if (!worker) return;  // What it asked is dropped when its turn or its reply comes.
  std::erase(workers_, place);
  if (warning) ++counts_.workers_lost;
  give_up([&](const InFlight& request) { return request.worker == place; }, Status::worker_lost);
}

void Balancer::on_requests(Peer& gateway, std::string_view frame, const Header& header) {
  const Status available = availability();
  Asker asker{place_of(gateway), gateway.session, 0};
  messaging::RequestReader reader(frame, header);
  for (RequestRecord record; reader.next(record);) {
    ++counts_.requests;
    ++gateway.outstanding;
    asker.tag = record.tag;
    if (available != Status::ok) {
      refuse(asker, available);
    } else if (gateway.outstanding > limits_.queued_max || queue_.size() >= queued_now_max_ ||
               !queue_.push(asker, now_ + microseconds(record.budget_us), record)) {
      refuse(asker, Status::overload);
    }
  }
  if (!reader.ok()) complain(gateway.side, gateway.routing_id);
}

void Balancer::on_replies(Peer& worker, std::string_view frame, const Header& header) {
  const std::uint32_t place = place_of(worker);
  Duration fastest = 2 * worker.service;
  messaging::ReplyReader reader(frame, header);
  for (ReplyRecord record; reader.next(record);) {
    const InFlight* found = in_flight_.find(record.tag);
    if (!found || found->worker != place) {
      ++counts_.late;
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
}

void Balancer::on_unreachable(Side side, std::string_view routing_id, TimePoint now) {
  now_ = now;
  if (Peer* peer = find(side, routing_id)) remove(*peer, "is unreachable", true);
}

void Balancer::complain(Side side, std::string_view routing_id) {
  ++counts_.malformed;
  Peer* peer = find(side, routing_id);
  TimePoint& last = peer ? peer->complained : stranger_complained_;
  if (last != TimePoint{} && now_ - last < kComplainEvery) return;
  last = now_;
  notes_.push_back({true, "malformed frames, said once a minute", peer ? peer->name : "stranger"});
}

void Balancer::turn(TimePoint now) {
  now_ = now;
  if (now - ticked_ >= kTickEvery) tick();
  dispatch();
  for (const std::uint32_t place : filling_) finish_frame(peers_[place]);
  filling_.clear();
}

Status Balancer::availability() const {
  bool any = false;
  for (const std::uint32_t place : workers_) {
    if (peers_[place].draining) continue;
    if (!peers_[place].backend_down) return Status::ok;
    any = true;
  }
  if (any) return Status::backend_down;
  return now_ - worker_seen_ < limits_.no_worker_grace ? Status::ok : Status::no_worker;
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
    std::size_t free_workers = 0;
    Peer* worker = pick(free_workers);
    if (!worker) return;
    // A light load spreads record by record, a heavy one fills frames.
    const std::size_t share = (queue_.size() + free_workers - 1) / free_workers;
    auto chunk = std::min({share, messaging::kFrameRecordsMax, std::size_t{worker->credit()}});
    while (chunk > 0 && !queue_.empty()) chunk -= hand_over(*worker) ? 1 : 0;
  }
}

// The worker that will be done first: outstanding work times the recent time of one record.
Peer* Balancer::pick(std::size_t& free_workers) {
  Peer* best = nullptr;
  double best_cost = 0;
  ++rotation_;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    Peer& worker = peers_[workers_[(rotation_ + i) % workers_.size()]];
    // Silent for three pings it may hang: no more for it until it is heard, or found dead.
    if (worker.draining || worker.backend_down || worker.credit() == 0 ||
        now_ - worker.heard > 3 * limits_.ping_every) {
      continue;
    }
    ++free_workers;
    const double cost = (worker.outstanding + 1.0) * static_cast<double>(worker.service.count());
    if (best && cost >= best_cost) continue;
    best = &worker;
    best_cost = cost;
  }
  return best;
}

// Takes the next record off the queue. True when `worker` got it, false when it came too late.
bool Balancer::hand_over(Peer& worker) {
  const Waiting& waiting = queue_.front();
  if (now_ >= waiting.deadline || peers_[waiting.asker.gateway].session != waiting.asker.session) {
    refuse(waiting.asker, Status::expired);
    queue_.pop();
    return false;
  }
  RequestRecord record = waiting.record;
  const bool alone = (record.flags & messaging::kRecordAlone) != 0;
  if (alone) finish_frame(worker);
  record.tag = in_flight_.insert({waiting.asker, place_of(worker), now_, waiting.deadline});
  record.budget_us = static_cast<std::uint32_t>((waiting.deadline - now_) / microseconds(1));
  record.body = waiting.body;
  open_record(worker, messaging::kRequestRecordHead + record.body.size());
  messaging::append_request(record, worker.frame);
  if (alone) finish_frame(worker);
  queue_.pop();
  ++worker.moved;
  ++worker.outstanding;
  ++counts_.dispatched;
  return true;
}

void Balancer::tick() {
  const Duration since_last = now_ - std::exchange(ticked_, now_);
  for (Peer& peer : peers_) {
    if (peer.session == 0) continue;
    // After a stop of our own (SIGSTOP, a frozen machine) what came meanwhile is still unread.
    if (since_last > limits_.silence_max / 2) peer.heard = now_;
    if (now_ - peer.heard >= limits_.silence_max) {
      remove(peer, "is silent", true);
      continue;
    }
    if (now_ - peer.said >= limits_.ping_every) say(peer, FrameType::ping);
    if (peer.side == Side::backend && !peer.draining) worker_seen_ = now_;
    // What was slow once is forgotten in a second or two, or it would never be tried again.
    if (peer.outstanding == 0) peer.service = std::max(peer.service * 15 / 16, kServiceMin);
  }
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

// Keeps the queue as long as the workers get through in queue_wait_max. With a longer one every
// request would be served just when its customer has given up.
void Balancer::adapt_queue(Duration since_last) {
  const std::uint64_t dispatched = counts_.dispatched - dispatched_at_tick_;
  dispatched_at_tick_ = counts_.dispatched;
  queued_now_max_ = limits_.queued_max;
  const double rate = static_cast<double>(dispatched) / seconds(since_last);
  dispatch_rate_ = dispatch_rate_ == 0 ? rate : dispatch_rate_ * 0.9 + rate * 0.1;
  if (queue_.empty()) dispatch_rate_ = 0;
  if (dispatch_rate_ == 0) return;
  const auto reached = static_cast<std::size_t>(dispatch_rate_ * seconds(limits_.queue_wait_max));
  queued_now_max_ = std::min(std::max(reached, kQueuedNowMin), limits_.queued_max);
}

// Answers everything in flight that `over` says yes to.
template <typename F>
void Balancer::give_up(F&& over, Status status) {
  std::vector<std::uint32_t> tags;
  in_flight_.for_each([&](std::uint32_t tag, const InFlight& request) {
    if (over(request)) tags.push_back(tag);
  });
  for (const std::uint32_t tag : tags) {
    const InFlight request = *in_flight_.take(tag);
    --peers_[request.worker].outstanding;
    refuse(request.asker, status);
  }
}

void Balancer::drain(TimePoint now) {
  now_ = now;
  draining_ = true;
  for (Peer& peer : peers_) {
    if (peer.session != 0 && peer.side == Side::frontend) say(peer, FrameType::drain);
  }
}

bool Balancer::drained() const {
  return draining_ && queue_.empty() && in_flight_.size() == 0 &&
         std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) {
           return peer.session == 0 || peer.side == Side::backend || peer.draining;
         });
}

void Balancer::bye(TimePoint now) {
  now_ = now;
  for (Peer& peer : peers_) {
    if (peer.session != 0) say(peer, FrameType::bye);
  }
}

void Balancer::refuse(const Asker& asker, Status status) {
  ++counts_.refused[static_cast<std::size_t>(status)];
  const bool later =
      status == Status::overload || status == Status::no_worker || status == Status::backend_down;
  answer(asker, {.status = static_cast<std::uint16_t>(status),
                 .retry_after_ms = later ? kRetryAfterMs : std::uint16_t{0}});
}

void Balancer::answer(const Asker& asker, ReplyRecord reply) {
  Peer& gateway = peers_[asker.gateway];
  if (gateway.session != asker.session) return;  // Whoever asked is gone.
  reply.tag = asker.tag;
  open_record(gateway, messaging::kReplyRecordHead + reply.body.size());
  messaging::append_reply(reply, gateway.frame);
  --gateway.outstanding;
  ++gateway.moved;
}

// Makes room for a record of `size` bytes in the frame being filled for `peer`.
void Balancer::open_record(Peer& peer, std::size_t size) {
  if (peer.count == messaging::kFrameRecordsMax ||
      (peer.count > 0 && peer.frame.size() + size > messaging::kFrameBytesMax)) {
    finish_frame(peer);
  }
  if (peer.count++ > 0) return;
  peer.frame.assign(kHeaderSize, '\0');
  filling_.push_back(place_of(peer));
}

void Balancer::finish_frame(Peer& peer) {
  if (peer.count == 0) return;
  Header header =
      header_to(peer, peer.side == Side::backend ? FrameType::request : FrameType::reply);
  header.count = std::exchange(peer.count, std::uint16_t{0});
  messaging::patch_header(header, peer.frame);
  std::swap(next_out(peer.side, peer.routing_id), peer.frame);  // Buffers go in circles.
  peer.said = now_;
}

void Balancer::say(Peer& peer, FrameType type, std::uint64_t aux) {
  finish_frame(peer);  // What was decided before goes before.
  Header header = header_to(peer, type);
  header.aux = aux;
  messaging::write_header(header, next_out(peer.side, peer.routing_id));
  peer.said = now_;
}

Header Balancer::header_to(const Peer& peer, FrameType type) const {
  // A gateway may have as much outstanding as the queue holds in all; a worker asks for nothing.
  const auto window = static_cast<std::uint32_t>(limits_.queued_max);
  return {.type = type,
          .session = peer.session,
          .credit_limit = peer.side == Side::frontend ? peer.moved + window : 0};
}

std::string& Balancer::next_out(Side side, std::string_view routing_id) {
  if (out_count_ == out_.size()) out_.emplace_back();
  OutFrame& frame = out_[out_count_++];
  frame.side = side;
  frame.routing_id.assign(routing_id);
  frame.bytes.clear();
  return frame.bytes;
}

Peer* Balancer::find(Side side, std::string_view routing_id) {
  const Directory& directory = directory_[static_cast<std::size_t>(side)];
  const auto found = directory.find(routing_id);
  return found == directory.end() ? nullptr : &peers_[found->second];
}

std::uint32_t Balancer::place_of(const Peer& peer) const {
  return static_cast<std::uint32_t>(&peer - peers_.data());
}

}  // namespace depot::load_balancer
