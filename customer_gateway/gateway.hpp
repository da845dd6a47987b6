// The gateway as a whole: a catalogue feed and N I/O threads, each with its own server socket (one
// port, SO_REUSEPORT), its own links to the balancers and nothing shared but atomics.
//
// Threads: made, drained and destroyed by one thread.
// Errors:  StartupError where the port is taken.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "customer_gateway/backend.hpp"
#include "customer_gateway/catalogue.hpp"
#include "customer_gateway/exchange.hpp"
#include "customer_gateway/stock_news.hpp"
#include "messaging/socket.hpp"

namespace depot::customer_gateway {

class CatalogueFeed;

// What the threads have in common.
struct Shared {
  Shared(const Config& c, std::string n, Metrics& metrics, Log& l);
  RouteMetrics& metrics_of(const struct Route* route);  // `route` may be nullptr
  // The customer's: where a proxy is to name it and does not, its own, and it is said once.
  std::string address_of(const http::Request& request);

  const Config& config;
  const std::string name;
  Log& log;
  CatalogueHolder catalogue;
  StockNews news{catalogue, config};
  StatusBoard board;
  const std::shared_ptr<http::ConnectionCounts> connections =
      std::make_shared<http::ConnectionCounts>();
  std::deque<RouteMetrics> route_metrics;
  std::atomic<bool> unnamed{false};
};

class Gateway {
 public:
  // Returns once every thread serves. Without `make_backend` the balancers are asked.
  Gateway(messaging::Context& context, const Config& config, const std::string& name,
          Metrics& metrics, Log& log, MakeBackend make_backend = {});
  ~Gateway();

  std::uint16_t port() const { return port_; }
  std::string not_ready() const { return shared_.board.not_ready(); }  // any thread
  std::string status() const;                                          // JSON; any thread

  // Stops accepting, and says so on /readyz; what is in flight is answered.
  void drain();
  bool drained() const;  // Every thread has answered all it had.

 private:
  class IoThread;
  Shared shared_;
  const MakeBackend make_backend_;
  std::unique_ptr<CatalogueFeed> feed_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::uint16_t port_ = 0;
};

// Where instance `name` listens: "gateway-2" takes the port behind the configured one. Port 0
// stays.
std::string listen_address(const std::string& configured, std::string_view name);

}  // namespace depot::customer_gateway
