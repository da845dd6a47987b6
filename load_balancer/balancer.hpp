// Decides which worker gets which request, and answers at once what cannot be served.
//
// Frames of gateways and workers go in with `now`, frames to send come out. Promise: each request
// of a gateway is answered once in its session (by a worker, or here with the reason), no worker is
// sent more than it granted, and one tenant's flood does not hold up the others.
//
// Threads: one owner.
// Errors:  a malformed frame is counted, noted once per peer and minute, and dropped.
// Source:  docs/PROTOCOL.md, "Requests".
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "load_balancer/fair_queue.hpp"
#include "messaging/frame.hpp"
#include "messaging/slots.hpp"
#include "protocol/kinds.hpp"

namespace depot::load_balancer {

struct Limits {
  std::size_t queued_max = 20'000;
  std::size_t queued_per_tenant_max = 4'000;
  Duration silence_max = std::chrono::seconds(1);
  Duration ping_every = std::chrono::milliseconds(100);
  Duration no_worker_grace = std::chrono::milliseconds(100);
  // What a backlog would not let the workers reach in this time is refused at once.
  Duration queue_wait_max = std::chrono::seconds(1);
  std::size_t peers_max = 1'000;  // gateways, and as many workers
};

enum class Side : std::uint8_t { frontend = 0, backend = 1 };  // the gateways', the workers' socket

struct OutFrame {
  Side side = Side::frontend;
  std::string routing_id;
  std::string bytes;
};

inline constexpr Duration kServiceMin = std::chrono::microseconds(50);

struct Peer {  // a session with a gateway or worker
  Side side = Side::frontend;
  std::uint32_t session = 0;  // 0: the place is free
  std::uint64_t instance = 0;
  std::string routing_id;
  std::string name;
  TimePoint heard{};
  TimePoint said{};
  TimePoint complained{};
  bool draining = false;      // worker: wants no more; gateway: will send no more
  bool backend_down = false;  // worker
  std::uint32_t outstanding = 0;
  std::uint32_t moved = 0;         // worker: dispatched to it; gateway: answered to it
  std::uint32_t limit = 0;         // worker: what it granted
  Duration service = kServiceMin;  // worker: recent time of one record
  std::uint16_t count = 0;         // records in the frame being filled
  std::string frame{};
  std::uint32_t credit() const;  // worker
};

struct Counts {
  std::uint64_t requests = 0;
  std::uint64_t dispatched = 0;
  std::uint64_t late = 0;  // replies to what was answered before
  std::uint64_t malformed = 0;
  std::uint64_t workers_lost = 0;
  std::array<std::uint64_t, 11> refused{};  // answered here, by protocol::Status
};

struct Note {  // for the log
  bool warning = false;
  std::string text;
  std::string peer;
};

class Balancer {
 public:
  // `seed`: random. Session numbers start there, so that those of an earlier process mean nothing.
  Balancer(const Limits& limits, std::uint32_t seed, TimePoint now);

  void on_frame(Side side, std::string_view routing_id, std::string_view frame, TimePoint now);
  // A frame could not be sent: the peer is dead.
  void on_unreachable(Side side, std::string_view routing_id, TimePoint now);
  // Closes a turn of the loop: dispatches, does what time asks for, finishes the frames.
  void turn(TimePoint now);

  // Asks gateways to use another balancer. Once drained(), nothing is owed to anybody.
  void drain(TimePoint now);
  bool drained() const;
  void bye(TimePoint now);

  // To be sent now, in this order; then clear_out().
  std::span<const OutFrame> out() const { return {out_.data(), out_count_}; }
  void clear_out() { out_count_ = 0; }
  std::vector<Note> take_notes() { return std::exchange(notes_, {}); }

  const Counts& counts() const { return counts_; }
  std::size_t queued() const { return queue_.size(); }
  std::size_t in_flight() const { return in_flight_.size(); }
  std::span<const Peer> peers() const { return peers_; }

 private:
  struct InFlight {
    Asker asker;
    std::uint32_t worker;
    TimePoint sent;
    TimePoint deadline;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Directory = std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>;

  Peer* find(Side side, std::string_view routing_id);
  std::uint32_t place_of(const Peer& peer) const;
  void on_hello(Side side, std::string_view id, std::string_view frame, std::uint64_t instance);
  void on_requests(Peer& gateway, std::string_view frame, const messaging::Header& header);
  void on_replies(Peer& worker, std::string_view frame, const messaging::Header& header);
  void remove(Peer& peer, std::string_view why, bool warning);
  void complain(Side side, std::string_view routing_id);

  bool has_worker() const;
  protocol::Status availability() const;
  void tell_gateways();
  void dispatch();
  Peer* pick(std::size_t& free_workers);
  bool hand_over(Peer& worker);
  void tick();
  void adapt_queue(Duration since_last);
  void give_up(const std::function<bool(const InFlight&)>& over, protocol::Status status);

  void refuse(const Asker& asker, protocol::Status status);
  void answer(const Asker& asker, messaging::ReplyRecord reply);
  void open_record(Peer& peer, std::size_t size);
  void finish_frame(Peer& peer);
  void say(Peer& peer, messaging::FrameType type, std::uint64_t aux = 0);
  messaging::Header header_to(const Peer& peer, messaging::FrameType type) const;
  std::string& next_out(Side side, std::string_view routing_id);

  const Limits limits_;
  TimePoint now_;  // of the event at hand
  FairQueue queue_;
  messaging::Slots<InFlight> in_flight_;
  std::vector<Peer> peers_;
  std::vector<std::uint32_t> free_places_;
  std::vector<std::uint32_t> workers_;  // their places
  std::vector<std::uint32_t> filling_;  // places with a frame being filled
  std::array<Directory, 2> directory_;  // by Side: routing id to place
  std::vector<OutFrame> out_;           // the first out_count_ count, the others lend their buffers
  std::size_t out_count_ = 0;
  std::vector<Note> notes_;
  Counts counts_;
  std::uint32_t next_session_;
  std::size_t rotation_ = 0;  // where the next pick starts, so that equals take turns
  bool draining_ = false;
  bool had_worker_ = false;  // at the end of the last turn
  TimePoint worker_seen_;    // when there last was one
  TimePoint ticked_;
  TimePoint stranger_complained_{};
  std::size_t queued_now_max_;
  std::uint64_t dispatched_at_tick_ = 0;
  double dispatch_rate_ = 0;  // per second, while there is a backlog; else 0
};

}  // namespace depot::load_balancer
