#include <gmock/gmock.h>

#include "tests/unit/manufacturer_hub/hub_fixture.hpp"

namespace depot::manufacturer_hub {
namespace {

TEST_F(HubTest, WelcomesAManufacturerWithWhatTheStoreKnows) {
  says("p1", {.type = SyncType::hello}, hello_of("m1"));
  EXPECT_TRUE(sent_.empty());
  says("p1", {.type = SyncType::hello}, hello_of("m1"));  // Repeated: one question to the store.
  EXPECT_EQ(calls_.size(), 1u);
  answer();
  const auto frames = take(sent_, SyncType::welcome, "p1");
  ASSERT_EQ(frames.size(), 1u);
  const auto welcome = protocol::decode_sync_welcome(frames[0].body);
  EXPECT_EQ(welcome->store_id, "store-1");
  EXPECT_EQ(welcome->cycle.id, "2026-11");
  EXPECT_EQ(welcome->ledger_epoch, 1);
}

TEST_F(HubTest, ServesASessionWhileItIsWelcomedOnceMore) {
  greet_maker("p1", "m1");
  says("p1", {.type = SyncType::hello}, hello_of("m1"));
  says("p1", {.type = SyncType::fetch, .from = kNoPosition});
  answer();
  EXPECT_EQ(take(sent_, SyncType::end, "p1").size(), 1u);
}

TEST_F(HubTest, RefusesWhomTheStoreDoesNotKnow) {
  refuse_ = true;
  says("p1", {.type = SyncType::hello}, hello_of("m1"));
  answer();
  EXPECT_TRUE(errors(SyncError::refused));
  says("p1", record(1, 1), offer("A", 1));
  EXPECT_TRUE(errors(SyncError::say_hello));
  EXPECT_EQ(hub_->status_json().find("m1"), std::string::npos);
}

TEST_F(HubTest, AsksForAHelloBeforeAnythingElse) {
  for (const SyncType type : {SyncType::record, SyncType::head, SyncType::fetch, SyncType::accept,
                              SyncType::snapshot, SyncType::ack}) {
    says("p1", {.type = type, .epoch = 1, .to = 1});
    EXPECT_TRUE(errors(SyncError::say_hello));
  }
  EXPECT_TRUE(calls_.empty());
}

TEST_F(HubTest, AcknowledgesBehindTheWriteAndNotBefore) {
  greet_maker("p1", "m1");
  publishes("offer/m1/", record(1, 1), offer("A", 10));
  says("p1", record(1, 2), offer("B", 10));
  EXPECT_TRUE(sent_.empty());
  answer();
  const auto acks = take(sent_, SyncType::ack, "p1");
  ASSERT_EQ(acks.size(), 2u);
  EXPECT_EQ(acks[1].header.epoch, 1u);
  EXPECT_EQ(acks[1].header.to, 2u);
  EXPECT_EQ(store_.stock.at("m1:B").available(), 10);
}

TEST_F(HubTest, ARepeatIsAcknowledgedAndNotWrittenAgain) {
  greet_maker("p1", "m1");
  publishes("offer/m1/", record(1, 1), offer("A", 10));
  publishes("offer/m1/", record(1, 1), offer("A", 10));  // Under way.
  answer();
  EXPECT_EQ(applied_.size(), 1u);
  sent_.clear();
  says("p1", record(1, 1), offer("A", 10));
  answer();
  EXPECT_EQ(applied_.size(), 1u);
  EXPECT_EQ(take(sent_, SyncType::ack).size(), 1u);
}

TEST_F(HubTest, AsksForWhatAGapOrAHeadShowsMissing) {
  greet_maker("p1", "m1");
  publishes("offer/m1/", record(1, 2), offer("A", 10));
  auto fetches = take(sent_, SyncType::fetch, "p1");
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.epoch, 1u);
  EXPECT_EQ(fetches[0].header.from, 1u);
  publishes("offer/m1/", record(1, 3), offer("A", 10));
  EXPECT_TRUE(take(sent_, SyncType::fetch).empty());  // Asked a moment ago.
  tick(51ms);
  says("p1", record(1, 1), offer("A", 10));
  answer();
  sent_.clear();
  publishes("offer/m1/", {SyncType::head, 0, 1, 4, 3});
  fetches = take(sent_, SyncType::fetch, "p1");
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.from, 2u);
  EXPECT_EQ(applied_, (std::vector<std::uint64_t>{1}));
}

TEST_F(HubTest, ANewEpochBeginsWithItsFirstRecordOnly) {
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 10));
  answer();
  sent_.clear();
  says("p1", record(3, 2), offer("A", 11));
  EXPECT_EQ(take(sent_, SyncType::fetch).at(0).header.from, 1u);
  says("p1", record(3, 1), offer("A", 12));
  answer();
  EXPECT_EQ(take(sent_, SyncType::ack).at(0).header.epoch, 3u);
  says("p1", record(1, 2), offer("A", 13));
  EXPECT_TRUE(errors(SyncError::say_hello));
  answer();
  EXPECT_EQ(store_.stock.at("m1:A").wanted, 12);
}

TEST_F(HubTest, WhatFailedInTheStoreMayBeSentAgain) {
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 10));
  calls_.clear();
  hub_->on_applied("m1", fail(ErrorCode::unknown, "connection lost"), now_);
  EXPECT_TRUE(sent_.empty());
  says("p1", record(1, 1), offer("A", 10));
  answer();
  EXPECT_EQ(take(sent_, SyncType::ack).size(), 1u);
}

TEST_F(HubTest, LearnsOfRecordsThatAnotherHubApplied) {
  greet_maker("p1", "m1");
  store_.offer("m1", 1, 1, offer("A", 1));
  store_.offer("m1", 1, 2, offer("A", 2));
  says("p1", record(1, 1), offer("A", 1));
  answer();  // A duplicate; the answer says 2.
  EXPECT_EQ(take(sent_, SyncType::ack).at(0).header.to, 2u);
  says("p1", record(1, 3), offer("A", 3));
  answer();
  EXPECT_EQ(take(sent_, SyncType::ack).at(0).header.to, 3u);
}

TEST_F(HubTest, ListensOnInOnlyToWhomItKnows) {
  publishes("offer/m1/", record(1, 1), offer("A", 10));
  greet_maker("p2", "m2");
  publishes("offer/m1/", record(1, 1), offer("A", 10));
  EXPECT_TRUE(calls_.empty());
}

TEST_F(HubTest, AnIdentityIsOneConnectionAtATime) {
  greet_maker("p1", "m1");
  says("p2", {.type = SyncType::hello}, hello_of("m1"));
  EXPECT_TRUE(errors(SyncError::busy));
  gone_.insert("p1");
  says("p2", {.type = SyncType::hello}, hello_of("m1"));
  answer();
  EXPECT_EQ(take(sent_, SyncType::welcome, "p2").size(), 1u);
  gone_.clear();
  says("p1", record(1, 1), offer("A", 10));  // Not m1 any more.
  EXPECT_TRUE(errors(SyncError::say_hello));
}

TEST_F(HubTest, AHungAgentLosesItsPlaceAfterThreeSeconds) {
  greet_maker("p1", "m1");
  tick(2900ms);
  says("p2", {.type = SyncType::hello}, hello_of("m1"));
  EXPECT_TRUE(errors(SyncError::busy));
  tick(200ms);
  sent_.clear();
  says("p2", {.type = SyncType::hello}, hello_of("m1"));
  answer();
  EXPECT_EQ(take(sent_, SyncType::welcome, "p2").size(), 1u);
}

TEST_F(HubTest, ServesAManufacturerItsOwnLedgerAndNoOther) {
  greet_maker("p1", "m1");
  greet_maker("p2", "m2");
  says("p1", record(1, 1), offer("A", 10));
  answer();
  store_.sell("m1:A", 3);
  sent_.clear();
  for (const char* peer : {"p1", "p2"}) {
    says(peer, {.type = SyncType::fetch, .from = kNoPosition});
  }
  answer();
  const std::vector<Frame> all = sent_;
  std::vector<Frame> copy = all;
  const auto own = take(copy, SyncType::record, "p1");
  ASSERT_EQ(own.size(), 3u);
  EXPECT_EQ(own[2].header.from, 2u);
  EXPECT_EQ(protocol::decode_ledger_entry(own[2].body)->rows.at(0).quantity, 3);
  copy = all;
  EXPECT_EQ(take(copy, SyncType::end, "p1").at(0).header.to, 2u);
  copy = all;
  const auto other = take(copy, SyncType::record, "p2");
  ASSERT_EQ(other.size(), 1u);  // The entry that opened its own.
  EXPECT_EQ(protocol::decode_ledger_entry(other[0].body)->kind, protocol::LedgerKind::epoch);
}

TEST_F(HubTest, AFetchBehindTheHeadIsAnEmptyAnswer) {
  greet_maker("p1", "m1");
  says("p1", {.type = SyncType::fetch, .epoch = 1, .from = 1});
  answer();
  const auto ends = take(sent_, SyncType::end, "p1");
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].header.to, 0u);
}

TEST_F(HubTest, LongLedgersComePageByPageAndWaitForSlowReaders) {
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 100'000));
  answer();
  for (int i = 0; i < 900; ++i) store_.sell("m1:A", 1);
  sent_.clear();
  slow_.insert("p1");
  room_ = 250;
  says("p1", {.type = SyncType::fetch, .epoch = 1, .from = 0});
  answer();
  EXPECT_EQ(sent_.size(), 250u);
  room_ = 10'000;
  for (int i = 0; i < 10; ++i) {
    tick();
    answer();
  }
  const auto records = take(sent_, SyncType::record, "p1");
  ASSERT_EQ(records.size(), 902u);
  for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].header.to, i);
}

TEST_F(HubTest, ANewRequestReplacesTheOneBefore) {
  greet_gateway("g1");
  says("g1", {.type = SyncType::snapshot});
  auto first = std::move(calls_.front());
  calls_.clear();
  says("g1", {.type = SyncType::snapshot});
  first();  // The answer to the first comes all the same.
  EXPECT_TRUE(sent_.empty());
  answer();
  EXPECT_EQ(take(sent_, SyncType::end).size(), 1u);
}

TEST_F(HubTest, AnswersAManufacturersQuestionsInParts) {
  greet_maker("p1", "m1");
  std::string body;
  encode(protocol::SyncAsk{"statement", {"2026-11"}}, body);
  const std::string large = "O" + std::string(messaging::kSnapshotPartBytesMax, 'x');
  ask_answer_ = large;
  says("p1", {.type = SyncType::ask, .from = 7}, body);
  answer();
  EXPECT_EQ(asked_, std::vector<std::string>{"m1 statement 2026-11"});
  const auto parts = take(sent_, SyncType::answer, "p1");
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].body + parts[1].body, large);
  for (std::uint32_t i = 0; i < 2; ++i) {
    EXPECT_EQ(parts[i].header.from, 7u);
    EXPECT_EQ(parts[i].header.flags, i);
    EXPECT_EQ(parts[i].header.to, 2u);
  }
  ask_answer_ = fail(ErrorCode::unknown, "Redis is gone");
  says("p1", {.type = SyncType::ask, .from = 8}, body);
  answer();
  EXPECT_TRUE(sent_.empty()) << "it is asked again";
  says("p1", {.type = SyncType::ask, .from = 9}, "nonsense");
  EXPECT_TRUE(calls_.empty());
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(HubTest, QuestionsAndAcceptancesOfOneManufacturerAreBounded) {
  greet_maker("p1", "m1");
  for (std::uint64_t i = 1; i <= 20; ++i) {
    says("p1", {.type = SyncType::accept, .epoch = 1, .to = i});
  }
  EXPECT_EQ(calls_.size(), 16u) << "hub.asks_in_flight_max";
  answer();
  says("p1", {.type = SyncType::accept, .epoch = 1, .to = 20});
  EXPECT_EQ(calls_.size(), 1u) << "it is said again";
}

TEST_F(HubTest, WhoHasNoSessionIsToldToSayHelloSoOftenASecond) {
  for (int i = 0; i < 4'000; ++i) {
    says("p" + std::to_string(i), {.type = SyncType::head, .epoch = 1, .to = 0});
  }
  EXPECT_EQ(take(sent_, SyncType::error).size(), 3'000u);
  EXPECT_THAT(warned_of_, testing::ElementsAre("peers without a session"));
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 3));
  EXPECT_EQ(calls_.size(), 1u) << "a HELLO is heard all the same";
}

TEST_F(HubTest, OneWhoFloodsIsNamedAndNotListenedToForTheRestOfTheSecond) {
  greet_maker("p1", "m1");
  greet_maker("p2", "m2");
  for (int i = 0; i < 4'000; ++i) hub_->on_sync("p1", "nonsense", now_);
  says("p1", record(1, 1), offer("A", 3));
  EXPECT_TRUE(calls_.empty());
  EXPECT_EQ(warned_of_, (std::vector<std::string>{"m1", "m1"}));
  EXPECT_THAT(warnings_.back(), testing::StartsWith("floods the hub"));

  says("p2", record(1, 1), offer("A", 3));
  EXPECT_EQ(calls_.size(), 1u) << "others are listened to";
  for (int i = 0; i < 4'000; ++i) publishes("offer/m2/", record(1, 1), offer("A", 3));
  says("p2", record(1, 2), offer("A", 4));
  EXPECT_EQ(calls_.size(), 2u) << "what others may have published is not held against it";

  now_ += 1s;
  says("p1", record(1, 1), offer("A", 3));
  EXPECT_EQ(calls_.size(), 3u);
  EXPECT_EQ(warnings_.size(), 3u);
}

}  // namespace
}  // namespace depot::manufacturer_hub
