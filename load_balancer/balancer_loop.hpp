// Moves frames between the balancer's two sockets and the Balancer.
//
// Threads: the constructor and run() belong to one thread; board() to anybody.
// Errors:  the constructor throws StartupError for an endpoint that is taken.
#pragma once

#include <string>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/status_board.hpp"
#include "base/stop_signal.hpp"
#include "load_balancer/balancer.hpp"
#include "messaging/socket.hpp"

namespace depot::load_balancer {

class BalancerLoop {
 public:
  BalancerLoop(messaging::Context& context, const std::string& frontend, const std::string& backend,
               const LoadBalancerConfig& limits, Metrics& metrics, Log& log);

  // Returns once stop was asked for and all that was taken on is answered, after `drain_timeout` at
  // the latest; at once on a second signal.
  void run(const StopSignal& stop, Duration drain_timeout);

  std::string frontend_endpoint() const { return sockets_[0].bound_endpoint(); }
  std::string backend_endpoint() const { return sockets_[1].bound_endpoint(); }
  const StatusBoard& board() const { return board_; }  // at most 100 ms old

 private:
  bool receive(Side side, TimePoint now);
  void send();
  void report();

  Log& log_;
  Balancer balancer_;
  const std::int64_t queued_max_;
  messaging::Socket sockets_[2];  // by Side
  messaging::Message routing_id_, frame_;
  Gauge &queued_, &in_flight_, &workers_, &gateways_;
  StatusBoard board_;
};

}  // namespace depot::load_balancer
