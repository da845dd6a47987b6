#include "load_balancer/balancer_loop.hpp"

#include <boost/json.hpp>

#include "base/crypto.hpp"
#include "messaging/poller.hpp"

namespace depot::load_balancer {
namespace {

using namespace std::chrono_literals;

constexpr int kFramesPerTurn = 256;  // of one side, before the other is looked at
constexpr Duration kReportEvery = 100ms;
constexpr int kByeLingerMs = 500;

messaging::Socket bound_router(messaging::Context& context, const std::string& endpoint) {
  messaging::Socket socket(context, messaging::SocketKind::router);
  socket.bind(endpoint);
  return socket;
}

boost::json::object row_of(const Peer& peer) {
  boost::json::object row{{"name", peer.name}, {"outstanding", peer.outstanding}};
  if (peer.side == Side::frontend) return row;
  row["credit"] = peer.credit();
  row["service_us"] = peer.service / 1us;
  row["backend_down"] = peer.backend_down;
  row["draining"] = peer.draining;
  return row;
}

}  // namespace

BalancerLoop::BalancerLoop(messaging::Context& context, const std::string& frontend,
                           const std::string& backend, const LoadBalancerConfig& limits,
                           Metrics& metrics, Log& log)
    : log_(log),
      balancer_(limits, static_cast<std::uint32_t>(random_u64()), steady_now(), metrics),
      queued_max_(limits.queued_max),
      sockets_{bound_router(context, frontend), bound_router(context, backend)},
      queued_(metrics.gauge("depot_balancer_queued", "Requests that wait for a worker")),
      in_flight_(metrics.gauge("depot_balancer_in_flight", "Requests that workers have")),
      workers_(metrics.gauge("depot_balancer_workers", "Workers connected")),
      gateways_(metrics.gauge("depot_balancer_gateways", "Gateways connected")) {
  board_.set_not_ready("");
}

void BalancerLoop::run(const StopSignal& stop, Duration drain_timeout) {
  messaging::Poller poller;
  poller.add(sockets_[0]);
  poller.add(sockets_[1]);
  const std::size_t stopping = poller.add_fd(stop.fd());
  TimePoint report_due{};
  TimePoint end = TimePoint::max();
  for (;;) {
    const TimePoint now = steady_now();
    // Replies first: they free credit. What is there is always read, and refused if need be.
    bool more = receive(Side::backend, now);
    more = receive(Side::frontend, now) || more;
    balancer_.turn(now);
    send();
    if (now >= report_due) {
      report();
      report_due = now + kReportEvery;
    }
    if (end == TimePoint::max() && stop.requested()) {
      end = now + drain_timeout;
      poller.set_fd(stopping, -1, false);
      board_.set_not_ready("draining");
      balancer_.drain(now);
      send();
    }
    if (balancer_.drained() || stop.urgent() || now >= end) break;
    if (!more) poller.wait(20ms);
  }
  balancer_.bye(steady_now());
  send();
  for (messaging::Socket& socket : sockets_) socket.linger(kByeLingerMs);
}

// True when anything came.
bool BalancerLoop::receive(Side side, TimePoint now) {
  messaging::Socket& socket = sockets_[static_cast<std::size_t>(side)];
  int count = 0;
  while (count < kFramesPerTurn && socket.receive_from(routing_id_, frame_)) {
    balancer_.on_frame(side, routing_id_.bytes(), frame_.bytes(), now);
    ++count;
  }
  return count > 0;
}

void BalancerLoop::send() {
  // A peer that cannot be sent to is dead; what that makes to send may show the next.
  while (!balancer_.out().empty()) {
    std::vector<std::pair<Side, std::string>> dead;
    for (const OutFrame& frame : balancer_.out()) {
      messaging::Socket& socket = sockets_[static_cast<std::size_t>(frame.side)];
      if (socket.send_to(frame.routing_id, frame.bytes) != messaging::Sent::yes) {
        dead.emplace_back(frame.side, frame.routing_id);
      }
    }
    balancer_.clear_out();
    for (const auto& [side, id] : dead) balancer_.on_unreachable(side, id, steady_now());
    if (!dead.empty()) balancer_.turn(steady_now());
  }
  for (const Note& note : balancer_.take_notes()) {
    note.warning ? log_.warning(note.text, {{"peer", note.peer}})
                 : log_.info(note.text, {{"peer", note.peer}});
  }
}

void BalancerLoop::report() {
  boost::json::array rows[2];  // by Side
  balancer_.peers().for_each([&](std::uint32_t, const Peer& peer) {
    rows[static_cast<std::size_t>(peer.side)].push_back(row_of(peer));
  });
  gateways_.set(std::ssize(rows[0]));
  workers_.set(std::ssize(rows[1]));
  queued_.set(static_cast<std::int64_t>(balancer_.queued()));
  in_flight_.set(static_cast<std::int64_t>(balancer_.in_flight()));
  boost::json::object refused;
  for (const auto& [status, count] : balancer_.counts().refused) {
    if (count.value() > 0) refused[protocol::name_of(status)] = count.value();
  }
  board_.set_status(boost::json::serialize(
      boost::json::object{{"queued", balancer_.queued()},
                          {"queued_max", queued_max_},
                          {"dispatched_total", balancer_.counts().dispatched.value()},
                          {"workers", std::move(rows[1])},
                          {"gateways", std::move(rows[0])},
                          {"refused", std::move(refused)}}));
}

}  // namespace depot::load_balancer
