#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

TEST_F(AgentTest, AChangedFileIsAnOfferOfWhatChanged) {
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 5, 10}, {"C", "Plum", 5, 10}});
  begin();
  ack(1);
  published_.clear();
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 6, 10}, {"D", "Fig", 5, 1}});
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.to, 2u);
  const auto rows = protocol::decode_offer_record(records[0].body)->rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].sku, "B");
  EXPECT_EQ(rows[0].unit_price, 6);
  EXPECT_EQ(rows[1].sku, "D");
  EXPECT_EQ(rows[2].sku, "C");
  EXPECT_EQ(rows[2].offered, 0);
  EXPECT_EQ(rows[2].name, "Plum");
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 6, 10}, {"D", "Fig", 5, 1}});
  EXPECT_TRUE(published_records().empty());
}

TEST_F(AgentTest, StatesItsTotalsAgainForANewCycle) {
  agent_->set_offers(goods(3));
  begin();
  ack(1);
  published_.clear();
  std::string body;
  encode(protocol::Cycle{"2026-12", protocol::CycleState::open, 1, 2}, body);
  agent_->on_published("cycle/", frame({SyncType::record, 0, 7, 41, 44}), body, now_);
  EXPECT_EQ(cycle_told_, "2026-12");
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(protocol::decode_offer_record(records[0].body)->cycle, "2026-12");
  EXPECT_EQ(protocol::decode_offer_record(records[0].body)->rows.size(), 3u);
}

TEST_F(AgentTest, WhatACycleIsFoundWithStandsInItsFirstRecord) {
  const auto first_record = [this] {
    const auto records = published_records();
    EXPECT_EQ(records.size(), 1u);
    const auto record = protocol::decode_offer_record(records.at(0).body);
    EXPECT_EQ(record->rows.size(), 1u);
    return record->cycle + " " + std::to_string(record->rows.at(0).offered);
  };
  agent_->set_offers(goods(1, 10));
  wanted_in_cycle_ = goods(1, 34);
  begin();
  EXPECT_EQ(first_record(), "2026-11 34");
  ack(1);
  wanted_in_cycle_ = goods(1, 10);
  std::string body;
  encode(protocol::Cycle{"2026-12", protocol::CycleState::open, 1, 2}, body);
  agent_->on_published("cycle/", frame({SyncType::record, 0, 7, 41, 44}), body, now_);
  EXPECT_EQ(first_record(), "2026-12 10");
}

TEST_F(AgentTest, AGapInCyclesIsAskedFor) {
  agent_->set_offers(goods(1));
  begin();
  ack(1);
  tick(500ms);
  sent_.clear();
  agent_->on_published("cycle/", frame({SyncType::head, 0, 7, 41, 50}), {}, now_);
  tick(200ms);
  for (const Frame& f : sent(SyncType::hello)) EXPECT_EQ(f.hub, 1u);
  agent_->on_published("cycle/", frame({SyncType::head, 0, 7, 60, 70}), {}, now_);
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
}

TEST_F(AgentTest, FetchesItsLedgerOnEveryHeadAboveItsOwn) {
  begin();
  sent_.clear();
  agent_->on_published("head/m1/", frame({SyncType::head, 0, 1, 1, 0}), {}, now_);
  agent_->on_published("head/m2/", frame({SyncType::head, 0, 1, 9, 8}), {}, now_);
  tick(101ms);
  EXPECT_TRUE(sent(SyncType::fetch).empty());
  agent_->on_published("head/m1/", frame({SyncType::head, 0, 1, 3, 2}), {}, now_);
  tick();
  auto fetches = sent(SyncType::fetch);
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.epoch, 1u);
  EXPECT_EQ(fetches[0].header.from, 1u);
  ledger_entry(2, offered("B", 2));  // Its predecessor was lost: not taken.
  hub_says({.type = SyncType::end, .epoch = 1, .to = 2});
  tick(101ms);
  fetches = sent(SyncType::fetch);
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.from, 1u);
  ledger_entry(1, offered("A", 2));
  ledger_entry(2, offered("B", 2));
  ledger_entry(2, offered("B", 2));
  EXPECT_EQ(entries_, (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_EQ(news_, 2);  // What it found on coming is no news.
}

TEST_F(AgentTest, ComparesNothingWithAnAnswerThatHasAGap) {
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 5, 10}});
  begin();
  ack(1);
  tick();
  published_.clear();
  sent_.clear();
  ledger_entry(1, offered("A", 10));  // That of B is lost,
  ledger_entry(3, offered("C", 0));
  hub_says({.type = SyncType::end, .epoch = 1, .to = 3});
  EXPECT_TRUE(published_records().empty()) << "B is not stated again";
  EXPECT_FALSE(agent_->settled());
  tick(101ms);  // and asked for at once.
  const auto fetches = sent(SyncType::fetch);
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.from, 2u);
}

TEST_F(AgentTest, AGapIsAskedForWithoutTheAnswersEnd) {
  begin();
  hub_says({.type = SyncType::head, .epoch = 1, .from = 4, .to = 3});
  tick();
  sent_.clear();
  ledger_entry(2, offered("B", 2));
  ledger_entry(3, offered("B", 3));
  tick(99ms);
  EXPECT_TRUE(sent(SyncType::fetch).empty()) << "not for each of what follows";
  tick(2ms);
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
}

TEST_F(AgentTest, AsksAnewWhenAFetchIsNotAnswered) {
  begin();
  sent_.clear();
  hub_says({.type = SyncType::head, .epoch = 1, .from = 6, .to = 5});
  tick();
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
  tick(299ms);
  EXPECT_TRUE(sent(SyncType::fetch).empty());
  tick(2ms);
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
  hub_says({.type = SyncType::head, .epoch = 1, .from = 7, .to = 6});
  tick(1s);
  EXPECT_TRUE(sent(SyncType::fetch).empty()) << "it may be slow";
  hub_says({.type = SyncType::head, .epoch = 1, .from = 7, .to = 6});
  tick(1001ms);
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
}

TEST_F(AgentTest, AsksAnewInANewSession) {
  begin();
  sent_.clear();
  hub_says({.type = SyncType::head, .epoch = 1, .from = 6, .to = 5});
  tick();
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
  hub_says({.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::say_hello)});
  welcome(1, 0);
  tick();
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
}

TEST_F(AgentTest, WantsANewSocketToAHubOfWhichNothingIsHeardForLong) {
  begin();
  sent_.clear();
  for (int i = 0; i < 59; ++i) {
    tick(100ms);
    hub_says({.type = SyncType::head, .epoch = 1}, "", 1);
    EXPECT_TRUE(reopened_.empty());
  }
  tick(100ms);
  EXPECT_EQ(reopened_, std::vector<std::size_t>{0});
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
  EXPECT_FALSE(agent_->settled());
  tick(5'800ms);
  EXPECT_EQ(reopened_.size(), 1u);
}

TEST_F(AgentTest, SaysHelloAgainToASilentHub) {
  begin();
  tick(1s);
  sent_.clear();
  tick(1100ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
  EXPECT_FALSE(agent_->settled());
}

TEST_F(AgentTest, WaitsWhenAnotherIsThisManufacturer) {
  tick();
  hub_says({.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::busy)});
  EXPECT_EQ(troubles_, std::vector{SyncError::busy});
  sent_.clear();
  tick(900ms);
  for (const Frame& f : sent(SyncType::hello)) EXPECT_EQ(f.hub, 1u);
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
}

TEST_F(AgentTest, AcksThatAreNotItsOwnMoveNothing) {
  agent_->set_offers(goods(600));
  begin();
  hub_says({.type = SyncType::ack, .epoch = 9, .to = 3});
  hub_says({.type = SyncType::ack, .epoch = 1, .to = 4});
  hub_says({.type = SyncType::ack, .epoch = 1, .to = kNoPosition});
  EXPECT_EQ(agent_->state().acknowledged, 0u);
  ack(2);
  ack(1);
  EXPECT_EQ(agent_->state().acknowledged, 2u);
  EXPECT_EQ(agent_->state().records.size(), 1u);
}

TEST_F(AgentTest, HeadShowsTheHubALostTail) {
  agent_->set_offers(goods(300));
  begin();
  sent_.clear();
  published_.clear();
  hub_says({.type = SyncType::head, .epoch = 1, .to = 0});
  tick(500ms);
  const auto on_pub = take(published_, SyncType::head);
  const auto on_sync = sent(SyncType::head);
  ASSERT_EQ(on_pub.size(), 1u);
  ASSERT_EQ(on_sync.size(), 1u);
  EXPECT_EQ(on_sync[0].header.to, 2u);
  EXPECT_EQ(on_sync[0].header.from, 3u);
}

RC_GTEST_FIXTURE_PROP(AgentTest, SurvivesAnyFrames, ()) {
  agent_->set_offers(goods(3));
  begin();
  for (const auto& bytes : *rc::gen::arbitrary<std::vector<std::string>>()) {
    const auto type = *rc::gen::inRange<std::uint8_t>(1, 13);
    const auto number = *rc::gen::arbitrary<std::uint64_t>();
    const auto epoch = *rc::gen::inRange<std::uint64_t>(0, 3);
    const SyncHeader header{static_cast<SyncType>(type), 1, epoch, number, number};
    agent_->on_sync(0, frame(header, bytes), now_);
    agent_->on_sync(1, bytes, now_);
    agent_->on_published("head/m1/", frame(header), bytes, now_);
    agent_->on_published("cycle/", frame(header), bytes, now_);
    agent_->on_published(bytes, bytes, bytes, now_);
    tick(300ms);
  }
}

}  // namespace
}  // namespace depot::manufacturer
