// The network between the simulated processes: connections that carry items in both directions,
// with delay, and with the faults that their channel has in a real Depot or is said to survive.
//
//   requests  gateway, worker - balancer: ZeroMQ over a stream keeps order, neither loses nor
//             doubles within a connection, and what a process had not sent dies with it. So a
//             stalled link delays all, a connection breaks with what is on the way. Beyond that,
//             all that the protocol says it can miss (not RESET, DRAIN, DRAINED, BYE)
//             get lost, doubled and late, and overtake each other.
//   sync      agent - hub: anything may get lost, doubled, late, and overtake: numbers repair it.
//             gateway - hub: as requests have it, since a gateway follows one connection.
//   published agent - hub - agent: as on sync; and what comes before a subscription is there is
//             gone. Hub - gateway: the same, but in order.
//   store     worker, hub - store: a stream; a broken connection leaves open what was executed.
//   HTTP      customer - gateway: a broken connection alone.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "messaging/sync_frame.hpp"
#include "tests/simulator/random.hpp"
#include "tests/simulator/schedule.hpp"

namespace depot::simulator {

inline constexpr std::uint32_t kNoConnection = UINT32_MAX;

struct Item {
  enum class Kind : std::uint8_t { frame, closed, published, done };
  Kind kind = Kind::frame;
  bool at_router = false;  // it goes to that side
  std::uint32_t connection = kNoConnection;
  unsigned from = 0;
  std::uint64_t sequence = 0;  // of its connection and direction
  TimePoint at;
  std::string bytes;           // frame; published: see Published
  std::function<void()> done;  // done: what it does where it arrives
};

// What publish() was given: a length, the topic, a header of the sync half, the body.
struct Published {
  explicit Published(std::string_view all)
      : topic(all.substr(1, static_cast<unsigned char>(all[0]))),
        header(all.substr(1 + topic.size(), messaging::kSyncHeaderSize)),
        body(all.substr(1 + topic.size() + messaging::kSyncHeaderSize)) {}
  static std::string pack(std::string_view topic, std::string_view header, std::string_view body) {
    return std::string(1, static_cast<char>(topic.size()))
        .append(topic)
        .append(header)
        .append(body);
  }
  std::string_view topic, header, body;
};

class Net {
 public:
  Net(std::uint64_t seed, const TimePoint& now);

  // Of two processes; kNoConnection where it cannot be made now.
  std::uint32_t connect(unsigned dealer, unsigned router);
  // False: the sender knows that the connection is no more.
  bool send(std::uint32_t connection, bool by_router, std::string_view frame);
  bool send(std::uint32_t connection, bool by_router, std::function<void()> done);
  // The sender's side ends; `loses`: with what it has sent and is still on the way.
  void close(std::uint32_t connection, bool by_router, bool loses);
  // To whoever has subscribed by now. Gateways get it in order, and without doubles: what they
  // follow is one connection.
  void publish(unsigned from, unsigned to, std::string bytes);
  TimePoint subscribed_at(unsigned a, unsigned b) const {
    return std::max(pairs_[a][b].subscribed, pairs_[b][a].subscribed);
  }
  void subscribe(unsigned subscriber, unsigned publisher);  // anew: it is there in a while
  // An item without a connection, such as an HTTP request.
  void post(unsigned from, unsigned to, Duration late, std::function<void()> done);

  // What has come for a process, the oldest first; nullptr when nothing more is there. What is
  // taken is good until the next one is.
  Item* take(unsigned node);
  bool is_open(std::uint32_t connection, bool at_router) const;
  unsigned dealer_of(std::uint32_t connection) const { return connections_[connection].dealer; }
  const std::string& routing_id(std::uint32_t connection) const {
    return connections_[connection].routing_id;
  }
  static std::uint32_t connection_of(std::string_view routing_id);

  // Faults.
  void start(unsigned node);
  // Its connections end, and what has come for it is gone. `random`: says which of them lose what
  // is on the way; nullptr where it lingers.
  void stop(unsigned node, Random* random);
  void stall(unsigned a, unsigned b, TimePoint until);
  void lose(unsigned a, unsigned b, TimePoint until);
  void cut(unsigned a, unsigned b);
  void heal();

  std::array<TimePoint, kNodes> arrival;         // of the next item for each
  std::array<TimePoint, kNodes> frozen_until{};  // connects to nobody until then
  std::array<bool, kNodes> alive{};
  std::uint64_t hash = 0;  // of all that was sent

 private:
  struct Direction {
    TimePoint last;               // what is in order is not before it
    std::uint64_t sent = 0;       // items
    std::uint64_t lost_upto = 0;  // those up to here never arrive
  };
  struct Connection {
    unsigned dealer = 0, router = 0;
    std::array<bool, 2> open{true, true};  // as the dealer, the router knows it
    std::array<Direction, 2> ways;         // to the dealer, to the router
    std::string routing_id;
  };
  struct Pair {
    TimePoint stalled, losing, subscribed, last_published;
    Random random;
  };

  Pair& pair(unsigned a, unsigned b) { return pairs_[a][b]; }
  Item* fresh(Item::Kind kind, unsigned from, TimePoint at);
  void put(unsigned node, Item* item);
  void send_item(Connection& connection, std::uint32_t id, bool by_router, Item* item, bool loose);
  void give_back(Item* item);

  const TimePoint& now_;
  std::deque<Connection> connections_;
  std::array<std::array<Pair, kNodes>, kNodes> pairs_;
  std::array<std::deque<Item*>, kNodes> inboxes_;
  std::deque<Item> items_;
  std::vector<Item*> free_;
  Item* taken_ = nullptr;
  std::array<std::vector<std::uint32_t>, kNodes> connections_of_;
};

// A socket of a process that connects to one other: a DEALER, or a client of the store.
class Dealer {
 public:
  Dealer(Net& net, unsigned node, unsigned router, Random random)
      : net_(net), node_(node), router_(router), random_(random) {}
  bool send(std::string_view frame) { return connected() && net_.send(connection_, false, frame); }
  bool send(std::function<void()> done) {
    return connected() && net_.send(connection_, false, std::move(done));
  }
  // Connects where it is not, after a while. True when it just did.
  bool tick(TimePoint now);
  void reopen();
  void turn_to(unsigned router) { router_ = router; }  // from the next connection on
  // That the other side is gone was heard; true when it was of this connection.
  bool on_closed(std::uint32_t connection);
  bool connected() const { return connection_ != kNoConnection; }
  std::uint32_t connection() const { return connection_; }

 private:
  Net& net_;
  unsigned node_, router_;
  Random random_;
  std::uint32_t connection_ = kNoConnection;
  TimePoint due_{};
  Duration backoff_ = std::chrono::milliseconds(20);
};

}  // namespace depot::simulator
