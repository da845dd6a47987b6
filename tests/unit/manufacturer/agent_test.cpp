#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

TEST_F(AgentTest, SaysHelloUntilWelcomedToEachHub) {
  tick();
  auto hellos = sent(SyncType::hello);
  ASSERT_EQ(hellos.size(), 2u);
  const auto hello = protocol::decode_sync_hello(hellos[0].body);
  EXPECT_EQ(hello->id, "m1");
  EXPECT_FALSE(hello->agent_epoch);    // No journal,
  EXPECT_FALSE(hello->ledger_number);  // and no position, which is not 0.
  tick(100ms);
  EXPECT_TRUE(sent(SyncType::hello).empty());
  tick(100ms);
  EXPECT_EQ(sent(SyncType::hello).size(), 2u);
  welcome(0, 0);
  tick(200ms);
  hellos = sent(SyncType::hello);
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_EQ(hellos[0].hub, 1u);
}

TEST_F(AgentTest, BeginsANewEpochWithASnapshot) {
  agent_->set_offers(goods(2));
  tick();
  EXPECT_TRUE(published_records().empty());
  welcome(4, 17);
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.epoch, 5u);
  EXPECT_EQ(records[0].header.from, 1u);
  EXPECT_EQ(records[0].header.to, 1u);
  const auto record = protocol::decode_offer_record(records[0].body);
  EXPECT_EQ(record->cycle, "2026-11");
  EXPECT_EQ(record->rows.size(), 2u);
}

TEST_F(AgentTest, NoTwoAgentsBeginTheSameEpoch) {
  agent_.emplace(AgentOptions{.id = "m1", .name = "First", .hubs = 2, .epoch_min = 1'000}, *this);
  agent_->set_offers(goods(2));
  tick();
  welcome(4, 17);
  EXPECT_EQ(agent_->state().epoch, 1'000u);
}

TEST_F(AgentTest, StatesAgainWhatTheLedgerSaysOtherwise) {
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 5, 10}});
  begin();
  published_.clear();
  sent_.clear();
  ack(1);
  tick();
  ASSERT_EQ(sent(SyncType::fetch).size(), 1u);  // Acknowledged is not enough.
  EXPECT_FALSE(agent_->settled());
  ledger_entry(1, offered("A", 10));
  ledger_entry(2, offered("B", 3));  // Of an agent before us.
  ledger_entry(3, offered("gone", 3));
  EXPECT_TRUE(published_records().empty());
  hub_says({.type = SyncType::end, .epoch = 1, .to = 3});
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  const auto rows = protocol::decode_offer_record(records[0].body)->rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].sku, "B");
  EXPECT_EQ(rows[0].offered, 10);
  EXPECT_EQ(rows[1].sku, "gone");  // On sale there and unknown here: not any more.
  EXPECT_EQ(rows[1].offered, 0);
  EXPECT_EQ(rows[1].name, "");
  ack(2);
  tick();
  EXPECT_FALSE(agent_->settled());
  ledger_entry(4, offered("B", 10));
  ledger_entry(5, offered("gone", 0));
  hub_says({.type = SyncType::end, .epoch = 1, .to = 5});
  EXPECT_TRUE(agent_->settled());
  EXPECT_TRUE(published_records().empty());
}

TEST_F(AgentTest, SendsAgainWhatIsNotAcknowledged) {
  agent_->set_offers(goods(450));
  begin();
  EXPECT_EQ(published_records().size(), 3u);
  ack(1);
  sent_.clear();
  tick(299ms);
  EXPECT_TRUE(sent(SyncType::record).empty());
  tick(2ms);
  auto again = sent(SyncType::record);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].header.to, 2u);
  EXPECT_EQ(again[1].header.to, 3u);
  tick(301ms);
  EXPECT_EQ(sent(SyncType::record).size(), 2u);
  ack(3);
  tick(301ms);
  EXPECT_TRUE(sent(SyncType::record).empty());
}

TEST_F(AgentTest, KeepsAWindowOfRecordsUnderWay) {
  agent_->set_offers(goods(200 * 50));
  begin();
  EXPECT_EQ(published_records().size(), 32u);
  ack(10);
  const auto next = published_records();
  ASSERT_EQ(next.size(), 10u);
  EXPECT_EQ(next.front().header.to, 33u);
  tick(301ms);
  EXPECT_EQ(sent(SyncType::record).size(), 32u);
}

TEST_F(AgentTest, AnswersAFetchFromThereOn) {
  agent_->set_offers(goods(600));
  begin();
  sent_.clear();
  hub_says({.type = SyncType::fetch, .epoch = 1, .from = 2});
  const auto again = sent(SyncType::record);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].header.to, 2u);
}

TEST_F(AgentTest, AFetchOfWhatWasAcknowledgedAsksForAWelcome) {
  agent_->set_offers(goods(1));
  begin();
  ack(1);
  sent_.clear();
  hub_says({.type = SyncType::fetch, .epoch = 1, .from = 1});
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
}

TEST_F(AgentTest, WelcomeDecidesWhetherANewEpochBegins) {
  const struct {
    const char* what;
    std::int64_t epoch, last;
    std::string store;
    std::uint64_t begins;  // 0: goes on in its own
  } cases[] = {
      {"as it is", 5, 2, "store-1", 0},
      {"its newest record was not acknowledged, but is there", 5, 3, "store-1", 0},
      {"an acknowledged one is not there", 5, 1, "store-1", 6},
      {"one that it never made is there", 5, 4, "store-1", 6},
      {"a newer epoch", 9, 1, "store-1", 10},
      {"an older epoch, after an ACK", 3, 9, "store-1", 6},
      {"another data set", 0, 0, "store-2", 6},
      {"another data set with the same numbers", 5, 2, "store-2", 6},
  };
  for (const auto& c : cases) {
    agent_.emplace(AgentOptions{.id = "m1", .name = "First", .hubs = 2}, *this);
    agent_->set_offers(goods(600));
    begin(4, 17);
    ack(2);
    ASSERT_EQ(agent_->state().epoch, 5u);
    hub_says({.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::say_hello)});
    tick(200ms);
    sent_.clear();
    published_.clear();
    welcome(c.epoch, c.last, 0, c.store);
    tick();
    if (c.store != "store-1") {  // The ledger kept is another's.
      EXPECT_EQ(ledgers_.back(), c.store);
      ledger_entry(0, opening());
      tick();
    }
    if (c.begins == 0) {
      EXPECT_EQ(agent_->state().epoch, 5u) << c.what;
      EXPECT_EQ(sent(SyncType::record).size(), 1u) << c.what;  // All not acknowledged, at once.
    } else {
      EXPECT_EQ(agent_->state().epoch, c.begins) << c.what;
      const auto records = published_records();
      ASSERT_EQ(records.size(), 3u) << c.what;
      EXPECT_EQ(records[0].header.to, 1u) << c.what;
    }
  }
}

TEST_F(AgentTest, AnOlderEpochBeforeAnyAckIsOnlyLate) {
  agent_->set_offers(goods(1));
  begin(4, 17);
  welcome(4, 17, 0, "store-1", 1);  // The second hub answered before our first record came.
  tick();
  EXPECT_EQ(agent_->state().epoch, 5u);
}

}  // namespace
}  // namespace depot::manufacturer
