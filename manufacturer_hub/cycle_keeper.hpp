// Drives the cycle and its settlement: asks Redis what there is to do, takes the steps that the
// CycleDriver names, and makes each manufacturer's settlement pack from its part of the ledger.
//
// Threads: the hub's one.
// Errors:  what fails is logged and tried again; nothing is kept that Redis has not.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "manufacturer_hub/cycle_driver.hpp"
#include "manufacturer_hub/store_answers.hpp"

namespace depot::manufacturer_hub {

class CycleKeeper {
 public:
  CycleKeeper(const Config& config, store::RedisClient& redis, Log& log, Metrics& metrics);

  using IsConnected = std::function<bool(const std::string&)>;  // an agent of that manufacturer

  void on_store();  // Redis is there (again), and nobody has said HELLO yet.
  void on_feed(const FeedEntry& entry);
  void on_tick(TimePoint now, const IsConnected& connected);  // once a turn, while Redis is there

 private:
  struct Packing {  // the pack under way
    std::string cycle;
    CycleWork::Pack task;
    protocol::StatementBuilder builder;
    protocol::LedgerPosition next;
    protocol::Statement statement = {};
    std::vector<std::int64_t> refused = {};  // of each sku that it offers
  };

  void take(const CycleStep& step);
  void step(const CycleStep& step, std::initializer_list<std::string_view> arguments);
  void begin_pack(const std::string& cycle, const CycleWork::Pack& task);
  void read_ledger();
  void add_to_pack(const std::vector<LedgerLine>& lines);
  void read_demand();
  void write_pack();
  void end_pack();
  // It was not made, and is tried again. lasting: the operator is told, since nobody else can help.
  void put_off_pack(const std::string& why, bool lasting);
  void put_off_pack(const Error& error, bool answered);
  void judge_depletion(const std::string& cycle, const std::string& cursor, bool any_sold);

  const Config& config_;
  store::RedisClient& redis_;
  Log& log_;
  CycleDriver driver_;
  const std::string feed_max_;
  Counter &transitions_, &packs_;
  Gauge& troubles_;
  TimePoint now_{}, look_due_{}, settle_due_{};
  bool looking_ = false, judging_ = false;
  int under_way_ = 0;        // steps that were asked for
  std::string step_failed_;  // the last failure that the log has
  std::optional<Packing> packing_;
  struct Failed {
    TimePoint again;
    std::string why;
  };
  std::map<std::pair<std::string, std::string>, Failed> failed_;  // by cycle and manufacturer
  std::uint64_t judged_ = 0;  // what the look for goods under way began with
};

}  // namespace depot::manufacturer_hub
