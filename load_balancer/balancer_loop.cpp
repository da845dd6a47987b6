#include "load_balancer/balancer_loop.hpp"

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "http/problem.hpp"
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

void append_peer(const Peer& peer, std::string& out) {
  out += out.empty() ? R"({"name":)" : R"(,{"name":)";
  http::append_json_string(peer.name, out);
  fmt::format_to(std::back_inserter(out), R"(,"outstanding":{})", peer.outstanding);
  if (peer.side == Side::backend) {
    fmt::format_to(std::back_inserter(out),
                   R"(,"credit":{},"service_us":{},"backend_down":{},"draining":{})", peer.credit(),
                   peer.service / 1us, peer.backend_down, peer.draining);
  }
  out += '}';
}

}  // namespace

BalancerLoop::BalancerLoop(messaging::Context& context, const std::string& frontend,
                           const std::string& backend, const Limits& limits, Metrics& metrics,
                           Log& log)
    : log_(log),
      balancer_(limits, static_cast<std::uint32_t>(random_u64()), steady_now()),
      queued_max_(limits.queued_max),
      sockets_{bound_router(context, frontend), bound_router(context, backend)},
      queued_(metrics.gauge("depot_balancer_queued", "Requests that wait for a worker")),
      in_flight_(metrics.gauge("depot_balancer_in_flight", "Requests that workers have")),
      workers_(metrics.gauge("depot_balancer_workers", "Workers connected")),
      gateways_(metrics.gauge("depot_balancer_gateways", "Gateways connected")),
      ready_(true) {
  const Counts& counts = balancer_.counts();
  const auto follow = [&](const std::uint64_t& count, const char* name, const char* help,
                          Labels labels = {}) {
    followed_.push_back({count, metrics.counter(name, help, std::move(labels))});
  };
  follow(counts.requests, "depot_balancer_requests_total", "Requests of gateways");
  follow(counts.dispatched, "depot_balancer_dispatched_total", "Requests handed to workers");
  follow(counts.late, "depot_balancer_late_replies_total", "Replies to what was answered before");
  follow(counts.malformed, "depot_balancer_malformed_total", "Frames that break the protocol");
  follow(counts.workers_lost, "depot_balancer_workers_lost_total", "Workers found dead");
  for (std::size_t i = 0; i < counts.refused.size(); ++i) {
    const auto status = static_cast<protocol::Status>(i);
    if (status == protocol::Status::worker_lost || status == protocol::Status::unknown ||
        (protocol::not_executed(status) && status != protocol::Status::draining)) {
      follow(counts.refused[i], "depot_balancer_refused_total", "Answered without a worker",
             {{"reason", std::string(protocol::name_of(status))}});
    }
  }
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
      ready_ = false;
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
  std::string lists[2];
  std::int64_t counts[2] = {};
  for (const Peer& peer : balancer_.peers()) {
    if (peer.session == 0) continue;
    append_peer(peer, lists[static_cast<std::size_t>(peer.side)]);
    ++counts[static_cast<std::size_t>(peer.side)];
  }
  gateways_.set(counts[0]);
  workers_.set(counts[1]);
  queued_.set(static_cast<std::int64_t>(balancer_.queued()));
  in_flight_.set(static_cast<std::int64_t>(balancer_.in_flight()));
  for (const Followed& followed : followed_) {
    followed.metric.add(followed.count - followed.metric.value());
  }
  std::string refused;
  for (std::size_t i = 0; i < balancer_.counts().refused.size(); ++i) {
    if (balancer_.counts().refused[i] == 0) continue;
    fmt::format_to(std::back_inserter(refused), R"({}"{}":{})", refused.empty() ? "" : ",",
                   protocol::name_of(static_cast<protocol::Status>(i)),
                   balancer_.counts().refused[i]);
  }
  std::string status = fmt::format(
      R"({{"queued":{},"queued_max":{},"dispatched_total":{},"workers":[{}],"gateways":[{}],)"
      R"("refused":{{{}}}}})",
      balancer_.queued(), queued_max_, balancer_.counts().dispatched, lists[1], lists[0], refused);
  const std::lock_guard lock(status_mutex_);
  status_.swap(status);
}

std::string BalancerLoop::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

}  // namespace depot::load_balancer
