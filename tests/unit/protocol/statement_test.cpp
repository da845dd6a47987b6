#include "protocol/statement.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace depot::protocol {
namespace {

LedgerEntry offer(const std::string& cycle, LedgerRow row) {
  LedgerEntry entry;
  entry.kind = LedgerKind::offer;
  entry.cycle = cycle;
  entry.rows = {std::move(row)};
  return entry;
}

LedgerEntry turn(const std::string& cycle, CycleState state) {
  LedgerEntry entry;
  entry.kind = LedgerKind::cycle;
  entry.cycle = cycle;
  entry.transition = {cycle, state, 0, 1};
  return entry;
}

TEST(StatementTest, ItsCanonicalTextIsThatOfTheDocument) {
  StatementBuilder builder("2026-11", "orchard", "EUR", 250, {1, 0});
  const auto row = [](std::int64_t quantity, std::int64_t offered, std::int64_t left) {
    return LedgerRow{"ORDER", "A1", quantity, 249, offered, 0, left};
  };
  builder.add({1, 1}, offer("2026-11", row(100, 100, 100)));
  builder.add({1, 2}, turn("2026-11", CycleState::open));
  builder.add({1, 3}, offer("2026-11", row(120, 120, 120)));
  LedgerEntry sold = offer("2026-11", row(42, 0, 78));
  sold.kind = LedgerKind::sold;
  builder.add({1, 4}, sold);
  LedgerEntry cancelled = offer("2026-11", row(2, 120, 80));
  cancelled.kind = LedgerKind::cancelled;
  builder.add({1, 5}, cancelled);
  builder.add({1, 6}, offer("2026-12", row(7, 7, 7)));  // Another cycle.
  EXPECT_FALSE(builder.complete());
  builder.add({1, 57}, turn("2026-11", CycleState::closed));
  EXPECT_TRUE(builder.complete());
  builder.add({1, 58}, sold);  // Behind its end.
  std::ostringstream text;
  text << std::ifstream(DEPOT_SOURCE_DIR "/docs/PROTOCOL.md").rdbuf();
  const std::string ours = canonical_text(builder.finish().value());
  EXPECT_NE(text.str().find("```\n" + ours + "```\n"), std::string::npos) << ours;
}

TEST(StatementTest, MoneyBeyondWhatIsCountedIsNoStatement) {
  StatementBuilder builder("c", "m", "EUR", 0, {1, 0});
  LedgerEntry sold = offer("c", {"ORDER", "a", 90'000'000, 100'000'000, 0, 0, 0});
  sold.kind = LedgerKind::sold;
  builder.add({1, 1}, sold);
  EXPECT_TRUE(builder.finish());
  builder.add({1, 2}, sold);
  EXPECT_FALSE(builder.finish()) << "one product";
  StatementBuilder sum("c", "m", "EUR", 0, {1, 0});
  sum.add({1, 1}, sold);
  sold.rows[0].sku = "b";
  sum.add({1, 2}, sold);
  EXPECT_FALSE(sum.finish()) << "the sum";
}

TEST(StatementTest, DemandIsWhatWasRefusedAndWhatIsShort) {
  StatementBuilder builder("c", "m", "EUR", 0, {1, 0});
  LedgerEntry stated = offer("c", {"", "a", 5, 1, 5, 0, 5});
  for (const char* sku : {"b", "c", "d"}) stated.rows.push_back({"", sku, 5, 1, 5, 0, 5});
  builder.add({1, 1}, stated);
  LedgerEntry sold = offer("c", {"ORDER", "c", 7, 1, 0, 0, 0});
  sold.kind = LedgerKind::sold;
  builder.add({1, 2}, sold);
  Statement statement = builder.finish().value();
  const std::int64_t refused[] = {4, 0, 2, 0};
  statement.add_refused(refused);
  ASSERT_EQ(statement.demand.size(), 2u);
  EXPECT_EQ(statement.demand[0].sku, "a");
  EXPECT_EQ(statement.demand[0].refused, 4);
  EXPECT_EQ(statement.demand[1].sku, "c");
  EXPECT_EQ(statement.demand[1].refused, 2);
  EXPECT_EQ(statement.demand[1].shortage, 2);
}

TEST(StatementTest, HalfAMinorUnitOfTheFeeIsRoundedUp) {
  EXPECT_EQ(fee_of(0, 250), 0);
  EXPECT_EQ(fee_of(19, 250), 0);
  EXPECT_EQ(fee_of(20, 250), 1);
  EXPECT_EQ(fee_of(59, 250), 1);
  EXPECT_EQ(fee_of(60, 250), 2);
  EXPECT_EQ(fee_of(1'000'000'000'000'000, 10'000), 1'000'000'000'000'000);
}

// Whatever is offered, sold, cancelled and cut, the books of each sku balance.
RC_GTEST_PROP(StatementTest, EachSkuBalancesAndIsReadAsItWasWritten, ()) {
  struct Stock {
    std::int64_t wanted = 0, offered = 0, cut = 0, sold = 0;
    void level() {
      const std::int64_t more = std::max(wanted, sold) - (offered - cut);
      (more > 0 ? offered : cut) += std::abs(more);
    }
  };
  std::map<std::string, Stock> stock;
  StatementBuilder builder("c", "m", "EUR", *rc::gen::inRange(0, 10'001), {1, 0});
  std::int64_t number = 0, gross = 0;
  const int open_at = *rc::gen::inRange(0, 10);
  for (int i = *rc::gen::inRange(0, 60); i > 0; --i) {
    if (++number == open_at) builder.add({1, number}, turn("c", CycleState::open));
    const std::string sku(1, *rc::gen::elementOf(std::string("abc")));
    const std::int64_t price = *rc::gen::inRange(1, 4);
    Stock& one = stock[sku];
    LedgerEntry entry = offer("c", {"ORDER", sku, *rc::gen::inRange(0, 20), price, 0, 0, 0});
    LedgerRow& row = entry.rows[0];
    entry.kind = static_cast<LedgerKind>(*rc::gen::inRange(1, 4));
    if (entry.kind == LedgerKind::offer) {
      one.wanted = row.quantity;
      one.level();
    } else if (entry.kind == LedgerKind::sold) {
      row.quantity = std::min(row.quantity, one.offered - one.cut - one.sold);
      one.sold += row.quantity;
      gross += row.quantity * price;
    } else {
      row.quantity = std::min(row.quantity, one.sold);
      one.sold -= row.quantity;
      one.level();
      gross -= row.quantity * price;
    }
    row.offered_after = one.offered;
    row.cut_after = one.cut;
    row.available_after = one.offered - one.cut - one.sold;
    builder.add({1, number}, entry);
  }
  builder.add({1, ++number}, turn("c", CycleState::closed));
  const Statement statement = builder.finish().value();
  for (const StatementOffer& row : statement.offers) {
    RC_ASSERT(row.opening + row.increases - row.cuts == row.sold + row.unsold);
    RC_ASSERT(row.sold == stock[row.sku].sold);
    RC_ASSERT(row.cuts == stock[row.sku].cut);
  }
  RC_ASSERT(statement.gross == gross);
  RC_ASSERT(statement.net + statement.fee == statement.gross);
  std::string bytes;
  encode(statement, bytes);
  const auto read = decode_statement(bytes);
  RC_ASSERT(read.has_value());
  RC_ASSERT(canonical_text(*read) == canonical_text(statement));
  RC_ASSERT(read->demand.size() == statement.demand.size());
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  const auto damaged = decode_statement(bytes);  // The demand is beside the hash.
  if (damaged) RC_ASSERT(canonical_text(*damaged) == canonical_text(statement));
}

}  // namespace
}  // namespace depot::protocol
