// An agent without sockets: what it sends is kept for the test to look at.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "manufacturer/agent.hpp"
#include "manufacturer/journal.hpp"
#include "protocol/msgpack.hpp"

namespace depot::manufacturer {

using namespace std::chrono_literals;
using messaging::kNoPosition;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;
using protocol::OfferRow;

struct Frame {
  SyncHeader header;
  std::string body;
  std::size_t hub = 0;
};

class AgentTest : public testing::Test, public AgentActions {
 protected:
  void send(std::size_t hub, std::string_view bytes) override {
    sent_.push_back({{}, std::string(bytes.substr(messaging::kSyncHeaderSize)), hub});
    EXPECT_TRUE(read_sync_header(bytes, sent_.back().header));
  }
  void publish(std::string_view topic, std::string_view bytes, std::string_view body) override {
    EXPECT_EQ(topic, "offer/m1/");
    published_.push_back({{}, std::string(body)});
    EXPECT_TRUE(read_sync_header(bytes, published_.back().header));
  }
  void reopen(std::size_t hub) override { reopened_.push_back(hub); }
  void keep(const Change& change) override { journal_ += encode_line(change); }
  Ledger open_ledger(const std::string& store_id) override {
    ledgers_.push_back(store_id);
    return kept_ledger_;
  }
  void on_dropped(Position left) override { dropped_.push_back(left); }
  void on_entry(const KeptEntry& entry, bool news) override {
    entries_.push_back(entry.number);
    news_ += news;
  }
  void on_cycle(const protocol::Cycle& cycle) override {
    cycle_told_ = cycle.id;
    if (!wanted_in_cycle_.empty()) agent_->set_wanted(wanted_in_cycle_);
  }
  void on_trouble(SyncError code, std::string_view) override { troubles_.push_back(code); }

  static std::string frame(const SyncHeader& header, std::string_view body = {}) {
    std::string bytes;
    write_sync_header(header, bytes);
    return bytes.append(body);
  }
  void hub_says(const SyncHeader& header, std::string_view body = {}, std::size_t hub = 0) {
    agent_->on_sync(hub, frame(header, body), now_);
  }
  void welcome(std::int64_t epoch, std::int64_t last, std::int64_t ledger_number = 0,
               const std::string& store = "store-1", std::size_t hub = 0) {
    std::string body;
    encode(
        protocol::SyncWelcome{store, {cycle_, cycle_state_, 0, 1}, epoch, last, 1, ledger_number},
        body);
    hub_says({.type = SyncType::welcome, .epoch = 7, .to = 40}, body, hub);
  }
  // As `cycle/` tells it, behind all that was told before.
  void tell_cycle(const std::string& id, protocol::CycleState state) {
    std::string body;
    encode(protocol::Cycle{cycle_ = id, cycle_state_ = state, 1, 2}, body);
    const SyncHeader header{SyncType::record, 0, 7, told_ + 1, told_ + 1};
    ++told_;
    agent_->on_published("cycle/", frame(header), body, now_);
  }
  void ledger_entry(std::uint64_t number, std::string_view body) {
    hub_says({SyncType::record, 0, 1, number, number}, body);
  }
  std::string opening() const {
    std::string body;
    protocol::Writer(body).array(4).integer(0).integer(0).string(cycle_).array(2).integer(0);
    protocol::Writer(body).integer(0);
    return body;
  }
  std::string offered(const std::string& sku, std::int64_t wanted) const {
    std::string body;
    protocol::Writer(body).array(4).integer(1).integer(0).string(cycle_).array(6).string(sku);
    protocol::Writer(body).integer(wanted).integer(5).integer(wanted).integer(0).integer(wanted);
    return body;
  }
  // Welcomed, with an empty ledger: the snapshot is out.
  void begin(std::int64_t known_epoch = 0, std::int64_t known_last = 0) {
    tick();
    welcome(known_epoch, known_last);
    tick();
    ledger_entry(0, opening());
    hub_says({.type = SyncType::end, .epoch = 1, .to = 0});
    tick();
  }
  // What was acknowledged stands in the ledger too.
  void settle(std::int64_t number, const std::vector<OfferRow>& rows) {
    tick();
    for (const OfferRow& row : rows) {
      ledger_entry(static_cast<std::uint64_t>(number), offered(row.sku, row.offered));
      ++number;
    }
    hub_says({.type = SyncType::end, .epoch = 1, .to = static_cast<std::uint64_t>(number - 1)});
    ASSERT_TRUE(agent_->settled());
  }
  void tick(Duration step = 1ms) {
    now_ += step;
    wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(step);
    agent_->on_tick(now_, wall_);
  }
  // Killed, and started again with what the journal has.
  void restart(AgentOptions options = {.id = "m1", .name = "First", .hubs = 2}) {
    AgentState state;
    ASSERT_EQ(read_lines(journal_, state), journal_.size());
    agent_.emplace(std::move(options), *this, std::move(state));
    sent_.clear();
    published_.clear();
  }
  void ack(std::uint64_t number) {
    hub_says({.type = SyncType::ack, .epoch = agent_->state().epoch, .to = number});
  }
  std::vector<Frame> take(std::vector<Frame>& from, SyncType type) {
    std::vector<Frame> taken;
    for (Frame& f : from) {
      if (f.header.type == type) taken.push_back(f);
    }
    from.clear();
    return taken;
  }
  std::vector<Frame> published_records() { return take(published_, SyncType::record); }
  std::vector<Frame> sent(SyncType type) { return take(sent_, type); }

  TimePoint now_{1h};
  WallTime wall_{24h};
  std::string cycle_ = "2026-11", cycle_told_;
  protocol::CycleState cycle_state_ = protocol::CycleState::open;
  std::uint64_t told_ = 40;  // as WELCOME says
  std::string journal_;
  Ledger kept_ledger_;
  std::vector<Position> dropped_;
  std::vector<OfferRow> wanted_in_cycle_;  // set when a cycle is told
  std::vector<Frame> sent_, published_;
  std::vector<std::string> ledgers_;
  std::vector<std::uint64_t> entries_;
  std::vector<std::size_t> reopened_;
  std::vector<SyncError> troubles_;
  int news_ = 0;
  std::optional<Agent> agent_{std::in_place, AgentOptions{.id = "m1", .name = "First", .hubs = 2},
                              *this};
};

inline std::vector<OfferRow> goods(int count, std::int64_t offered = 10) {
  std::vector<OfferRow> rows;
  for (int i = 0; i < count; ++i) rows.push_back({std::to_string(i), "Name", 5, offered});
  return rows;
}

}  // namespace depot::manufacturer
