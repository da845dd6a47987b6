// What is lost of a ledger on the way costs what is lost, and not what comes behind it: over a link
// that loses, doubles and mixes up frames the agent ends with what the hub has, and keeps up.
#include <deque>
#include <random>

#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

constexpr unsigned kDoubledPercent = 10, kLatePercent = 10, kPlacesMax = 4;  // As SyncProxy,
constexpr unsigned kLostPercent = 10;                                        // if not said else.
constexpr Duration kTurn = 5ms;

class AgentGapTest : public AgentTest {
 protected:
  void send(std::size_t, std::string_view bytes) override {
    SyncHeader header;
    ASSERT_TRUE(read_sync_header(bytes, header));
    if (header.type == SyncType::fetch && !chance(lost_percent_)) fetched_.push_back(header);
  }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  // From the hub to the agent.
  void pass(const SyncHeader& header, std::string_view body = {}) {
    if (chance(lost_percent_)) return;
    for (int copies = chance(kDoubledPercent) ? 2 : 1; copies > 0; --copies) {
      const std::size_t places = chance(kLatePercent) ? 1 + random_() % kPlacesMax : 0;
      link_.insert(link_.end() - static_cast<std::ptrdiff_t>(std::min(places, link_.size())),
                   frame(header, body));
    }
  }
  Position head() const { return ledger_.rbegin()->first; }
  void open_epoch(std::uint64_t epoch, Position last) {
    std::string& body = ledger_[{epoch, 0}];
    protocol::Writer(body).array(4).integer(0).integer(0).string(cycle_).array(2);
    protocol::Writer(body).integer(std::int64_t(last.epoch)).integer(std::int64_t(last.number));
  }
  void sell(std::size_t count) {
    for (; count > 0; --count) {
      std::string& body = ledger_[{head().epoch, head().number + 1}];
      protocol::Writer(body).array(4).integer(2).integer(++sold_).string(cycle_).array(5);
      protocol::Writer(body).string("ORDER").string("0").integer(1).integer(5).integer(9);
    }
  }
  // To an older state, which HELLO may show; what is sold from now on is something else.
  void restore(std::size_t lost) {
    while (lost-- > 0 && ledger_.size() > 1) ledger_.erase(head());
    fetched_.clear();
    link_.clear();
    const Ledger& ours = agent_->ledger();
    if (!ours.empty() && ours.newest().position() > head()) {
      open_epoch(ours.newest().epoch + 1, head());
    }
    welcome(static_cast<std::int64_t>(agent_->state().epoch), 0);
  }
  void turn() {
    for (const SyncHeader& asked : std::exchange(fetched_, {})) {
      const bool all = asked.from == kNoPosition;
      const Position from = all ? Position{} : Position{asked.epoch, asked.from};
      for (auto entry = ledger_.lower_bound(from); entry != ledger_.end(); ++entry) {
        const auto& [at, body] = *entry;
        pass({SyncType::record, 0, at.epoch, at.number, at.number}, body);
      }
      pass({.type = SyncType::end, .epoch = head().epoch, .to = head().number});
    }
    if (now_ >= head_due_) {
      head_due_ = now_ + 100ms;
      pass({SyncType::head, 0, head().epoch, head().number + 1, head().number});
    }
    for (const std::string& bytes : std::exchange(link_, {})) {
      agent_->on_sync(0, bytes, now_);
      held_max_ = std::max(held_max_, agent_->early().size());
      bytes_max_ = std::max(bytes_max_, agent_->early().bytes());
    }
    tick(kTurn);
  }
  void begin_with(AgentOptions options) {
    agent_.emplace(std::move(options), *this);
    open_epoch(1, {});
    tick();
    welcome(0, 0);
  }
  // True when the agent comes to hold what the hub has, and nothing else.
  bool comes_to_hold_all(int turns_max) {
    for (int i = 0; i < turns_max && !agent_->ledger().reaches(head()); ++i) turn();
    return agent_->early().empty() && agent_->early().bytes() == 0 &&
           std::ranges::equal(
               agent_->ledger().entries(), ledger_, [](const KeptEntry& ours, const auto& theirs) {
                 return ours.position() == theirs.first &&
                        ours.entry.time_ms == protocol::decode_ledger_entry(theirs.second)->time_ms;
               });
  }

  std::mt19937 random_{1};
  unsigned lost_percent_ = kLostPercent;
  std::int64_t sold_ = 0;
  std::map<Position, std::string> ledger_;  // the hub's
  std::vector<SyncHeader> fetched_;
  std::deque<std::string> link_;
  std::size_t held_max_ = 0, bytes_max_ = 0;
  TimePoint head_due_{};
};

// Sales a second. Before the agent kept what comes behind a gap it followed 20 of them.
class AgentRateTest : public AgentGapTest, public testing::WithParamInterface<int> {};

TEST_P(AgentRateTest, IsKeptUpWithWhereATenthIsLost) {
  begin_with({.id = "m1", .name = "First"});
  double due = 0, behind = 0;
  constexpr int kTurns = 4'000;  // 20 s
  for (int i = 0; i < kTurns; ++i) {
    for (due += GetParam() * std::chrono::duration<double>(kTurn).count(); due >= 1; --due) sell(1);
    turn();
    behind += static_cast<double>(ledger_.size() - agent_->ledger().entries().size()) / kTurns;
  }
  EXPECT_LT(behind / GetParam(), 3) << "seconds behind, on the average";
  EXPECT_TRUE(comes_to_hold_all(1'000));
}
INSTANTIATE_TEST_SUITE_P(Rates, AgentRateTest, testing::Values(30, 300, 3'000));

RC_GTEST_FIXTURE_PROP(AgentGapTest, EndsWithWhatTheHubHas, ()) {
  random_.seed(*rc::gen::arbitrary<std::uint32_t>());
  lost_percent_ = *rc::gen::inRange(0U, 60U);
  begin_with({.id = "m1", .name = "First"});
  for (const int sales : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100))) {
    sell(static_cast<std::size_t>(sales));
    if (chance(10)) restore(random_() % 50);
    for (auto turns = random_() % 40; turns > 0; --turns) turn();
  }
  lost_percent_ = std::min(lost_percent_, 30U);
  RC_ASSERT(comes_to_hold_all(10'000));
}

TEST_F(AgentGapTest, WhatWaitsBehindAGapIsBounded) {
  begin_with({.id = "m1", .name = "First"});
  lost_percent_ = 0;
  sell(3 * EarlyEntries::kEntriesMax);
  const auto lost = ledger_.extract({1, 1});
  for (int i = 0; i < 50; ++i) turn();
  EXPECT_EQ(held_max_, EarlyEntries::kEntriesMax);
  EXPECT_EQ(agent_->ledger().entries().size(), 1u);
  ledger_[lost.key()] = lost.mapped();
  EXPECT_TRUE(comes_to_hold_all(400));
}

TEST(EarlyEntriesTest, TheHighestGiveWayAndBytesAreBoundedToo) {
  EarlyEntries early;
  const std::string large(EarlyEntries::kBytesMax / 4, 'x');
  for (const std::uint64_t number : {9U, 7U, 8U, 6U, 5U, 5U}) early.keep({1, number}, large);
  EXPECT_EQ(early.size(), 4u);
  EXPECT_EQ(early.bytes(), EarlyEntries::kBytesMax);
  Ledger ledger;
  protocol::LedgerEntry entry;
  entry.kind = protocol::LedgerKind::epoch;
  for (std::uint64_t number = 0; number <= 5; ++number) {
    EXPECT_EQ(ledger.add({1, number, entry}), Ledger::Step::added);
    entry.kind = protocol::LedgerKind::state;
    EXPECT_TRUE(number > 3 || !early.take_next(ledger));
  }
  EXPECT_EQ(early.take_next(ledger)->first, (Position{1, 6}));  // 5 is there.
  EXPECT_EQ(early.bytes(), 2 * large.size());
}

TEST_F(AgentTest, WhatWaitsBehindAGapIsNotOfTheNextSession) {
  begin();
  ledger_entry(2, offered("0", 7));
  EXPECT_EQ(agent_->early().size(), 1u);
  welcome(agent_->state().epoch, 1);  // Of an older state, perhaps, where 2 is something else.
  EXPECT_TRUE(agent_->early().empty());
  ledger_entry(1, offered("0", 3));
  EXPECT_EQ(entries_, (std::vector<std::uint64_t>{0, 1}));
}

}  // namespace
}  // namespace depot::manufacturer
