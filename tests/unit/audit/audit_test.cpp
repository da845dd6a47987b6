// The test of the checker: a correct data set is clean, and each planted fault is caught.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "tests/unit/audit/audit_fixture.hpp"

namespace depot::control::audit {
namespace {

TEST_F(AuditTest, FindsCorrectBooksCleanAndCountsThem) {
  const AuditResult result = shop_.audit();
  EXPECT_THAT(rules(result), testing::IsEmpty());
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(result.manufacturers, 2u);
  EXPECT_EQ(result.offers, 3u);
  EXPECT_EQ(result.entries, 2u + 5u + 4u + 2u);  // opened, offers, sales, cancellations
  EXPECT_EQ(result.orders, 3u);
  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.customers, 2u);
  EXPECT_EQ(result.refusals, 1u);
  EXPECT_EQ(result.units_sold, 7);
  EXPECT_EQ(result.money_minor, 7 * 1299);
}

TEST_F(AuditTest, FindsAnEmptyRedisClean) {
  shop_.redis({"FLUSHALL"});
  EXPECT_TRUE(shop_.audit().clean());
}

TEST_F(AuditTest, CatchesAnOrderThatIsLost) {
  shop_.redis({"DEL", "order:{s0}:" + id("two")});
  expect_caught("L6", "sold by acme 1-4, but there is no such order; acme 1-4: 6 x A at 1299");
  EXPECT_GE(shop_.audit().lost, 1u);
}

TEST_F(AuditTest, CatchesASaleThatIsLost) {
  shop_.redis({"XDEL", "ledger:{s0}:acme", "1-4"});
  expect_caught("L1", "acme 1-5: a gap");
  expect_caught("L5", "order " + id("two") + ": row names acme 1-4; nothing sold there");
}

TEST_F(AuditTest, CatchesTheTailOfALedgerLost) {
  shop_.redis({"XDEL", "ledger:{s0}:acme", "1-7"});
  expect_caught("L3", "acme: the head says 1-7, the newest entry is 1-6");
  expect_caught("L5", "cancelled, with 0 entries");
}

TEST_F(AuditTest, CatchesAnOrderTwiceInItsAccountsList) {
  shop_.redis({"APPEND", "orders:{s0}:" + id("bob"), id("two")});
  expect_caught("L8", "order " + id("two") + ": 2 times in the list");
  EXPECT_EQ(shop_.audit().doubled, 1u);
}

TEST_F(AuditTest, CatchesAnOrderMissingFromItsAccountsList) {
  shop_.redis({"DEL", "orders:{s0}:" + id("bob")});
  expect_caught("L8", "order " + id("two") + ": 0 times in the list");
  EXPECT_EQ(shop_.audit().lost, 1u);
}

TEST_F(AuditTest, CatchesAnOrderInAStrangersList) {
  shop_.redis({"APPEND", "orders:{s0}:" + id("eve"), id("two")});
  expect_caught("L8", "in the list of account " + id("eve"));
}

TEST_F(AuditTest, CatchesAListedOrderThatIsNowhere) {
  shop_.redis({"APPEND", "orders:{s0}:" + id("bob"), id("ghost")});
  expect_caught("L8", "order " + id("ghost"));
}

TEST_F(AuditTest, CatchesEveryCounterThatIsOffByOne) {
  for (std::size_t counter = 0; counter < 5; ++counter) {
    shop_.bend("acme:A", counter, 1);
    expect_caught("L3", "acme:A in cycle 2026-11: the row says");
    shop_.bend("acme:A", counter, -1);
  }
  EXPECT_TRUE(shop_.audit().clean());
}

TEST_F(AuditTest, CatchesAnAcceptanceOfWhatWasNeverSold) {
  shop_.redis({"HSET", "accepted:{s0}", "bolt", packed(1, 4)});
  EXPECT_TRUE(shop_.audit().clean());
  shop_.redis({"HSET", "accepted:{s0}", "bolt", packed(1, 5)});
  expect_caught("L3", "bolt: accepted 1-5 is not there");
}

TEST_F(AuditTest, CatchesAStockRowThatNobodyOffered) {
  shop_.bend("acme:ghost", 2, 7);
  expect_caught("L3", "acme:ghost");
}

TEST_F(AuditTest, CatchesAStockRowThatIsGone) {
  shop_.redis({"HDEL", std::string("stock:{s0}:") + kCycle, "acme:A"});
  expect_caught("L3", "nothing readable");
}

TEST_F(AuditTest, CatchesASaleThatIsThereTwice) {
  shop_.append("acme", 2, {pack(id("two")), pack("A"), pack(1), pack(1299), pack(0)});
  expect_caught("L5", "order " + id("two") + ": sold twice, by acme 1-4 and acme 1-8");
  EXPECT_GE(shop_.audit().doubled, 1u);
}

TEST_F(AuditTest, CatchesAnOversoldOfferAndCountsItsUnits) {
  shop_.sell("greedy", "eve", {{"bolt", "A", 4}});
  expect_caught("L2", "bolt 1-5: A says");
  EXPECT_EQ(shop_.audit().oversold, 3);
}

TEST_F(AuditTest, CatchesASaleAtAnotherPriceThanOffered) {
  shop_.append("acme", 2, {pack(id("cheap")), pack("A"), pack(1), pack(1), pack(4)});
  expect_caught("L2", "1 x A at 1, offered at 1299");
}

TEST_F(AuditTest, CatchesAnOrderRowWithAnotherPrice) {
  shop_.redis({"SET", "order:{s0}:" + id("two"), shop_.order_row("two", 1, 0)});
  expect_caught("L5", "lines differ from the sale; row: 6 x A at 1300; acme 1-4: 6 x A at 1299");
}

TEST_F(AuditTest, CatchesAnOrderRowThatPointsAtAnotherEntry) {
  shop_.redis({"SET", "order:{s0}:" + id("two"), shop_.order_row("two", 0, 1)});
  expect_caught("L5", "row points at acme 1-5, sold by acme 1-4");
}

TEST_F(AuditTest, CatchesAnOrderBothRefusedAndPlaced) {
  shop_.refuse("two");
  expect_caught("L7", "order " + id("two") + ": both placed and refused");
}

TEST_F(AuditTest, CatchesACancellationThatNeverReturnedTheStock) {
  shop_.redis({"SET", "orderstate:{s0}:" + id("two"), pack_array({pack(4)})});
  expect_caught("L5", "is cancelled, with 0 entries that cancel it");
}

TEST_F(AuditTest, CatchesAStockReturnedWithoutACancellation) {
  shop_.redis({"DEL", "orderstate:{s0}:" + id("one")});
  expect_caught("L5", "is not cancelled, with 1 entries that cancel it");
}

TEST_F(AuditTest, CatchesAnOfferThatForgetsWhatWasSold) {
  // A supplier's "9 on hand" taken for what is available: the commonest defect of shops.
  shop_.append("acme", 1, {pack("A"), pack(9), pack(1299), pack(16), pack(0), pack(9)});
  expect_caught("L4", "A says offered 16, cut 0; it follows offered 12, cut 3");
}

TEST_F(AuditTest, CatchesGarbageWhereAnEntryShouldBe) {
  shop_.redis({"XADD", "ledger:{s0}:bolt", "1-5", "e", "\x94garbage"});
  expect_caught("L9", "bolt 1-5: malformed entry");
}

TEST_F(AuditTest, CatchesAnEpochThatDoesNotChain) {
  const std::string opens =
      pack_array({pack(0), pack(0), pack(kCycle), pack_array({pack(1), pack(99)})});
  shop_.redis({"XADD", "ledger:{s0}:bolt", "2-0", "e", opens});
  expect_caught("L1", "bolt 2-0: does not chain to 1-4");
}

// What a manufacturer has of an older state of the data is above our head, by any number.
TEST_F(AuditTest, FindsAnEpochFarAboveTheOneBeforeItClean) {
  const auto open = [this](const char* maker, std::int64_t epoch, std::int64_t last_epoch,
                           std::int64_t last) {
    const std::string opens =
        pack_array({pack(0), pack(0), pack(kCycle), pack_array({pack(last_epoch), pack(last)})});
    shop_.redis(
        {"XADD", std::string("ledger:{s0}:") + maker, std::to_string(epoch) + "-0", "e", opens});
    shop_.redis({"HSET", "heads:{s0}", maker, packed(epoch, std::int64_t{0})});
  };
  open("crux", 2, 0, 0);
  open("bolt", 57, 1, 4);
  EXPECT_THAT(rules(shop_.audit()), testing::IsEmpty());
  open("dyne", 2, 1, 7);
  expect_caught("L1", "dyne 2-0: does not chain to 0-0");
}

TEST_F(AuditTest, CatchesGarbageInAnOrderRow) {
  shop_.redis({"SETRANGE", "order:{s0}:" + id("two"), "1", "\xff\xff"});
  expect_caught("L5", "order " + id("two") + ": malformed row");
}

TEST_F(AuditTest, FindsCorrectBooksCleanWhileTheyAreWritten) {
  shop_.offer("acme", "C", 100, 1'000'000);
  shop_.offer("bolt", "C", 100, 1'000'000);
  std::atomic<bool> stop{false};
  std::jthread writer([&] {
    for (int i = 0; !stop; ++i) {
      const std::string order = "live-" + std::to_string(i);
      shop_.sell(order, "customer-" + std::to_string(i % 7), {{"acme", "C", 2}, {"bolt", "C", 1}});
      if (i % 3 == 2) shop_.cancel("live-" + std::to_string(i - 1));
    }
  });
  std::uint64_t orders = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int round = 0; round < 20 || (orders <= 20 && std::chrono::steady_clock::now() < end);
       ++round) {
    const AuditResult result = shop_.audit();
    EXPECT_THAT(rules(result), testing::IsEmpty());
    EXPECT_GE(result.orders, orders);
    orders = result.orders;
  }
  stop = true;
  EXPECT_GT(orders, 20u);  // It was written meanwhile.
}

}  // namespace
}  // namespace depot::control::audit
