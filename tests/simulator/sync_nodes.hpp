// Hubs and manufacturers' agents, each the real decider in a loop like the product's, without
// sockets. An agent has its journal and its ledger file, unless its death took them.
//
// Threads: one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "manufacturer/agent.hpp"
#include "manufacturer_hub/hub.hpp"
#include "tests/simulator/store_client.hpp"
#include "tests/simulator/world.hpp"

namespace depot::simulator {

class HubNode final : public Node, private manufacturer_hub::HubActions {
 public:
  HubNode(World& world, unsigned number);
  void start() override;
  void stop() override;
  void turn() override;

 private:
  struct Life {
    explicit Life(HubNode& node) : hub(node.world_.config.hub, node, metrics) {}
    Metrics metrics;
    manufacturer_hub::Hub hub;
    bool up = false, ready = false, preparing = false, reading = false;
  };

  messaging::Sent send(std::string_view peer, std::string_view frame) override;
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void warn(std::string_view, std::string_view) override {}
  void greet(const std::string& peer, const protocol::SyncHello& hello) override;
  void apply(const std::string& manufacturer, std::uint64_t epoch, std::uint64_t number,
             std::string_view record, bool whole) override;
  void accept(const std::string& peer, const std::string& manufacturer, std::uint64_t epoch,
              std::uint64_t number) override;
  void read_ledger(std::uint64_t ticket, const std::string& manufacturer, std::uint64_t epoch,
                   std::uint64_t from) override;
  void read_feed(std::uint64_t ticket, std::uint64_t from) override;
  void read_catalogue(std::uint64_t ticket, const std::string& cursor) override;
  void ask(const std::string&, std::uint64_t, const std::string&,
           const protocol::SyncAsk&) override {}

  void follow_store();
  void prepare();
  void read_more();
  void watch_subscriptions();
  bool follows(unsigned gateway) const;  // this hub
  // Asks the store: `read` there, `then` here with what was read or why not.
  template <typename Read, typename Then>
  void query(Read read, Then then);

  StoreClient commands_, feed_;
  std::unique_ptr<Life> life_;
  std::array<TimePoint, kNodes> subscribed_{};
};

class AgentNode final : public Node, public manufacturer::AgentActions {
 public:
  AgentNode(World& world, unsigned number);
  void start() override;
  void stop() override;
  void turn() override;
  std::string unfinished() const override;

  void make(std::uint32_t detail);        // goods that it offers from now on
  void lose_files(std::uint32_t detail);  // while it is dead: what its disk has lost
  std::uint64_t entries() const { return entries_; }

 private:
  void send(std::size_t hub, std::string_view frame) override { hubs_[hub].send(frame); }
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void reopen(std::size_t hub) override { hubs_[hub].reopen(); }
  void keep(const manufacturer::Change& change) override;
  manufacturer::Ledger open_ledger(const std::string& store_id) override;
  void on_dropped(manufacturer::Position) override;
  void on_entry(const manufacturer::KeptEntry& entry, bool news) override;
  void on_cycle(const protocol::Cycle&) override {}
  void on_trouble(messaging::SyncError, std::string_view) override {}

  std::string id() const { return name_of_node(number_); }
  void count(const protocol::LedgerEntry& entry);
  void spoil(std::string& frame);

  std::vector<Dealer> hubs_;
  std::map<std::string, std::int64_t> made_;  // what it has to offer, by sku
  std::map<std::string, bool> withdrawn_;
  std::unique_ptr<manufacturer::Agent> agent_;
  // On its disk.
  manufacturer::AgentState journal_;
  std::vector<manufacturer::Change> unwritten_;  // acknowledgements, which may wait
  manufacturer::Ledger file_;
  std::map<std::string, std::int64_t> sold_;  // by the entries, added up here
  std::uint64_t entries_ = 0;
};

}  // namespace depot::simulator
