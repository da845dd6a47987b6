// The thread that follows the hub: SUB for what changes, DEALER for snapshots and repair.
//
// Threads: an actor; made and destroyed by one thread.
// Errors:  none to the caller: a silent hub is reopened, or the next one taken.
// Source:  docs/PROTOCOL.md, "Sync".
#pragma once

#include <string>
#include <thread>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/stop_signal.hpp"
#include "customer_gateway/catalogue_replica.hpp"
#include "messaging/socket.hpp"

namespace depot::customer_gateway {

class CatalogueFeed {
 public:
  CatalogueFeed(messaging::Context& context, const Config& config, const std::string& name,
                CatalogueHolder& holder, StockNews& news, Metrics& metrics, Log& log);
  ~CatalogueFeed();  // Stops and joins.

 private:
  messaging::Context& context_;
  const Config& config_;
  Log& log_;
  CatalogueReplica replica_;
  std::atomic<bool> stop_{false};
  std::thread thread_;

  void run();
  void follow(int hub);  // until it is silent, or we stop
};

}  // namespace depot::customer_gateway
