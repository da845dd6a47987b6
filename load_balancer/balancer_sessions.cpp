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
  Directory& directory = directory_[static_cast<std::size_t>(side)];
  if (directory.size() >= limits_.peers_max) return complain(side, routing_id);
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(peers_.size()));
    peers_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  directory.emplace(routing_id, place);
  if (++next_session_ == 0) ++next_session_;
  peers_[place] = {.side = side,
                   .session = next_session_,
                   .instance = instance,
                   .routing_id = std::string(routing_id),
                   .name = std::string(body.substr(1)),
                   .heard = now_};
  if (side == Side::backend) {
    workers_.push_back(place);
    worker_seen_ = now_;
  }
  notes_.push_back({false, std::string(kind_of(side)) + "joined", peers_[place].name});
  say(peers_[place], FrameType::welcome);
}

void Balancer::remove(Peer& peer, std::string_view why, bool warning) {
  const bool worker = peer.side == Side::backend;
  const std::uint32_t place = place_of(peer);
  notes_.push_back({warning, std::string(kind_of(peer.side)).append(why), peer.name});
  directory_[static_cast<std::size_t>(peer.side)].erase(peer.routing_id);
  peer.session = 0;
  peer.count = 0;
  free_places_.push_back(place);
  if (!worker) return;  // What it asked is dropped when its turn or its reply comes.
  std::erase(workers_, place);
  if (warning) ++counts_.workers_lost;
  give_up([&](const InFlight& request) { return request.worker == place; }, Status::worker_lost);
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
  if (peer.side == Side::backend) return {.type = type, .session = peer.session};
  return {.type = type,
          .flags = has_worker() ? std::uint8_t{0} : messaging::kFlagBackendDown,
          .session = peer.session,
          .credit_limit = peer.moved + window};
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
