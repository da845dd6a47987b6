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
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/metrics.hpp"
#include "load_balancer/fair_queue.hpp"
#include "messaging/frame.hpp"
#include "messaging/slots.hpp"
#include "protocol/kinds.hpp"

namespace depot::load_balancer {

enum class Side : std::uint8_t { frontend = 0, backend = 1 };  // the gateways', the workers' socket

struct OutFrame {
  Side side = Side::frontend;
  std::string routing_id;
  std::string bytes;
};

inline constexpr Duration kServiceMin = std::chrono::microseconds(50);

struct Peer {  // a session with a gateway or worker
  Side side = Side::frontend;
  std::uint32_t place = 0;  // in Balancer::peers()
  std::uint32_t session = 0;
  std::uint64_t instance = 0;
  std::string routing_id;
  std::string name;
  TimePoint heard{}, said{}, complained{};
  std::uint64_t stamp = 0;    // worker: its newest; gateway: the newest of ours that it heard
  bool draining = false;      // worker: wants no more; gateway: will send no more
  bool backend_down = false;  // worker
  std::uint32_t outstanding = 0;
  std::uint32_t moved = 0;         // worker: dispatched to it
  std::uint32_t limit = 0;         // worker: what it granted; gateway: what it says it has sent
  bool heard_in_session = false;   // so that it has had the WELCOME
  Duration service = kServiceMin;  // worker: recent time of one record
  std::uint16_t count = 0;         // records in the frame being filled
  std::string frame{};
  std::uint32_t credit() const;  // worker
};

struct Counts {
  explicit Counts(Metrics& metrics);
  Counter &requests, &dispatched;
  Counter& late;  // replies to what was answered before
  Counter &malformed, &workers_lost;
  std::map<protocol::Status, Counter&> refused;  // answered here
};

struct Note {  // for the log
  bool warning = false;
  std::string text;
  std::string peer;
};

class Balancer {
 public:
  // `seed`: random. Session numbers start there, so that those of an earlier process mean nothing.
  Balancer(const LoadBalancerConfig& limits, std::uint32_t seed, TimePoint now, Metrics& metrics);

  void on_frame(Side side, std::string_view routing_id, std::string_view frame, TimePoint now);
  // A frame could not be sent: the peer is dead.
  void on_unreachable(Side side, std::string_view routing_id, TimePoint now);
  // Closes a turn of the loop: dispatches, does what time asks for, finishes the frames.
  void turn(TimePoint now);

  // Asks gateways to use another balancer. Once drained(), nothing is owed to anybody.
  void drain(TimePoint now);
  bool drained();
  void bye(TimePoint now);

  // To be sent now, in this order; then clear_out().
  std::span<const OutFrame> out() const { return {out_.data(), out_count_}; }
  void clear_out() { out_count_ = 0; }
  std::vector<Note> take_notes() { return std::exchange(notes_, {}); }

  const Counts& counts() const { return counts_; }
  std::size_t queued() const { return queue_.size(); }
  std::size_t in_flight() const { return in_flight_.size(); }
  messaging::Slots<Peer>& peers() { return peers_; }

 private:
  struct InFlight {
    Asker asker;
    std::uint32_t worker;
    TimePoint sent, deadline;
  };

  struct Recent {  // what workers got, in the queue's turns
    double turns = 0, seconds = 0;
  };

  Peer* find(Side side, std::string_view routing_id);
  void on_hello(Side side, std::string_view id, std::string_view frame, std::uint64_t instance);
  void on_requests(Peer& gateway, std::string_view frame, const messaging::Header& header);
  void on_replies(Peer& worker, std::string_view frame, const messaging::Header& header);
  void remove(Peer& peer, std::string_view why, bool warning);
  void complain(Side side, std::string_view routing_id);

  bool has_worker();
  protocol::Status availability();
  void tell_gateways(messaging::FrameType type);
  void dispatch();
  std::uint32_t room(const Peer& worker) const;
  Peer* pick();
  bool hand_over(Peer& worker);
  void tick();
  void adapt_queue(Duration since_last);
  void give_up(const std::function<bool(const InFlight&)>& over, protocol::Status status);

  void refuse(const Asker& asker, protocol::Status status);
  void answer(const Asker& asker, messaging::ReplyRecord reply);
  void open_record(Peer& peer, std::size_t size);
  void finish_frame(Peer& peer);
  void say(Peer& peer, messaging::FrameType type);
  messaging::Header header_to(const Peer& peer, messaging::FrameType type);
  std::string& next_out(Side side, std::string_view routing_id);

  const LoadBalancerConfig limits_;
  const std::size_t queued_max_;
  TimePoint now_;  // of the event at hand
  FairQueue queue_;
  std::uint32_t outstanding_max_;  // of a worker
  messaging::Slots<InFlight> in_flight_;
  messaging::Slots<Peer> peers_;
  std::vector<std::uint32_t> workers_;  // their places
  std::vector<std::uint32_t> filling_;  // places of peers with a frame being filled
  // By Side: routing id to place.
  std::array<std::map<std::string, std::uint32_t, std::less<>>, 2> directory_;
  std::vector<OutFrame> out_;  // the first out_count_ count, the others lend their buffers
  std::size_t out_count_ = 0;
  std::vector<Note> notes_;
  Counts counts_;
  std::uint32_t next_session_;
  std::size_t rotation_ = 0;  // where the next pick starts, so that equals take turns
  bool draining_ = false;
  bool had_worker_ = false;  // as the gateways were told
  TimePoint worker_seen_;    // when there last was one
  TimePoint ticked_;
  TimePoint stranger_complained_{};
  std::uint64_t given_ = 0;  // turns, since the last tick
  bool backlog_ = false;     // at the last tick
  Recent recent_;
};

}  // namespace depot::load_balancer
