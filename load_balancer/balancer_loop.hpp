// Moves frames between the balancer's two sockets and the Balancer.
//
// Threads: the constructor and run() belong to one thread; ready() and status() to anybody.
// Errors:  the constructor throws StartupError for an endpoint that is taken.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/stop_signal.hpp"
#include "load_balancer/balancer.hpp"
#include "messaging/socket.hpp"

namespace depot::load_balancer {

class BalancerLoop {
 public:
  BalancerLoop(messaging::Context& context, const std::string& frontend, const std::string& backend,
               const Limits& limits, Metrics& metrics, Log& log);

  // Returns once stop was asked for and all that was taken on is answered, after `drain_timeout` at
  // the latest; at once on a second signal.
  void run(const StopSignal& stop, Duration drain_timeout);

  std::string frontend_endpoint() const { return sockets_[0].bound_endpoint(); }
  std::string backend_endpoint() const { return sockets_[1].bound_endpoint(); }
  bool ready() const { return ready_.load(std::memory_order_relaxed); }
  std::string status() const;  // JSON, at most 100 ms old

 private:
  // A count of the Balancer's and the metric that follows it.
  struct Followed {
    const std::uint64_t& count;
    Counter& metric;
  };

  bool receive(Side side, TimePoint now);
  void send();
  void report();

  Log& log_;
  Balancer balancer_;
  const std::size_t queued_max_;
  messaging::Socket sockets_[2];  // by Side
  messaging::Message routing_id_;
  messaging::Message frame_;
  std::vector<Followed> followed_;
  Gauge& queued_;
  Gauge& in_flight_;
  Gauge& workers_;
  Gauge& gateways_;
  std::atomic<bool> ready_{false};
  mutable std::mutex status_mutex_;  // held for the copy of a string
  std::string status_ = "{}";
};

}  // namespace depot::load_balancer
