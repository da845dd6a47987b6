// The part of a Balancer that knows who is there, and what frames go to them.
#include <algorithm>

#include "load_balancer/balancer.hpp"

namespace depot::load_balancer {

using messaging::FrameType;
using messaging::Header;
using messaging::kHeaderSize;
using protocol::Status;

namespace {

constexpr std::size_t kNameBytesMax = 200;
constexpr Duration kComplainEvery = std::chrono::minutes(1);

std::string_view kind_of(Side side) { return side == Side::backend ? "worker " : "gateway "; }

}  // namespace

void Balancer::on_hello(Side side, std::string_view routing_id, std::string_view frame,
                        std::uint64_t instance) {
  const auto role = side == Side::frontend ? messaging::Role::gateway : messaging::Role::worker;
  const std::string_view body = frame.substr(kHeaderSize);
  Peer* peer = find(side, routing_id);
  // It says so until it hears the answer. Behind that, it has forgotten the session: an older
  // WELCOME came late.
  if (peer && peer->instance == instance && !peer->heard_in_session) {
    peer->heard = now_;
    return say(*peer, FrameType::welcome);
  }
  if (body.size() < 2 || body.size() > 1 + kNameBytesMax ||
      body.front() != static_cast<char>(role)) {
    return complain(side, routing_id);
  }
  if (draining_) return;
  const auto replaced = peers_.where([&](const Peer& other) {
    return other.side == side && (other.instance == instance || &other == peer);
  });
  for (const auto place : replaced) remove(*peers_.find(place), "came back anew", true);
  auto& directory = directory_[static_cast<std::size_t>(side)];
  if (std::ssize(directory) >= limits_.peers_max) return complain(side, routing_id);
  if (++next_session_ == 0) ++next_session_;
  const std::uint32_t place = peers_.insert({.side = side,
                                             .session = next_session_,
                                             .instance = instance,
                                             .routing_id = std::string(routing_id),
                                             .name = std::string(body.substr(1)),
                                             .heard = now_});
  Peer& joined = *peers_.find(place);
  joined.place = place;
  directory.emplace(routing_id, place);
  if (side == Side::backend) {
    workers_.push_back(place);
    worker_seen_ = now_;
  }
  notes_.push_back({false, std::string(kind_of(side)) + "joined", joined.name});
  say(joined, FrameType::welcome);
}

void Balancer::remove(Peer& peer, std::string_view why, bool warning) {
  const bool worker = peer.side == Side::backend;
  const std::uint32_t place = peer.place;
  notes_.push_back({warning, std::string(kind_of(peer.side)).append(why), peer.name});
  directory_[static_cast<std::size_t>(peer.side)].erase(peer.routing_id);
  peers_.take(place);
  if (!worker) return;  // What it asked is dropped when its turn or its reply comes.
  std::erase(workers_, place);
  if (warning) counts_.workers_lost.add();
  give_up([&](const InFlight& request) { return request.worker == place; }, Status::worker_lost);
}

void Balancer::on_unreachable(Side side, std::string_view routing_id, TimePoint now) {
  now_ = now;
  if (Peer* peer = find(side, routing_id)) remove(*peer, "is unreachable", true);
}

void Balancer::complain(Side side, std::string_view routing_id) {
  counts_.malformed.add();
  Peer* peer = find(side, routing_id);
  TimePoint& last = peer ? peer->complained : stranger_complained_;
  if (last != TimePoint{} && now_ - last < kComplainEvery) return;
  last = now_;
  notes_.push_back({true, "malformed frames, said once a minute", peer ? peer->name : "stranger"});
}

void Balancer::drain(TimePoint now) {
  now_ = now;
  draining_ = true;
  tell_gateways(FrameType::drain);
}

void Balancer::tell_gateways(FrameType type) {
  peers_.for_each([&](std::uint32_t, Peer& peer) {
    if (peer.side == Side::frontend) say(peer, type);
  });
}

bool Balancer::drained() {
  return draining_ && queue_.empty() && in_flight_.size() == 0 &&
         peers_
             .where([](const Peer& peer) { return peer.side == Side::frontend && !peer.draining; })
             .empty();
}

void Balancer::bye(TimePoint now) {
  now_ = now;
  peers_.for_each([&](std::uint32_t, Peer& peer) { say(peer, FrameType::bye); });
}

// Makes room for a record of `size` bytes in the frame being filled for `peer`.
void Balancer::open_record(Peer& peer, std::size_t size) {
  if (peer.count == messaging::kFrameRecordsMax ||
      (peer.count > 0 && peer.frame.size() + size > messaging::kFrameBytesMax)) {
    finish_frame(peer);
  }
  if (peer.count++ > 0) return;
  peer.frame.assign(kHeaderSize, '\0');
  filling_.push_back(peer.place);
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

void Balancer::say(Peer& peer, FrameType type) {
  finish_frame(peer);  // What was decided before goes before.
  Header header = header_to(peer, type);
  if (type == FrameType::drained) header.aux = peer.moved;
  messaging::write_header(header, next_out(peer.side, peer.routing_id));
  peer.said = now_;
}

Header Balancer::header_to(const Peer& peer, FrameType type) {
  // A worker hears what it was sent; a gateway may have as much outstanding as the queue holds in
  // all. What was lost on the way is not outstanding.
  if (peer.side == Side::backend) {
    return {.type = type, .session = peer.session, .credit_limit = peer.moved, .aux = peer.stamp};
  }
  return {.type = type,
          .flags = has_worker() ? std::uint8_t{0} : messaging::kFlagBackendDown,
          .session = peer.session,
          .credit_limit = peer.limit - peer.outstanding + static_cast<std::uint32_t>(queued_max_),
          .aux = messaging::stamp_of(now_)};
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
  const auto& directory = directory_[static_cast<std::size_t>(side)];
  const auto found = directory.find(routing_id);
  return found == directory.end() ? nullptr : peers_.find(found->second);
}

}  // namespace depot::load_balancer
