#include "manufacturer_hub/hub.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <optional>

#include "model_store.hpp"
#include "protocol/msgpack.hpp"

namespace depot::manufacturer_hub {
namespace {

using namespace std::chrono_literals;
using messaging::kNoPosition;
using messaging::PublicKind;
using messaging::Sent;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;

struct Frame {
  std::string to;  // peer or topic
  SyncHeader header;
  std::string body;
};

// A hub on a model store that answers when told to.
class HubTest : public testing::Test, public HubActions {
 protected:
  Sent send(std::string_view peer, std::string_view bytes) override {
    if (gone_.contains(std::string(peer))) return Sent::unreachable;
    if (slow_.contains(std::string(peer)) && room_-- <= 0) return Sent::full;
    sent_.push_back({std::string(peer), {}, std::string(bytes.substr(40))});
    EXPECT_TRUE(read_sync_header(bytes, sent_.back().header));
    return Sent::yes;
  }
  void publish(std::string_view topic, std::string_view header, std::string_view body) override {
    published_.push_back({std::string(topic), {}, std::string(body)});
    EXPECT_TRUE(read_sync_header(header, published_.back().header));
  }
  void warn(std::string_view what, std::string_view) override { warnings_.emplace_back(what); }
  void greet(const std::string& peer, const protocol::SyncHello& hello) override {
    calls_.push_back([this, peer, hello] {
      if (refuse_) return hub_->on_greeted(peer, fail(ErrorCode::refused, "unknown manufacturer"));
      hub_->on_greeted(peer, store_.hello(hello));
    });
  }
  void apply(const std::string& id, std::uint64_t epoch, std::uint64_t number,
             std::string_view record) override {
    calls_.push_back([this, id, epoch, number, bytes = std::string(record)] {
      applied_.push_back(number);
      hub_->on_applied(id, store_.offer(id, epoch, number, bytes), now_);
    });
  }
  void accept(const std::string& peer, const std::string& id, std::uint64_t epoch,
              std::uint64_t number) override {
    calls_.push_back([this, peer, id, epoch, number] {
      accepted_.push_back(id + " " + std::to_string(number));
      hub_->on_accepted(peer, epoch, number);
    });
  }
  void read_ledger(std::uint64_t ticket, const std::string& id, std::uint64_t epoch,
                   std::uint64_t from) override {
    calls_.push_back([this, ticket, id, epoch, from] {
      hub_->on_ledger(ticket, store_.ledger(id, epoch, from));
    });
  }
  void read_feed(std::uint64_t ticket, std::uint64_t from) override {
    calls_.push_back([this, ticket, from] { hub_->on_feed_page(ticket, store_.feed(from)); });
  }
  void read_catalogue(std::uint64_t ticket, const std::string& cursor) override {
    calls_.push_back([this, ticket, cursor] {
      std::string record;
      hub_->on_catalogue(ticket, store_.catalogue(cursor, record));
    });
  }

  void SetUp() override {
    hub_->on_store(store_.state());
    tick();
    published_.clear();
  }
  void answer() {  // All that the store was asked, in order.
    for (; !calls_.empty(); calls_.pop_front()) calls_.front()();
  }
  void tick(Duration step = 1ms) {
    now_ += step;
    hub_->on_tick(now_, {});
  }
  void follow_feed() {
    while (hub_->feed_number() < store_.state().feed_number) {
      for (const FeedEntry& entry : store_.feed(hub_->feed_number() + 1)) hub_->on_feed(entry);
    }
  }
  void says(const std::string& peer, SyncHeader header, const std::string& body = "") {
    std::string bytes;
    write_sync_header(header, bytes);
    hub_->on_sync(peer, bytes + body, now_);
  }
  void publishes(const std::string& topic, SyncHeader header, const std::string& body = "") {
    std::string bytes;
    write_sync_header(header, bytes);
    hub_->on_published(topic, bytes, body, now_);
  }
  static std::string hello_of(const std::string& id) {
    std::string body;
    encode(protocol::SyncHello{true, id, "Name of " + id, {}, {}, {}, {}}, body);
    return body;
  }
  void greet_maker(const std::string& peer, const std::string& id) {
    says(peer, {.type = SyncType::hello}, hello_of(id));
    answer();
    sent_.clear();
  }
  void greet_gateway(const std::string& peer) {
    std::string body;
    encode(protocol::SyncHello{false, "", "gateway-1", {}, {}, {}, {}}, body);
    says(peer, {.type = SyncType::hello}, body);
    sent_.clear();
  }
  static SyncHeader record(std::uint64_t epoch, std::uint64_t number) {
    return {SyncType::record, 0, epoch, number, number};
  }
  std::string offer(const std::string& sku, std::int64_t offered) const {
    std::string body;
    encode(protocol::OfferRecord{store_.cycle.id, {{sku, "Name", 5, offered}}}, body);
    return body;
  }
  // The frames of that type, to that peer or topic; forgets all the others.
  std::vector<Frame> take(std::vector<Frame>& from, SyncType type, const std::string& to = "") {
    std::vector<Frame> taken;
    for (Frame& f : from) {
      if (f.header.type == type && (to.empty() || f.to == to)) taken.push_back(std::move(f));
    }
    from.clear();
    return taken;
  }
  bool errors(SyncError code) {
    const auto frames = take(sent_, SyncType::error);
    return frames.size() == 1 && frames[0].header.flags == static_cast<std::uint32_t>(code);
  }

  TimePoint now_{1h};
  ModelStore store_;
  std::deque<std::function<void()>> calls_;
  std::set<std::string> gone_, slow_;
  int room_ = 0;
  bool refuse_ = false;
  std::vector<Frame> sent_, published_;
  std::vector<std::uint64_t> applied_;
  std::vector<std::string> warnings_, accepted_;
  Metrics metrics_;
  std::optional<Hub> hub_{std::in_place, HubOptions{}, *this, metrics_};
};

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
  EXPECT_EQ(warnings_.size(), 4u);  // By peer, by manufacturer, by each topic.
  EXPECT_NE(metrics_.text().find("depot_hub_malformed_total 400"), std::string::npos);
  hub_->on_sync("p1", "nonsense", now_ + 61s);
  EXPECT_EQ(warnings_.size(), 5u);
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
