#include "tests/support/request_proxy.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "messaging/poller.hpp"
#include "messaging/socket.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::Sent;
using messaging::Socket;
using messaging::SocketKind;

namespace {

constexpr auto kTick = 5ms;
constexpr auto kSilenceMax = 5s;
constexpr int kMessagesPerTurn = 256;

}  // namespace

class RequestProxy::RequestWires final : public Wires {
 public:
  RequestWires(Network& network, const std::string& peers, const std::string& balancer)
      : network_(network), balancer_(balancer) {
    front_.bind(peers);
    poll_anew();
  }

  void turn() override {
    poller_.wait(kTick);
    const TimePoint now = steady_now();
    Message id, frame;
    for (int i = 0; i < kMessagesPerTurn && front_.receive_from(id, frame); ++i) {
      Peer& peer = meet(std::string(id.bytes()));
      peer.heard = now;
      peer.to_balancer.take({std::string(frame.bytes())}, now);
    }
    for (auto& [name, peer] : peers_) {
      for (int i = 0; i < kMessagesPerTurn && peer->socket.receive(frame); ++i) {
        peer->to_peer.take({std::string(frame.bytes())}, now);
      }
      peer->to_balancer.turn(now);
      peer->to_peer.turn(now);
    }
    const auto left = std::erase_if(peers_, [&](const auto& entry) {
      return entry.second->gone || now - entry.second->heard > kSilenceMax;
    });
    if (left > 0) poll_anew();
  }

 private:
  struct Peer {
    Peer(RequestWires& wires, const std::string& id)
        : socket(wires.context_, SocketKind::dealer),
          to_balancer(wires.network_,
                      [this](const Parts& frame) { static_cast<void>(socket.send(frame[0])); }),
          to_peer(wires.network_, [this, &wires, id](const Parts& frame) {
            gone = gone || wires.front_.send_to(id, frame[0]) == Sent::unreachable;
          }) {}
    Socket socket;
    TimePoint heard{};
    bool gone = false;
    Lane to_balancer, to_peer;
  };

  Peer& meet(const std::string& id) {
    std::unique_ptr<Peer>& peer = peers_[id];
    if (!peer) {
      peer = std::make_unique<Peer>(*this, id);
      peer->socket.connect(balancer_);
      poll_anew();
    }
    return *peer;
  }

  void poll_anew() {
    poller_ = {};
    poller_.add(front_);
    for (const auto& [id, peer] : peers_) poller_.add(peer->socket);
  }

  Network& network_;
  const std::string balancer_;
  messaging::Context context_;
  Socket front_{context_, SocketKind::router};
  std::map<std::string, std::unique_ptr<Peer>> peers_;  // by routing id
  messaging::Poller poller_;
};

RequestProxy::RequestProxy(const std::string& peers, const std::string& balancer,
                           const BadLink& bad, std::uint32_t seed)
    : Proxy(bad, seed) {
  start([&](Network& network) { return std::make_unique<RequestWires>(network, peers, balancer); });
}

RequestProxies::RequestProxies(const Config& config, const std::string& detour, const BadLink& bad,
                               std::uint32_t seed) {
  for (int i = 0; i < config.load_balancer.count; ++i) {
    for (const std::string& real : {config.frontend_endpoint(i), config.backend_endpoint(i)}) {
      const std::string file = std::filesystem::path(real).filename();
      names_.push_back(file.substr(0, file.find('.')));
      proxies_.push_back(std::make_unique<RequestProxy>(fmt::format("ipc://{}/{}", detour, file),
                                                        real, bad, seed++));
    }
  }
  set(Link::good);
}

void RequestProxies::set(Link link) {
  for (const auto& proxy : proxies_) proxy->set(link);
}
void RequestProxies::set(std::size_t index, Link link) { proxies_.at(index)->set(link); }

std::uint64_t RequestProxies::lost() const {
  std::uint64_t sum = 0;
  for (const auto& proxy : proxies_) sum += proxy->lost();
  return sum;
}
std::uint64_t RequestProxies::doubled() const {
  std::uint64_t sum = 0;
  for (const auto& proxy : proxies_) sum += proxy->doubled();
  return sum;
}
std::uint64_t RequestProxies::late() const {
  std::uint64_t sum = 0;
  for (const auto& proxy : proxies_) sum += proxy->late();
  return sum;
}

}  // namespace depot::test
