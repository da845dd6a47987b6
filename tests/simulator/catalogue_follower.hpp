// A gateway's catalogue, the real decider, as customer_gateway::CatalogueFeed has it: it follows
// one hub at a time, and goes on to the other where that one is silent.
//
// Threads: one.
#pragma once

#include <string>

#include "customer_gateway/catalogue_replica.hpp"
#include "tests/simulator/world.hpp"

namespace depot::simulator {

class CatalogueFollower {
 public:
  CatalogueFollower(World& world, unsigned gateway, Random random);

  void on_item(const Item& item, TimePoint local);
  void tick(TimePoint local);
  unsigned hub() const { return hub_; }  // that it follows, as a process
  std::string unfinished() const;        // what it has otherwise than the store

 private:
  World& world_;
  const unsigned gateway_;
  Random random_;
  unsigned hub_ = kFirstHub;
  Dealer sync_;
  bool connected_ = false;
  Metrics metrics_;
  customer_gateway::CatalogueHolder holder_;
  customer_gateway::StockNews news_;
  customer_gateway::CatalogueReplica replica_;
};

}  // namespace depot::simulator
