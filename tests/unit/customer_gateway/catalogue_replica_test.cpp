#include "customer_gateway/catalogue_replica.hpp"

#include <gtest/gtest.h>

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using messaging::SyncHeader;
using messaging::SyncType;

constexpr TimePoint kStart{};
constexpr std::uint64_t kDataSet = 7;

class CatalogueReplicaTest : public testing::Test {
 protected:
  CatalogueHolder holder_;
  Metrics metrics_;
  StockNews news_{holder_, Config{}};
  CatalogueReplica replica_{"gateway-1", holder_, news_, metrics_};
  TimePoint now_ = kStart;

  // What the replica says next; its header.
  SyncHeader said() {
    SyncHeader header{.type = SyncType::error};
    if (replica_.outbox().empty()) return header;
    EXPECT_TRUE(read_sync_header(replica_.outbox().front(), header));
    replica_.outbox().pop_front();
    return header;
  }
  void sync(const SyncHeader& header, const std::string& body = "") {
    std::string frame;
    write_sync_header(header, frame);
    replica_.on_sync(frame + body, now_);
  }
  void publish(const char* topic, const SyncHeader& header, const std::string& body = "") {
    std::string bytes;
    write_sync_header(header, bytes);
    replica_.on_public(topic, bytes, body, now_);
  }
  static std::string items(std::vector<protocol::CatalogueItem> rows, std::string cycle = "c1") {
    std::string body;
    encode(protocol::CatalogueRecord{.items = std::move(rows),
                                     .manufacturers = {{"m", "Maker"}},
                                     .cycle = protocol::Cycle{.id = std::move(cycle)}},
           body);
    return body;
  }
  static std::string stock(const std::string& offer, std::int64_t available) {
    std::string body;
    encode(std::vector<protocol::StockRow>{{offer, available, 100}}, body);
    return body;
  }
  static SyncHeader record(std::uint64_t from, std::uint64_t to) {
    return {.type = SyncType::record, .epoch = kDataSet, .from = from, .to = to};
  }
  void take_snapshot(std::uint64_t number) {
    sync({.type = SyncType::snapshot, .flags = 0, .epoch = kDataSet, .to = number},
         items({{"m:a", "Apple", 100, 10, false}}));
    sync({.type = SyncType::end, .epoch = kDataSet, .to = number});
  }
  void go_live(std::uint64_t number) {
    replica_.connect(now_);
    EXPECT_EQ(said().type, SyncType::hello);
    sync({.type = SyncType::welcome, .epoch = kDataSet, .to = number});
    EXPECT_EQ(said().type, SyncType::snapshot);
    take_snapshot(number);
  }
  std::int64_t available(const char* offer) {
    const auto item = holder_.get()->find(offer);
    return item ? item->available : -1;
  }
};

TEST_F(CatalogueReplicaTest, SnapshotThenRecordsInOrder) {
  EXPECT_FALSE(holder_.ready());
  go_live(5);
  EXPECT_TRUE(holder_.ready());
  EXPECT_EQ(available("m:a"), 10);
  const std::string etag = holder_.etag();
  publish("stock/", record(6, 8), stock("m:a", 7));
  EXPECT_EQ(available("m:a"), 7);
  EXPECT_NE(holder_.etag(), etag);
  publish("stock/", record(6, 8), stock("m:a", 99));  // again: nothing new
  EXPECT_EQ(available("m:a"), 7);
  EXPECT_EQ(said().type, SyncType::error) << "nothing to ask for";
}

TEST_F(CatalogueReplicaTest, RecordsBeforeTheSnapshotsEndAreAppliedBehindIt) {
  replica_.connect(now_);
  sync({.type = SyncType::welcome, .epoch = kDataSet, .to = 5});
  publish("stock/", record(5, 5), stock("m:a", 99));  // in the snapshot already
  publish("stock/", record(6, 6), stock("m:a", 3));
  take_snapshot(5);
  EXPECT_EQ(available("m:a"), 3);
}

TEST_F(CatalogueReplicaTest, GapIsFetchedAndWhatCameMeanwhileWaits) {
  go_live(5);
  publish("catalogue/", {.type = SyncType::head, .epoch = kDataSet, .from = 6, .to = 9});
  publish("stock/", record(8, 9), stock("m:a", 1));  // 6 and 7 are missing
  const SyncHeader asked = said();
  EXPECT_EQ(asked.type, SyncType::fetch);
  EXPECT_EQ(asked.epoch, kDataSet);
  EXPECT_EQ(asked.from, 6u);
  EXPECT_EQ(available("m:a"), 10);
  publish("stock/", record(10, 10), stock("m:a", 4));
  SyncHeader answer = record(6, 9);
  answer.flags = static_cast<std::uint32_t>(messaging::PublicKind::stock);
  sync(answer, stock("m:a", 6));
  EXPECT_EQ(available("m:a"), 6);
  sync({.type = SyncType::end, .epoch = kDataSet, .to = 9});
  EXPECT_EQ(available("m:a"), 4);
  EXPECT_EQ(said().type, SyncType::error) << "no further gap";
}

TEST_F(CatalogueReplicaTest, HeadShowsALostTail) {
  go_live(5);
  publish("stock/", {.type = SyncType::head, .epoch = kDataSet, .from = 7, .to = 7});
  EXPECT_EQ(said().type, SyncType::fetch);
}

TEST_F(CatalogueReplicaTest, AnotherDataSetOrCycleMeansASnapshot) {
  go_live(5);
  SyncHeader foreign = record(6, 6);
  foreign.epoch = kDataSet + 1;
  publish("stock/", foreign, stock("m:a", 1));
  EXPECT_EQ(said().type, SyncType::snapshot);
  EXPECT_EQ(available("m:a"), 10);
  take_snapshot(6);

  std::string cycle;
  encode(protocol::Cycle{.id = "c2"}, cycle);
  publish("cycle/", record(7, 7), cycle);
  EXPECT_EQ(said().type, SyncType::snapshot);
}

TEST_F(CatalogueReplicaTest, NewNamesAppearWithTheNextTickAndKeepLaterStock) {
  go_live(5);
  publish("catalogue/", record(6, 6), items({{"m:b", "Pear", 50, 20, false}}));
  publish("stock/", record(6, 7), stock("m:b", 18));
  EXPECT_EQ(available("m:b"), -1);
  replica_.tick(now_ + 1s);
  EXPECT_EQ(available("m:b"), 18);
  EXPECT_EQ(available("m:a"), 10);
  publish("catalogue/", record(7, 8), items({{"m:b", "Pear", 50, 0, true}}));
  EXPECT_EQ(available("m:b"), 0);
  const auto listed = [&](const char* text) {
    return holder_.get()->list({.text = text, .include_sold_out = true})->items.size();
  };
  EXPECT_EQ(listed("pear"), 0u);
  publish("stock/", record(8, 8), stock("m:a", 0));
  EXPECT_EQ(listed("apple"), 1u) << "sold out";
  publish("stock/", record(9, 9), stock("m:a", -1));
  EXPECT_EQ(listed("apple"), 0u) << "withdrawn";
  EXPECT_EQ(available("m:a"), 0);
  publish("stock/", record(10, 10), stock("m:a", 4));
  EXPECT_EQ(listed("apple"), 1u);
}

TEST_F(CatalogueReplicaTest, WhatIsWithdrawnBeforeItsNameIsInUseIsNotListed) {
  go_live(5);
  publish("catalogue/", record(6, 6), items({{"m:b", "Pear", 50, 20, false}}));
  publish("stock/", record(6, 7), stock("m:b", -1));
  replica_.tick(now_ + 1s);
  EXPECT_EQ(available("m:b"), 0);
  EXPECT_TRUE(holder_.get()->list({.text = "pear", .include_sold_out = true})->items.empty());
}

TEST_F(CatalogueReplicaTest, TellsStreamsWhatChangedAndOfASnapshotThatAllDid) {
  go_live(5);
  std::uint64_t position = 0;
  const auto told = [&] {
    replica_.tick(now_ += 250ms);
    const auto frame = news_.next(position).frame;
    return frame ? *frame : "";
  };
  EXPECT_TRUE(told().starts_with("event: snapshot\n"));
  EXPECT_EQ(told(), "");
  publish("stock/", record(6, 6), stock("m:a", 7));
  EXPECT_NE(told().find(R"("offer_id":"m:a","available":7,)"), std::string::npos);
  publish("catalogue/", record(6, 7), items({{"m:a", "Apple", 100, 7, true}}));
  EXPECT_NE(told().find(R"("offer_id":"m:a","available":0,)"), std::string::npos);
  publish("catalogue/", record(8, 8), items({{"m:b", "Bread", 200, 4, false}}));
  EXPECT_NE(told().find(R"("offer_id":"m:b","available":4,)"), std::string::npos);
  replica_.connect(now_);
  sync({.type = SyncType::welcome, .epoch = kDataSet + 1, .to = 3});
  take_snapshot(3);
  EXPECT_TRUE(told().starts_with("event: snapshot\n"));
}

TEST_F(CatalogueReplicaTest, ReconnectToTheSameDataFetchesOnlyWhatIsNew) {
  go_live(5);
  replica_.connect(now_);
  said();
  sync({.type = SyncType::welcome, .epoch = kDataSet, .to = 9});
  const SyncHeader asked = said();
  EXPECT_EQ(asked.type, SyncType::fetch);
  EXPECT_EQ(asked.from, 6u);
}

TEST_F(CatalogueReplicaTest, SilenceAndMissingAnswersAreNoticed) {
  go_live(5);
  EXPECT_FALSE(replica_.silent(now_ + 1999ms));
  EXPECT_TRUE(replica_.silent(now_ + 2s));
  publish("stock/", {.type = SyncType::head, .epoch = kDataSet, .from = 9, .to = 9});
  EXPECT_EQ(said().type, SyncType::fetch);
  replica_.tick(now_ + 1s);
  EXPECT_EQ(said().type, SyncType::error);
  replica_.tick(now_ + 2s);
  EXPECT_EQ(said().type, SyncType::hello) << "no answer for 2 s: ask again";
}

TEST_F(CatalogueReplicaTest, AHubThatIsHeardAndNeverAnswersIsLeftAndAskedForAllAnew) {
  go_live(5);
  const SyncHeader head{.type = SyncType::head, .epoch = kDataSet, .from = 9, .to = 9};
  publish("stock/", head);  // 6 to 8 are a record that the connection does not survive.
  EXPECT_EQ(said().type, SyncType::fetch);
  for (const TimePoint end = now_ + 3900ms; now_ < end; now_ += 100ms) {
    publish("stock/", head);
    replica_.tick(now_);
    if (!replica_.outbox().empty() && said().type == SyncType::hello) {
      sync({.type = SyncType::welcome, .epoch = kDataSet, .to = 9});
    }
    EXPECT_FALSE(replica_.silent(now_));
    EXPECT_TRUE(holder_.ready());
  }
  now_ += 100ms;
  publish("stock/", head);
  replica_.tick(now_);
  EXPECT_TRUE(replica_.silent(now_));
  EXPECT_FALSE(holder_.ready());
  go_live(9);  // The owner's new sockets; a FETCH would ask for the same again.
  EXPECT_FALSE(replica_.silent(now_));
  EXPECT_TRUE(holder_.ready());
}

TEST_F(CatalogueReplicaTest, GarbageLeavesEverythingAsItWas) {
  go_live(5);
  replica_.on_public("stock/", "short", "x", now_);
  replica_.on_public("nonsense/", std::string(40, '\0'), "x", now_);
  replica_.on_sync("x", now_);
  replica_.on_sync(std::string(40, '\xff'), now_);
  EXPECT_EQ(available("m:a"), 10);
  publish("stock/", record(6, 6), "\xdd\xff\xff\xff\xff");  // a hole: only a snapshot mends it
  EXPECT_EQ(said().type, SyncType::snapshot);
}

}  // namespace
}  // namespace depot::customer_gateway
