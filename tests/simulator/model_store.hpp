// What Redis and the functions do for the hub, in memory: the model that tests hold hub and agent
// against. The real functions are compared with a model of their own in the store's tests.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "manufacturer_hub/hub.hpp"

namespace depot::manufacturer_hub {

struct ModelStock {
  std::int64_t unit_price = 0, wanted = 0, offered = 0, cut = 0, sold = 0;
  std::int64_t available() const { return offered - cut - sold; }
};

class ModelStore {
 public:
  std::string store_id = "store-1", run_id = "run-1";
  protocol::Cycle cycle{"2026-11", protocol::CycleState::open, 1, 2};
  std::map<std::string, ModelStock> stock;  // by offer, of the current cycle
  std::map<std::string, std::string> names;
  std::map<std::string, std::string> manufacturers;
  std::size_t feed_kept = 10'000;  // entries that a FETCH still finds

  protocol::SyncWelcome hello(const protocol::SyncHello& hello);
  OfferAnswer offer(const std::string& id, std::uint64_t epoch, std::uint64_t number,
                    const std::string& record);
  bool sell(const std::string& offer, std::int64_t quantity);
  void start_cycle(const std::string& id);

  StoreState state() const { return {store_id, run_id, cycle, feed_.size() - 1}; }
  std::vector<LedgerLine> ledger(const std::string& id, std::uint64_t epoch,
                                 std::uint64_t from) const;
  std::vector<FeedEntry> feed(std::uint64_t from) const;  // at most a page
  CataloguePage catalogue(const std::string& cursor, std::string& record) const;

 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  void add_entry(const std::string& id, protocol::LedgerKind kind, const std::string& rows,
                 Fields fields);
  std::pair<std::uint64_t, std::uint64_t> head_of(const std::string& id) {
    return {makers_[id].epoch, makers_[id].number};
  }

 private:
  struct Maker {
    std::uint64_t agent_epoch = 0, last = 0;
    std::uint64_t epoch = 0, number = 0;  // the ledger's head
  };
  struct Line {
    std::uint64_t epoch, number;
    std::string bytes;
  };
  void add_feed(Fields fields) { feed_.push_back(std::move(fields)); }

  std::map<std::string, Maker> makers_;
  std::map<std::string, std::deque<Line>> ledgers_;
  std::deque<Fields> feed_{Fields{}};  // Number 0 opened the cycle.
};

}  // namespace depot::manufacturer_hub
