#include "manufacturer/ledger.hpp"

#include <gmock/gmock.h>

#include "protocol/msgpack.hpp"

namespace depot::manufacturer {
namespace {

using protocol::Writer;
using Step = Ledger::Step;

std::string epoch_entry(int previous_epoch, int previous_number) {
  std::string bytes;
  Writer(bytes).array(4).integer(0).integer(1'000).string("2026-11").array(2).integer(
      previous_epoch);
  Writer(bytes).integer(previous_number);
  return bytes;
}

std::string offer_entry(const std::string& sku, int wanted, int offered, int cut, int available,
                        const std::string& cycle = "2026-11") {
  std::string bytes;
  Writer(bytes).array(4).integer(1).integer(1'000).string(cycle).array(6).string(sku);
  Writer(bytes).integer(wanted).integer(250).integer(offered).integer(cut).integer(available);
  return bytes;
}

std::string sold_entry(const std::string& sku, int quantity, int available) {
  std::string bytes;
  Writer(bytes).array(4).integer(2).integer(1'000).string("2026-11").array(5).string("ORDER");
  Writer(bytes).string(sku).integer(quantity).integer(250).integer(available);
  return bytes;
}

std::string cancelled_entry(const std::string& sku, int quantity, int offered, int cut,
                            int available) {
  std::string bytes;
  Writer(bytes).array(4).integer(3).integer(1'000).string("2026-11").array(7).string("ORDER");
  Writer(bytes).string(sku).integer(quantity).integer(250).integer(offered).integer(cut);
  Writer(bytes).integer(available);
  return bytes;
}

TEST(LedgerTest, AddsUpWhatItKeeps) {
  Ledger ledger;
  EXPECT_EQ(ledger.add({1, 0}, epoch_entry(0, 0)), Step::added);
  EXPECT_EQ(ledger.add({1, 1}, offer_entry("A", 10, 10, 0, 10)), Step::added);
  EXPECT_EQ(ledger.add({1, 2}, sold_entry("A", 4, 6)), Step::added);
  EXPECT_EQ(ledger.add({1, 3}, offer_entry("A", 3, 10, 6, 0)), Step::added);
  EXPECT_EQ(ledger.add({1, 4}, cancelled_entry("A", 4, 10, 7, 3)), Step::added);
  EXPECT_EQ(ledger.totals_of("2026-11").at("A"), (Totals{3, 250, 10, 0, 7, 3}));
  EXPECT_THAT(ledger.contradictions("2026-11"), testing::IsEmpty());
  EXPECT_TRUE(ledger.reaches({1, 4}));
  EXPECT_FALSE(ledger.reaches({1, 5}));
}

TEST(LedgerTest, TakesOnlyWhatFollows) {
  Ledger ledger;
  EXPECT_EQ(ledger.add({1, 1}, sold_entry("A", 1, 1)), Step::gap);
  EXPECT_EQ(ledger.add({1, 0}, epoch_entry(0, 0)), Step::added);
  EXPECT_EQ(ledger.add({1, 2}, sold_entry("A", 1, 1)), Step::gap);
  EXPECT_EQ(ledger.add({1, 0}, epoch_entry(0, 0)), Step::known);
  EXPECT_EQ(ledger.add({1, 1}, "nonsense"), Step::malformed);
  // Only entry 0 opens an epoch.
  EXPECT_EQ(ledger.add({1, 1}, epoch_entry(0, 0)), Step::malformed);
  EXPECT_EQ(ledger.add({1, 1}, offer_entry("A", 5, 5, 0, 5)), Step::added);
  EXPECT_EQ(ledger.add({2, 0}, epoch_entry(1, 2)), Step::gap);  // 1-2 is not here yet.
  EXPECT_EQ(ledger.add({2, 0}, epoch_entry(1, 1)), Step::added);
  EXPECT_EQ(ledger.add({2, 1}, sold_entry("A", 2, 3)), Step::added);
  EXPECT_EQ(ledger.totals_of("2026-11").at("A"), (Totals{5, 250, 5, 2, 0, 3}));
}

TEST(LedgerTest, DropsWhatARestoredDataSetForgot) {
  Ledger ledger;
  static_cast<void>(ledger.add({1, 0}, epoch_entry(0, 0)));
  static_cast<void>(ledger.add({1, 1}, offer_entry("A", 9, 9, 0, 9)));
  static_cast<void>(ledger.add({1, 2}, sold_entry("A", 4, 5)));
  static_cast<void>(ledger.add({1, 3}, sold_entry("A", 5, 0)));
  EXPECT_EQ(ledger.add({2, 0}, epoch_entry(1, 2)), Step::added);
  EXPECT_EQ(ledger.totals_of("2026-11").at("A"), (Totals{9, 250, 9, 4, 0, 5}));
  EXPECT_THAT(ledger.contradictions("2026-11"), testing::IsEmpty());
  EXPECT_EQ(ledger.add({4, 0}, epoch_entry(0, 0)), Step::added);  // An emptied one.
  EXPECT_TRUE(ledger.totals_of("2026-11").empty());
}

TEST(LedgerTest, BeginsAnewWithEachCycle) {
  Ledger ledger;
  static_cast<void>(ledger.add({1, 0}, epoch_entry(0, 0)));
  static_cast<void>(ledger.add({1, 1}, offer_entry("A", 9, 9, 0, 9)));
  static_cast<void>(ledger.add({1, 2}, offer_entry("B", 2, 2, 0, 2, "2026-12")));
  EXPECT_EQ(ledger.totals_of("2026-12").size(), 1u);
}

std::string cycle_entry(const std::string& cycle, protocol::CycleState state) {
  std::string bytes;
  Writer(bytes).array(4).integer(5).integer(1'000).string(cycle);
  encode(protocol::Cycle{cycle, state, 0, 1}, bytes);
  return bytes;
}

std::string state_entry(const std::string& cycle) {
  std::string bytes;
  Writer(bytes).array(4).integer(4).integer(1'000).string(cycle).array(2).string("ORDER").integer(
      2);
  return bytes;
}

// Two cycles that have ended, and a third; what is shipped and settled of them meanwhile.
Ledger three_cycles() {
  using protocol::CycleState;
  Ledger ledger;
  std::uint64_t number = 0;
  const auto add = [&](const std::string& bytes) {
    EXPECT_EQ(ledger.add({1, number++}, bytes), Step::added);
  };
  add(epoch_entry(0, 0));
  for (const char* cycle : {"c1", "c2", "c3"}) {
    add(offer_entry("A", 5, 5, 0, 5, cycle));                                     // 1, 4, 7
    add(cycle_entry(cycle, CycleState::open));                                    // 2, 5, 8
    if (cycle != std::string("c3")) add(cycle_entry(cycle, CycleState::closed));  // 3, 6
  }
  add(state_entry("c1"));                        // 9
  add(cycle_entry("c1", CycleState::settling));  // 10
  add(cycle_entry("c1", CycleState::settled));   // 11
  return ledger;
}

TEST(LedgerTest, WhatIsShippedAndSettledOfOlderCyclesLeavesTheTotalsAlone) {
  const Ledger ledger = three_cycles();
  EXPECT_EQ(ledger.totals_of("c3").at("A"), (Totals{5, 250, 5, 0, 0, 5}));
}

TEST(LedgerTest, ACycleThatOpensWithNothingOfferedHasNoTotals) {
  Ledger ledger = three_cycles();
  EXPECT_EQ(ledger.add({1, 12}, cycle_entry("c3", protocol::CycleState::closed)), Step::added);
  EXPECT_EQ(ledger.add({1, 13}, cycle_entry("c4", protocol::CycleState::collecting)), Step::added);
  EXPECT_TRUE(ledger.totals_of("c3").empty());
}

TEST(LedgerTest, MakesStatementsOfCyclesThatHaveEnded) {
  const Ledger ledger = three_cycles();
  const auto first = ledger.statement("c1", "m1", "EUR", 0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->from, (protocol::LedgerPosition{1, 0}));
  EXPECT_EQ(first->to, (protocol::LedgerPosition{1, 3}));
  EXPECT_EQ(first->offers.at(0).unsold, 5);
  const auto second = ledger.statement("c2", "m1", "EUR", 0);
  EXPECT_EQ(second->from, (protocol::LedgerPosition{1, 4}));
  EXPECT_EQ(second->to, (protocol::LedgerPosition{1, 6}));
  EXPECT_FALSE(ledger.statement("c3", "m1", "EUR", 0));
}

TEST(LedgerTest, WhatIsForgottenIsNotKeptAndTheRestGoesOn) {
  Ledger ledger = three_cycles();
  const auto second = ledger.statement("c2", "m1", "EUR", 0);
  ledger.forget("c1");
  ledger.forget("none");
  EXPECT_EQ(ledger.entries().front().number, 4u);
  EXPECT_FALSE(ledger.statement("c1", "m1", "EUR", 0));
  EXPECT_EQ(hash_of(*ledger.statement("c2", "m1", "EUR", 0)), hash_of(*second));
  EXPECT_EQ(ledger.add({2, 0}, epoch_entry(1, 7)), Step::added);  // Restored within what is kept.
  EXPECT_EQ(ledger.take_dropped(), (Position{1, 7}));
  EXPECT_FALSE(ledger.take_dropped());
  EXPECT_EQ(ledger.totals_of("c3").at("A").offered, 5);
  EXPECT_TRUE(ledger.statement("c2", "m1", "EUR", 0));
}

TEST(LedgerTest, RestoredBelowWhatIsKeptAllOfItIsFetchedAnew) {
  Ledger ledger = three_cycles();
  ledger.forget("c2");
  EXPECT_EQ(ledger.add({2, 0}, epoch_entry(1, 5)), Step::gap);
  EXPECT_EQ(ledger.take_dropped(), Position{});
  EXPECT_TRUE(ledger.empty());
  EXPECT_EQ(ledger.add({1, 0}, epoch_entry(0, 0)), Step::added);
  EXPECT_EQ(ledger.add({1, 1}, offer_entry("A", 5, 5, 0, 5, "c1")), Step::added);
  EXPECT_EQ(ledger.totals_of("c1").at("A").offered, 5);
}

TEST(LedgerTest, NoticesBooksThatDoNotBalance) {
  Ledger ledger;
  static_cast<void>(ledger.add({1, 0}, epoch_entry(0, 0)));
  static_cast<void>(ledger.add({1, 1}, offer_entry("A", 9, 9, 0, 9)));
  static_cast<void>(ledger.add({1, 2}, sold_entry("A", 4, 6)));
  EXPECT_THAT(ledger.contradictions("2026-11"),
              testing::ElementsAre("entry 1-2: A offered 9 is not 6 available + 4 sold + 0 cut"));
  EXPECT_THAT(ledger.contradictions("2026-12"), testing::IsEmpty());
}

TEST(LedgerTest, TellsAPersonWhatWasSold) {
  const auto entry = protocol::decode_ledger_entry(sold_entry("A", 3, 0));
  const std::map<std::string, protocol::OfferRow> offers = {{"A", {"A", "Apple Juice 1 l", 1, 1}}};
  EXPECT_EQ(news_of(*entry, offers, {}),
            (std::vector<std::string>{"sold 3 x Apple Juice 1 l (ORDER) at 2.50; 0 left",
                                      "Apple Juice 1 l is sold out"}));
  EXPECT_EQ(news_of(*entry, {}, {}).front(), "sold 3 x A (ORDER) at 2.50; 0 left");

  protocol::LedgerEntry large = *entry;  // A batch of 64 orders is not 64 lines on a screen.
  large.rows.assign(64, {"ORDER", "A", 1, 250, 0, 0, 9});
  EXPECT_EQ(news_of(large, offers, {}).size(), 11u);
  EXPECT_EQ(news_of(large, offers, {}).back(), "and more: 64 lines in this batch");
}

}  // namespace
}  // namespace depot::manufacturer
