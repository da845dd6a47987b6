// What an agent says at the turn of a cycle, and when it begins again; sales it accepts.
#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

using protocol::CycleState;

std::string sold(const std::string& cycle, std::int64_t time_ms) {
  std::string body;
  protocol::Writer(body).array(4).integer(2).integer(time_ms).string(cycle).array(5);
  protocol::Writer(body).string("ORDER").string("0").integer(1).integer(5).integer(9);
  return body;
}

std::string cycle_of(const Frame& record) {
  return protocol::decode_offer_record(record.body)->cycle;
}

TEST_F(AgentTest, SaysOfEachRecordWhetherMoreFollows) {
  agent_->set_offers(goods(450));
  begin();
  const auto flags = [](const std::vector<Frame>& records) {
    std::vector<std::uint32_t> all;
    for (const Frame& f : records) all.push_back(f.header.flags);
    return all;
  };
  EXPECT_EQ(flags(published_records()), (std::vector<std::uint32_t>{1, 1, 0}));
  tick(301ms);
  EXPECT_EQ(flags(sent(SyncType::record)), (std::vector<std::uint32_t>{1, 1, 0}));
  restart();
  agent_->set_offers(goods(450));
  welcome(1, 0);
  tick();
  EXPECT_EQ(flags(sent(SyncType::record)), (std::vector<std::uint32_t>{1, 1, 0}));
}

TEST_F(AgentTest, OneWhoOffersNothingSaysSo) {
  begin();
  auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.flags, 0u);
  EXPECT_TRUE(protocol::decode_offer_record(records[0].body)->rows.empty());
  ack(1);
  tell_cycle("2026-12", CycleState::collecting);
  records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(cycle_of(records[0]), "2026-12");
}

// Killed at any byte of what it noted when the cycle changed, or an epoch began.
TEST_F(AgentTest, KilledBeforeItHasStatedACycleItStatesAllOfItAfterwards) {
  for (const std::size_t count : {0, 2, 450}) {
    agent_.emplace(AgentOptions{.id = "m1", .name = "First", .hubs = 2}, *this);
    journal_.clear();
    agent_->set_offers(goods(static_cast<int>(count)));
    cycle_ = "2026-11";
    told_ = 40;
    begin();
    ack(agent_->state().made);
    const std::uint64_t acknowledged = agent_->state().made;
    const std::string before = journal_;
    tell_cycle("2026-12", CycleState::collecting);
    const std::string after = journal_;
    for (std::size_t end = before.size(); end != after.npos; end = after.find('\n', end + 1)) {
      journal_ = after.substr(0, end + 1);
      AgentState state;
      std::string compact;  // As the next start writes it.
      static_cast<void>(read_lines(journal_, state));
      for (const Change& change : changes_to(state)) compact += encode_line(change);
      journal_ = compact;
      restart();
      agent_->set_wanted(goods(static_cast<int>(count)));
      welcome(1, static_cast<std::int64_t>(acknowledged));
      EXPECT_EQ(agent_->state().offers.size(), count);
      ASSERT_FALSE(agent_->state().records.empty()) << count;
      const StatedRecord& last = agent_->state().records.back();
      EXPECT_EQ(last.flags, 0u) << "a statement is complete";
      EXPECT_EQ(protocol::decode_offer_record(last.body)->cycle, "2026-12");
    }
  }
}

TEST_F(AgentTest, BetweenTwoCyclesItStatesNothing) {
  agent_->set_offers(goods(1));
  begin();
  tell_cycle("2026-11", CycleState::closed);
  published_.clear();
  sent_.clear();
  agent_->set_offers(goods(2));
  hub_says({.type = SyncType::fetch, .epoch = 1, .from = 1});
  hub_says({.type = SyncType::end, .epoch = 1, .to = 0});
  tick(301ms);
  EXPECT_TRUE(agent_->resting());
  EXPECT_FALSE(agent_->settled());
  EXPECT_TRUE(published_records().empty());
  EXPECT_TRUE(sent(SyncType::record).empty());
  tell_cycle("2026-12", CycleState::collecting);
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.to, 2u);  // The one that was under way has kept its number.
  EXPECT_EQ(cycle_of(records[0]), "2026-12");
  EXPECT_EQ(protocol::decode_offer_record(records[0].body)->rows.size(), 2u);
}

TEST_F(AgentTest, BetweenTwoCyclesItComparesNothing) {
  agent_->set_offers(goods(1));
  begin();
  ack(1);
  settle(1, goods(1));
  published_.clear();
  sent_.clear();
  tell_cycle("2026-11", CycleState::closed);
  hub_says({.type = SyncType::head, .epoch = 1, .from = 3, .to = 2});
  tick();
  ASSERT_EQ(sent(SyncType::fetch).size(), 1u);  // The ledger goes on.
  ledger_entry(2, offered("0", 7));
  hub_says({.type = SyncType::end, .epoch = 1, .to = 2});
  EXPECT_TRUE(published_records().empty());
}

TEST_F(AgentTest, AnEpochThatBeginsBetweenTwoCyclesStatesNothingYet) {
  agent_->set_offers(goods(1));
  cycle_state_ = CycleState::closed;
  begin();
  EXPECT_EQ(agent_->state().epoch, 1u);
  EXPECT_TRUE(published_records().empty());
  tell_cycle("2026-12", CycleState::collecting);
  EXPECT_EQ(published_records().size(), 1u);
}

TEST_F(AgentTest, WhatIsUnderWayWhenACycleBeginsGoesOutEmptyByItsNumber) {
  agent_->set_offers(goods(1));
  begin();
  published_.clear();
  tell_cycle("2026-12", CycleState::open);
  sent_.clear();
  tick(301ms);
  const auto records = sent(SyncType::record);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].header.to, 1u);
  EXPECT_EQ(cycle_of(records[0]), "2026-11");
  EXPECT_TRUE(protocol::decode_offer_record(records[0].body)->rows.empty());
  EXPECT_EQ(records[1].header.to, 2u);
  EXPECT_EQ(cycle_of(records[1]), "2026-12");
}

TEST_F(AgentTest, AWelcomeSaidBeforeWhatWasHeardDoesNotTakeTheCycleBack) {
  agent_->set_offers(goods(1));
  begin();
  tell_cycle("2026-12", CycleState::open);
  agent_->set_made({{"0", 7}});
  cycle_ = "2026-11";
  welcome(1, 0, 0, "store-1", 1);  // Of the other hub, at the feed's number 40.
  EXPECT_EQ(agent_->state().cycle, "2026-12");
  EXPECT_EQ(agent_->state().produced.size(), 1u);
}

TEST_F(AgentTest, GoesOnWhereItsJournalEnds) {
  agent_->set_offers(goods(600));
  begin(4, 17);
  ack(2);
  agent_->set_made({{"0", 5}});
  restart();
  EXPECT_EQ(agent_->state().produced, (Made{{"0", 5}}));
  EXPECT_EQ(ledgers_.back(), "store-1");
  agent_->set_offers(goods(601));
  EXPECT_TRUE(published_records().empty());  // Nobody has told it the cycle yet.
  tick();
  const auto hello = protocol::decode_sync_hello(sent(SyncType::hello).at(0).body);
  EXPECT_EQ(hello->agent_epoch, 5);
  EXPECT_EQ(hello->last_number, 3);
  welcome(5, 2);
  const auto records = published_records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].header.epoch, 5u);
  EXPECT_EQ(records[0].header.to, 3u);  // What was not acknowledged,
  EXPECT_EQ(records[1].header.to, 4u);  // and what is new.
  EXPECT_EQ(protocol::decode_offer_record(records[1].body)->rows.size(), 1u);
}

TEST_F(AgentTest, ALostJournalIsANewEpoch) {
  agent_->set_offers(goods(1));
  begin(4, 17);
  ack(1);
  journal_.clear();
  restart();
  agent_->set_offers(goods(1));
  welcome(5, 1);
  EXPECT_EQ(agent_->state().epoch, 6u);
  EXPECT_EQ(published_records().size(), 1u);
}

TEST_F(AgentTest, SaysThePositionOfALedgerThatItFindsOnlyBehindWelcome) {
  static_cast<void>(kept_ledger_.add({1, 0}, opening()));
  static_cast<void>(kept_ledger_.add({1, 1}, offered("0", 10)));
  tick();
  welcome(0, 0, 1);
  sent_.clear();
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  ASSERT_EQ(hellos.size(), 2u);
  EXPECT_EQ(protocol::decode_sync_hello(hellos[0].body)->ledger_number, 1);
}

class AcceptTest : public AgentTest {
 protected:
  AcceptTest() { begin_with({.id = "m1", .name = "First", .accept_after = 15min}); }
  void begin_with(AgentOptions options) {
    agent_.emplace(std::move(options), *this);
    begin();
    sent_.clear();
  }
  void sell(std::uint64_t number, Duration age) {
    const auto time = wall_ - std::chrono::duration_cast<std::chrono::milliseconds>(age);
    ledger_entry(number, sold(cycle_, time.time_since_epoch().count()));
  }
  // The numbers of the ACCEPTs since the last call.
  std::vector<std::uint64_t> accepts() {
    std::vector<std::uint64_t> numbers;
    for (const Frame& f : sent(SyncType::accept)) {
      EXPECT_EQ(f.header.epoch, 1u);
      numbers.push_back(f.header.to);
    }
    return numbers;
  }
  using Numbers = std::vector<std::uint64_t>;
};

TEST_F(AcceptTest, AcceptsWhatIsOldEnough) {
  sell(1, 20min);
  sell(2, 15min);
  sell(3, 14min);
  tick();
  EXPECT_EQ(accepts(), Numbers{2});
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 2});
  EXPECT_EQ(agent_->accepted(), (Position{1, 2}));
  tick(1s);
  EXPECT_EQ(accepts(), Numbers{});
  wall_ += 1min;
  tick(1s);
  EXPECT_EQ(accepts(), Numbers{3});
}

TEST_F(AcceptTest, SaysItAgainEachSecondUntilItIsEchoed) {
  sell(1, 20min);
  tick();
  EXPECT_EQ(accepts(), Numbers{1});
  tick(999ms);
  EXPECT_EQ(accepts(), Numbers{});
  sell(2, 20min);
  tick(1ms);
  EXPECT_EQ(accepts(), Numbers{2});
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 1});
  hub_says({.type = SyncType::end, .epoch = 1, .to = 2});
  tick(1s);
  EXPECT_EQ(accepts(), Numbers{2});
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 2});
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 1});
  tick(1s);
  EXPECT_EQ(accepts(), Numbers{});
}

TEST_F(AcceptTest, ByCommandAtOnceAllThatIsHere) {
  begin_with({.id = "m1", .name = "First", .accept_after = std::nullopt});
  EXPECT_EQ(agent_->accept_all(), (Position{1, 0}));
  sell(1, 20min);
  tick(1s);
  EXPECT_EQ(accepts(), Numbers{0});
  EXPECT_EQ(agent_->accept_all(), (Position{1, 1}));
  tick();
  EXPECT_EQ(accepts(), Numbers{1});
}

TEST_F(AcceptTest, AnOlderStateOfTheDataIsAcceptedAnew) {
  sell(1, 20min);
  sell(2, 20min);
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 2});
  std::string body;
  protocol::Writer(body).array(4).integer(0).integer(0).string(cycle_).array(2).integer(1);
  protocol::Writer(body).integer(1);
  hub_says({SyncType::record, 0, 2, 0, 0}, body);
  EXPECT_EQ(dropped_, (std::vector<Position>{{1, 1}}));
  tick(1s);
  EXPECT_EQ(accepts(), Numbers{1});
}

}  // namespace
}  // namespace depot::manufacturer
