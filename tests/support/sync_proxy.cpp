#include "tests/support/sync_proxy.hpp"

#include <functional>
#include <list>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "messaging/poller.hpp"
#include "messaging/socket.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::Socket;
using messaging::SocketKind;

namespace {

constexpr unsigned kLostPercent = 10, kDoubledPercent = 10, kLatePercent = 10;
constexpr unsigned kPlacesMax = 4;  // so many later frames overtake a late one
constexpr auto kLateMax = 100ms;    // where none comes to overtake it
constexpr auto kTick = 5ms;
constexpr int kMessagesPerTurn = 256;

using Frame = std::vector<std::string>;  // its parts

}  // namespace

class SyncProxy::Wires {
 public:
  Wires(SyncProxy& proxy, const Config& agent, const Config& hub, int index, std::uint32_t seed)
      : proxy_(proxy), random_(seed), hub_sync_(hub.hub_sync_endpoint(index)) {
    from_agent_.bind(agent.hub_in_endpoint(index));
    to_agent_.bind(agent.hub_out_endpoint(index));
    agent_sync_.bind(agent.hub_sync_endpoint(index));
    from_agent_.subscribe("");
    to_hub_.connect(hub.hub_in_endpoint(index));
    from_hub_.connect(hub.hub_out_endpoint(index));
    connect_sync();
    for (const Socket* each : {&from_agent_, &to_agent_, &agent_sync_, &from_hub_}) {
      poller_.add(*each);
    }
    sync_place_ = poller_.add(hub_sync_socket_);
  }

  void turn() {
    poller_.wait(kTick);
    now_ = steady_now();
    if (proxy_.link_ == Link::cut) {
      for (Lane* lane : {&offers_, &news_, &to_hub_sync_, &to_agent_sync_}) lane->held.clear();
    }
    move_published();
    move_sync();
    for (Lane* lane : {&offers_, &news_, &to_hub_sync_, &to_agent_sync_}) release(*lane);
  }

 private:
  struct Held {
    Frame frame;
    std::uint64_t at;  // Goes out once so many frames were seen,
    TimePoint until;   // or then.
  };
  struct Lane {
    std::function<void(const Frame&)> deliver;
    std::uint64_t seen = 0;
    std::list<Held> held = {};
  };

  void move_published() {
    Message topic, header, body;
    const auto parts = [&] {
      return Frame{std::string(topic.bytes()), std::string(header.bytes()),
                   std::string(body.bytes())};
    };
    for (int i = 0; i < kMessagesPerTurn && from_agent_.receive_published(topic, header, body);
         ++i) {
      take(offers_, parts());
    }
    for (int i = 0; i < kMessagesPerTurn && from_hub_.receive_published(topic, header, body); ++i) {
      take(news_, parts());
    }
    bool subscribed = false;
    std::string prefix;
    while (to_agent_.receive_subscription(subscribed, prefix)) {
      if (subscribed) from_hub_.subscribe(prefix);
    }
  }

  void move_sync() {
    Message peer, frame;
    for (int i = 0; i < kMessagesPerTurn && agent_sync_.receive_from(peer, frame); ++i) {
      if (proxy_.link_ != Link::cut && peer.bytes() != agent_) meet(std::string(peer.bytes()));
      if (peer.bytes() == agent_) {
        take(to_hub_sync_, {std::string(frame.bytes())});
      } else {
        ++proxy_.lost_;
      }
    }
    for (int i = 0; i < kMessagesPerTurn && hub_sync_socket_.receive(frame); ++i) {
      take(to_agent_sync_, {std::string(frame.bytes())});
    }
  }

  // Of an agent that is gone a few frames may still come: they are not a new one's.
  void meet(const std::string& peer) {
    if (gone_.contains(peer)) return;
    if (!agent_.empty()) {
      gone_.insert(agent_);
      connect_sync();
      poller_.set_socket(sync_place_, hub_sync_socket_);
    }
    agent_ = peer;
    to_hub_sync_.held.clear();
    to_agent_sync_.held.clear();
  }

  void connect_sync() {
    hub_sync_socket_ = Socket(context_, SocketKind::dealer);
    hub_sync_socket_.connect(hub_sync_);
  }

  bool chance(unsigned percent) { return random_() % 100 < percent; }

  void take(Lane& lane, const Frame& frame) {
    const Link link = proxy_.link_;
    const bool bad = link == Link::bad;
    ++lane.seen;
    if (link == Link::cut || (bad && chance(kLostPercent))) {
      ++proxy_.lost_;
      return;
    }
    const int copies = bad && chance(kDoubledPercent) ? 2 : 1;
    if (copies == 2) ++proxy_.doubled_;
    for (int copy = 0; copy < copies; ++copy) {
      const unsigned places = bad && chance(kLatePercent) ? 1 + random_() % kPlacesMax : 0;
      if (places > 0) ++proxy_.late_;
      lane.held.push_back({frame, lane.seen + places, now_ + kLateMax});
    }
    release(lane);
  }

  void release(Lane& lane) {
    for (auto held = lane.held.begin(); held != lane.held.end();) {
      if (held->at > lane.seen && now_ < held->until) {
        ++held;
        continue;
      }
      lane.deliver(held->frame);
      ++proxy_.passed_;
      held = lane.held.erase(held);
    }
  }

  static void publish(Socket& socket, const Frame& frame) {
    static_cast<void>(socket.publish(frame[0], frame[1], frame[2]));
  }

  SyncProxy& proxy_;
  std::mt19937 random_;
  const std::string hub_sync_;
  messaging::Context context_;
  Socket from_agent_{context_, SocketKind::sub}, to_hub_{context_, SocketKind::pub};
  Socket from_hub_{context_, SocketKind::sub}, to_agent_{context_, SocketKind::xpub};
  Socket agent_sync_{context_, SocketKind::router}, hub_sync_socket_{context_, SocketKind::dealer};
  messaging::Poller poller_;
  std::size_t sync_place_ = 0;
  std::string agent_;           // the routing id of its connection
  std::set<std::string> gone_;  // those that were it before
  TimePoint now_{};
  // Nobody there, or a full pipe: lost once more.
  Lane offers_{[this](const Frame& frame) { publish(to_hub_, frame); }};
  Lane news_{[this](const Frame& frame) { publish(to_agent_, frame); }};
  Lane to_hub_sync_{
      [this](const Frame& frame) { static_cast<void>(hub_sync_socket_.send(frame[0])); }};
  Lane to_agent_sync_{
      [this](const Frame& frame) { static_cast<void>(agent_sync_.send_to(agent_, frame[0])); }};
};

SyncProxy::SyncProxy(const Config& agent, const Config& hub, int index, std::uint32_t seed) {
  std::promise<void> ready;
  std::future<void> made = ready.get_future();
  thread_ = std::jthread([this, &agent, &hub, index, seed, ready = std::move(ready)]() mutable {
    std::unique_ptr<Wires> wires;
    try {
      wires = std::make_unique<Wires>(*this, agent, hub, index, seed);
    } catch (...) {
      return ready.set_exception(std::current_exception());
    }
    ready.set_value();
    while (!stopped_) wires->turn();
  });
  made.get();
}

SyncProxy::~SyncProxy() { stopped_ = true; }

}  // namespace depot::test
