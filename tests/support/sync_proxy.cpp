#include "tests/support/sync_proxy.hpp"

#include <set>
#include <string>

#include "messaging/poller.hpp"
#include "messaging/socket.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::Socket;
using messaging::SocketKind;

namespace {

constexpr auto kTurn = 5ms;
constexpr int kFramesPerTurn = 256;

}  // namespace

class SyncProxy::SyncWires final : public Wires {
 public:
  SyncWires(Network& network, const Config& agent, const Config& hub, int index)
      : network_(network), hub_sync_(hub.hub_sync_endpoint(index)) {
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

  void turn() override {
    poller_.wait(kTurn);
    now_ = steady_now();
    move_published();
    move_sync();
    for (Lane* lane : {&offers_, &news_, &to_hub_sync_, &to_agent_sync_}) lane->turn(now_);
  }

 private:
  void move_published() {
    Message topic, header, body;
    const auto parts = [&] {
      return Parts{std::string(topic.bytes()), std::string(header.bytes()),
                   std::string(body.bytes())};
    };
    for (int i = 0; i < kFramesPerTurn && from_agent_.receive_published(topic, header, body); ++i) {
      offers_.take(parts(), now_);
    }
    for (int i = 0; i < kFramesPerTurn && from_hub_.receive_published(topic, header, body); ++i) {
      news_.take(parts(), now_);
    }
    bool subscribed = false;
    std::string prefix;
    while (to_agent_.receive_subscription(subscribed, prefix)) {
      if (subscribed) from_hub_.subscribe(prefix);
    }
  }

  void move_sync() {
    Message peer, frame;
    for (int i = 0; i < kFramesPerTurn && agent_sync_.receive_from(peer, frame); ++i) {
      const bool cut = network_.state == Link::cut;
      if (!cut && peer.bytes() != agent_) meet(std::string(peer.bytes()));
      if (peer.bytes() == agent_) {
        to_hub_sync_.take({std::string(frame.bytes())}, now_);
      } else {
        ++network_.lost;
      }
    }
    for (int i = 0; i < kFramesPerTurn && hub_sync_socket_.receive(frame); ++i) {
      to_agent_sync_.take({std::string(frame.bytes())}, now_);
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
    to_hub_sync_.clear();
    to_agent_sync_.clear();
  }

  void connect_sync() {
    hub_sync_socket_ = Socket(context_, SocketKind::dealer);
    hub_sync_socket_.connect(hub_sync_);
  }

  static void publish(Socket& socket, const Parts& frame) {
    static_cast<void>(socket.publish(frame[0], frame[1], frame[2]));
  }

  Network& network_;
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
  Lane offers_{network_, [this](const Parts& frame) { publish(to_hub_, frame); }};
  Lane news_{network_, [this](const Parts& frame) { publish(to_agent_, frame); }};
  Lane to_hub_sync_{
      network_, [this](const Parts& frame) { static_cast<void>(hub_sync_socket_.send(frame[0])); }};
  Lane to_agent_sync_{network_, [this](const Parts& frame) {
                        static_cast<void>(agent_sync_.send_to(agent_, frame[0]));
                      }};
};

SyncProxy::SyncProxy(const Config& agent, const Config& hub, int index, std::uint32_t seed)
    : Proxy(BadLink{}, seed) {
  start([&](Network& network) { return std::make_unique<SyncWires>(network, agent, hub, index); });
}

}  // namespace depot::test
