#include "tests/unit/manufacturer_hub/hub_fixture.hpp"

namespace depot::manufacturer_hub {
namespace {

TEST_F(HubTest, RecordsOfAKindAreAdjacentAndCarryTheNewestValues) {
  greet_maker("p1", "m1");
  follow_feed();
  tick(10ms);
  published_.clear();
  says("p1", record(1, 1), offer("A", 10));
  answer();
  follow_feed();
  tick(10ms);
  auto catalogue = take(published_, SyncType::record, "catalogue/");
  ASSERT_EQ(catalogue.size(), 1u);
  const auto named = protocol::decode_catalogue_record(catalogue[0].body);
  EXPECT_EQ(named->items.at(0).offer, "m1:A");
  EXPECT_EQ(named->items.at(0).available, 10);
  store_.sell("m1:A", 3);
  store_.sell("m1:A", 2);
  follow_feed();
  tick(10ms);
  auto stock = take(published_, SyncType::record, "stock/");
  ASSERT_EQ(stock.size(), 1u);
  EXPECT_EQ(stock[0].header.to, 4u);
  EXPECT_EQ(protocol::decode_stock_record(stock[0].body)->at(0).available, 5);
  store_.sell("m1:A", 1);
  follow_feed();
  tick(10ms);
  auto next = take(published_, SyncType::record, "stock/");
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].header.from, stock[0].header.to + 1);
}

TEST_F(HubTest, AnOfferOfNoneIsSaidToBeWithdrawn) {
  greet_maker("p1", "m1");
  follow_feed();
  tick(10ms);
  published_.clear();
  says("p1", record(1, 1), offer("A", 0));
  answer();
  follow_feed();
  tick(10ms);
  std::vector<Frame> copy = published_;
  const auto catalogue = take(copy, SyncType::record, "catalogue/");
  ASSERT_EQ(catalogue.size(), 1u);
  const auto named = protocol::decode_catalogue_record(catalogue[0].body);
  EXPECT_TRUE(named->items.at(0).withdrawn);
  EXPECT_EQ(named->items.at(0).available, 0);
  const auto stock = take(published_, SyncType::record, "stock/");
  ASSERT_EQ(stock.size(), 1u);
  EXPECT_EQ(protocol::decode_stock_record(stock[0].body)->at(0).available, -1);
}

// Two XREADs may be out where one of the hub's two connections was lost.
TEST_F(HubTest, FeedEntriesThatComeTwiceCountOnce) {
  greet_maker("p1", "m1");
  const std::uint64_t before = hub_->feed_number();
  says("p1", record(1, 1), offer("A", 10));
  answer();
  const std::vector<FeedEntry> entries = store_.feed(before + 1);
  follow_feed();
  store_.sell("m1:A", 3);
  follow_feed();
  tick(10ms);
  const std::uint64_t number = hub_->feed_number();
  published_.clear();
  for (const FeedEntry& entry : entries) hub_->on_feed(entry);
  EXPECT_EQ(hub_->feed_number(), number);
  tick(10ms);
  EXPECT_TRUE(take(published_, SyncType::record).empty());
}

TEST_F(HubTest, GathersChangesForTheTimeOfItsPace) {
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 100));
  answer();
  follow_feed();
  tick(10ms);
  published_.clear();
  for (int i = 0; i < 20; ++i) {
    store_.sell("m1:A", 1);
    follow_feed();
    tick(1ms);
  }
  EXPECT_LE(take(published_, SyncType::record, "stock/").size(), 3u);
}

TEST_F(HubTest, AHeadCoversWhatHadNothingOfItsKind) {
  greet_maker("p1", "m1");
  follow_feed();
  tick(500ms);
  published_.clear();
  tick(500ms);
  for (const char* topic : {"stock/", "catalogue/", "cycle/"}) {
    std::vector<Frame> copy = published_;
    const auto heads = take(copy, SyncType::head, topic);
    ASSERT_EQ(heads.size(), 1u) << topic;
    EXPECT_EQ(heads[0].header.to, 1u);
    EXPECT_EQ(heads[0].header.from, 2u);
  }
}

TEST_F(HubTest, ANewSubscriptionGetsAHeadAtOnce) {
  greet_maker("p1", "m1");
  tick(500ms);
  published_.clear();
  hub_->on_subscription("stock/");
  hub_->on_subscription("head/m1/");
  hub_->on_subscription("head/nobody/");
  tick();
  EXPECT_EQ(std::ranges::count(published_, "stock/", &Frame::to), 1);
  EXPECT_EQ(std::ranges::count(published_, "head/m1/", &Frame::to), 1);
  EXPECT_EQ(published_.size(), 4u);
}

TEST_F(HubTest, TellsAManufacturersHeadAtMostTenTimesASecond) {
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 1'000));
  answer();
  published_.clear();
  for (int i = 0; i < 1'000; ++i) {
    store_.sell("m1:A", 1);
    follow_feed();
    tick(1ms);
  }
  const auto heads = take(published_, SyncType::head, "head/m1/");
  EXPECT_GE(heads.size(), 9u);
  EXPECT_LE(heads.size(), 11u);
  tick(100ms);
  const auto last = take(published_, SyncType::head, "head/m1/");
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].header.to, 1'001u);  // The tail is not lost.
}

TEST_F(HubTest, AGatewayFetchesWhatItMissed) {
  greet_maker("p1", "m1");
  greet_gateway("g1");
  says("p1", record(1, 1), offer("A", 10));
  answer();
  store_.sell("m1:A", 4);
  follow_feed();
  sent_.clear();
  hub_->on_subscription("stock/");
  tick();
  const std::uint64_t data_set = published_.back().header.epoch;
  says("g1", {.type = SyncType::fetch, .epoch = data_set, .from = 3});
  answer();
  std::vector<Frame> copy = sent_;
  const auto records = take(copy, SyncType::record, "g1");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.flags, static_cast<std::uint32_t>(PublicKind::stock));
  EXPECT_EQ(records[0].header.from, 3u);
  EXPECT_EQ(protocol::decode_stock_record(records[0].body)->at(0).available, 6);
  EXPECT_EQ(take(sent_, SyncType::end, "g1").at(0).header.to, 3u);
}

TEST_F(HubTest, AFetchOlderThanTheFeedIsASnapshot) {
  greet_maker("p1", "m1");
  greet_gateway("g1");
  for (int i = 1; i <= 20; ++i)
    says("p1", record(1, static_cast<std::uint64_t>(i)), offer("sku-" + std::to_string(i), 10));
  answer();
  follow_feed();
  tick(10ms);
  const std::uint64_t data_set = published_.back().header.epoch;
  store_.feed_kept = 5;
  const struct {
    std::uint64_t epoch, from;
  } cases[] = {{data_set, 3}, {data_set + 1, 20}, {data_set, 500}, {data_set, kNoPosition}};
  for (const auto& c : cases) {
    sent_.clear();
    says("g1", {.type = SyncType::fetch, .epoch = c.epoch, .from = c.from});
    answer();
    std::vector<Frame> copy = sent_;
    const auto parts = take(copy, SyncType::snapshot, "g1");
    ASSERT_EQ(parts.size(), 3u) << c.from;  // 20 offers, 7 a page.
    for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(parts[i].header.flags, i);
    EXPECT_EQ(take(sent_, SyncType::end, "g1").at(0).header.to, store_.state().feed_number);
  }
}

TEST_F(HubTest, WhatTheFeedLostBeforeItWasReadStaysAGap) {
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 100));
  answer();
  follow_feed();
  tick(10ms);
  const std::uint64_t before = hub_->feed_number();
  for (int i = 0; i < 50; ++i) store_.sell("m1:A", 1);
  store_.feed_kept = 5;
  published_.clear();
  for (const FeedEntry& entry : store_.feed(before + 1)) hub_->on_feed(entry);
  tick(10ms);
  const auto stock = take(published_, SyncType::record, "stock/");
  ASSERT_EQ(stock.size(), 1u);
  EXPECT_GT(stock[0].header.from, before + 1);  // So a follower fetches, and gets a snapshot.
}

TEST_F(HubTest, PassesAnAcceptanceOnAndConfirmsItBehindTheWrite) {
  greet_maker("p1", "m1");
  says("p1", {.type = SyncType::accept, .epoch = 1, .to = 7});
  EXPECT_TRUE(sent_.empty());
  answer();
  EXPECT_EQ(accepted_, std::vector<std::string>{"m1 7"});
  EXPECT_EQ(take(sent_, SyncType::accept, "p1").at(0).header.to, 7u);
}

TEST_F(HubTest, AGatewayMayNotOfferNorAccept) {
  greet_gateway("g1");
  says("g1", record(1, 1), offer("A", 10));
  says("g1", {.type = SyncType::accept, .epoch = 1, .to = 7});
  EXPECT_TRUE(calls_.empty());
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(HubTest, WhenTheStoreComesBackEverybodySaysHelloAgain) {
  greet_maker("p1", "m1");
  greet_gateway("g1");
  hub_->on_store(store_.state());
  const auto errors = take(sent_, SyncType::error);
  ASSERT_EQ(errors.size(), 2u);
  for (const Frame& f : errors) {
    EXPECT_EQ(f.header.flags, static_cast<std::uint32_t>(SyncError::say_hello));
  }
  greet_maker("p1", "m1");
  says("p1", record(1, 1), offer("A", 10));
  answer();
  EXPECT_EQ(take(sent_, SyncType::ack).size(), 1u);
}

TEST_F(HubTest, AnotherDataSetIsAnotherEpoch) {
  tick(500ms);
  const std::uint64_t before = published_.back().header.epoch;
  store_.store_id = "store-2";
  hub_->on_store(store_.state());
  tick();
  EXPECT_NE(published_.back().header.epoch, before);
}

TEST_F(HubTest, NonsenseIsCountedNamedOnceAMinuteAndDropped) {
  greet_maker("p1", "m1");
  for (int i = 0; i < 100; ++i) {
    hub_->on_sync("p1", "nonsense", now_);
    says("p1", record(1, 1), "nonsense");
    hub_->on_published("offer/m1/", "nonsense", "", now_);
    hub_->on_published("prices/", "", "", now_);
  }
  EXPECT_EQ(warnings_.size(), 3u);  // By manufacturer, by each topic.
  EXPECT_EQ(warned_of_.front(), "m1");
  EXPECT_NE(metrics_.text().find("depot_hub_malformed_total 400"), std::string::npos);
  hub_->on_sync("p1", "nonsense", now_ + 61s);
  EXPECT_EQ(warnings_.size(), 4u);
  EXPECT_TRUE(calls_.empty());
}

TEST_F(HubTest, AFloodIsHeldToAWindow) {
  greet_maker("p1", "m1");
  for (std::uint64_t n = 1; n <= 1'000; ++n) says("p1", record(1, n), offer("A", 10));
  EXPECT_EQ(calls_.size(), 64u);
  answer();
  EXPECT_EQ(take(sent_, SyncType::ack).back().header.to, 64u);
}

TEST_F(HubTest, StatusNamesManufacturersAndGateways) {
  greet_maker("p1", "m1");
  greet_gateway("g1");
  says("p1", record(1, 1), offer("A", 10));
  answer();
  follow_feed();
  tick(10ms);
  const boost::json::value status = boost::json::parse(hub_->status_json());
  const auto& maker = status.at("manufacturers").as_array().at(0);
  EXPECT_EQ(maker.at("id").as_string(), "m1");
  EXPECT_EQ(maker.at("name").as_string(), "Name of m1");
  EXPECT_TRUE(maker.at("connected").as_bool());
  EXPECT_EQ(maker.at("last_number").to_number<int>(), 1);
  EXPECT_EQ(maker.at("head").to_number<int>(), 1);
  EXPECT_EQ(status.at("gateways").to_number<int>(), 1);
  EXPECT_EQ(status.at("feed_number").to_number<int>(), 2);
  const auto& cycle = status.at("cycle");
  EXPECT_EQ(cycle.at("id").as_string(), "2026-11");
  EXPECT_EQ(cycle.at("state").as_string(), "open");
  EXPECT_EQ(cycle.at("closes_at_ms").to_number<std::int64_t>(), store_.cycle.closes_at_ms);
}

TEST_F(HubTest, StatusSaysHowFarAManufacturerIsBehindItsLedger) {
  const auto row = [this] {
    return boost::json::parse(hub_->status_json()).at("manufacturers").as_array().at(0);
  };
  const auto behind = [&] { return row().at("behind").to_number<int>(); };
  says("p1", {.type = SyncType::hello}, hello_of("m1"));  // It has no position yet.
  answer();
  EXPECT_TRUE(row().at("told").is_null());
  EXPECT_EQ(behind(), 1) << "the entry that opens the ledger";
  says("p1", {.type = SyncType::fetch, .from = kNoPosition});
  answer();
  EXPECT_EQ(behind(), 0);
  EXPECT_EQ(row().at("told").at("number").to_number<int>(), 0);

  says("p1", record(1, 1), offer("A", 10));
  answer();
  store_.sell("m1:A", 1);
  store_.sell("m1:A", 1);
  follow_feed();
  tick(10ms);
  EXPECT_EQ(behind(), 3);
  EXPECT_EQ(hub_->behind().sum, 3u);
  EXPECT_EQ(hub_->behind().max, 3u);
  slow_.insert("p1");
  room_ = 2;
  says("p1", {.type = SyncType::fetch, .epoch = 1, .from = 1});
  answer();
  EXPECT_EQ(behind(), 1) << "the third was not sent yet";
  room_ = 100;
  says("p1", {.type = SyncType::fetch, .epoch = 1, .from = 2});
  EXPECT_EQ(behind(), 2) << "the second got lost: it asks for it again";
  answer();
  EXPECT_EQ(behind(), 0);

  gone_.insert("p1");
  tick(600ms);
  store_.sell("m1:A", 1);
  follow_feed();
  tick(10ms);
  EXPECT_FALSE(row().at("connected").as_bool());
  EXPECT_EQ(behind(), 1);
  EXPECT_EQ(hub_->behind().sum, 0u) << "of those that are connected";
}

TEST_F(HubTest, WhatIsOfAnotherLedgerEpochIsNotCounted) {
  std::string body;
  encode(protocol::SyncHello{true, "m1", "M", {}, {}, 7, 40}, body);
  says("p1", {.type = SyncType::hello}, body);
  calls_.clear();
  protocol::SyncWelcome welcome;
  welcome.ledger_epoch = 8;
  welcome.ledger_number = 3;
  hub_->on_greeted("p1", welcome);
  const auto status = boost::json::parse(hub_->status_json());
  const auto& row = status.at("manufacturers").as_array().at(0);
  EXPECT_TRUE(row.at("behind").is_null());
  EXPECT_EQ(row.at("told").at("epoch").to_number<int>(), 7);
  EXPECT_EQ(row.at("head_epoch").to_number<int>(), 8);
}

RC_GTEST_FIXTURE_PROP(HubTest, SurvivesAnyFrames, ()) {
  greet_maker("p1", "m1");
  greet_gateway("g1");
  for (const auto& bytes : *rc::gen::arbitrary<std::vector<std::string>>()) {
    const auto type = *rc::gen::inRange<std::uint8_t>(1, 11);
    const SyncHeader header{static_cast<SyncType>(type), *rc::gen::inRange<std::uint32_t>(0, 4),
                            *rc::gen::inRange<std::uint64_t>(0, 3),
                            *rc::gen::arbitrary<std::uint64_t>(),
                            *rc::gen::arbitrary<std::uint64_t>()};
    for (const char* peer : {"p1", "g1", "p3"}) says(peer, header, bytes);
    publishes("offer/m1/", header, bytes);
    publishes(bytes, header, bytes);
    hub_->on_published(bytes, bytes, bytes, now_);
    hub_->on_sync("p1", bytes, now_);
    hub_->on_subscription(bytes);
    answer();
    tick(100ms);
  }
}

}  // namespace
}  // namespace depot::manufacturer_hub
