// The largest that may be asked for, and a data set that is not as it should be.
#include "messaging/frame.hpp"
#include "tests/unit/store/functions_fixture.hpp"

namespace depot::store::test {
namespace {

constexpr std::size_t kAnswerBytesMax = messaging::kRecordBytesMax - messaging::kReplyRecordHead;

std::string longest(char letter, int number) {  // 64 characters, as a part of an id may have
  return std::string(60, letter) + std::to_string(1'000 + number);
}

TEST_F(FunctionsTest, TheLargestOrderAndTheLargestRefusalFitAnAnswer) {
  constexpr int kLines = 1'024;
  constexpr std::int64_t kPrice = 900'000, kOffered = 900'000, kWanted = 1'000'000;
  std::vector<protocol::OrderLine> lines;
  std::string cart;
  protocol::Writer writer(cart);
  writer.array(3).integer(7).array(0).array(3 * kLines);
  for (int i = 0; i < kLines; ++i) {
    const std::string maker = longest('m', i), sku = longest('s', i);
    shop_.hello(maker, 99'999'999'999'998, 0);
    ASSERT_EQ(integers(shop_.offer(maker, 1, 1, {row(sku, kOffered, kPrice)}))[0], 0);
    lines.push_back(line(make_offer_id(maker, sku), kWanted));
    writer.string(lines.back().offer).integer(kWanted).integer(kPrice);
  }
  const auto in_part = order("anna", "k", lines, protocol::OrderMode::available);
  const std::string placed = shop_.place({in_part})[0];
  ASSERT_EQ(placed[0], 'P');
  const auto row = protocol::decode_order_row(std::string_view(placed).substr(1));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->parts.size(), std::size_t{kLines});
  EXPECT_EQ(row->refused.size(), std::size_t{kLines});
  const std::string view = shop_.with_id("get_order_v1", in_part.caller, in_part.order_id);
  EXPECT_LE(view.size() + 8 * kLines, kAnswerBytesMax);  // Ledger numbers may be of 9 bytes too.
  EXPECT_LE(shop_.orders(in_part.caller, 100, {}).size() + 8 * kLines, kAnswerBytesMax);

  shop_.redis({"SET", "cart:{s0}:" + in_part.caller.customer, cart});
  for (const char letter : {'N', 'n'}) {
    const std::string answer = shop_.place({cart_order("anna", "all sold out", 7)})[0];
    ASSERT_EQ(answer[0], letter);
    EXPECT_LE(answer.size(), kAnswerBytesMax / 2);
    const auto refusal = protocol::decode_refusal(std::string_view(answer).substr(1));
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->items.size(), std::size_t{kLines});
    ASSERT_TRUE(refusal->removed.has_value());
    EXPECT_EQ(refusal->removed->size(), std::size_t{kLines});
  }
  EXPECT_EQ(text_of(shop_.cart(in_part.caller)), "cart 8:");
}

TEST_F(FunctionsTest, OneLineMoreThanTheLargestIsRefusedUnrecorded) {
  std::vector<protocol::OrderLine> lines;
  for (int i = 0; i < 1'025; ++i) {
    lines.push_back(line("m:" + std::to_string(10'000 + i), 1));
  }
  EXPECT_EQ(text_of(shop_.place({order("anna", "too long", lines)})[0]), "X too_many_lines");
  EXPECT_EQ(shop_.redis({"KEYS", "refused:*"}).items.size(), 0u);
}

class BadHeadTest : public FunctionsTest {
 protected:
  static constexpr const char* kGood[] = {"a", "b", "c", "d", "f"};
  BadHeadTest() {
    for (const std::string maker : {"a", "b", "c", "d", "e", "f"}) {
      shop_.hello(maker);
      shop_.offer(maker, 1, 1, {row("x", 10)});
      lines_.push_back(line(maker + ":x", 1));
    }
  }
  void set_head_of_e(char number) {
    shop_.redis({"HSET", "heads:{s0}", "e", std::string("\x01") + number});
  }
  // Nothing of what failed may be left, least of all in the ledgers of those who are sound.
  void expect_sold(std::size_t entries, std::int64_t units) {
    for (const char* maker : kGood) {
      EXPECT_EQ(shop_.ledger(maker).size(), entries) << maker;
      EXPECT_EQ(shop_.stock(std::string(maker) + ":x")[4], units) << maker;
    }
  }
  std::vector<protocol::OrderLine> lines_;
};

TEST_F(BadHeadTest, OfOneManufacturerLeavesTheOthersOfItsBatchAsTheyWere) {
  set_head_of_e(0);  // The stream is at 1-1.
  std::vector<protocol::PlaceOrder> wishes;
  for (const auto& one : lines_) wishes.push_back(order("anna", one.offer, {one}));
  EXPECT_ANY_THROW(shop_.place(wishes));
  EXPECT_ANY_THROW(shop_.place(wishes));
  expect_sold(2, 0);
  const auto bad = wishes.begin() + 4;
  EXPECT_ANY_THROW(shop_.place({*bad}));
  const protocol::PlaceOrder of_e = *bad;
  wishes.erase(bad);
  for (const std::string& answer : shop_.place(wishes)) EXPECT_EQ(answer[0], 'P');
  expect_sold(3, 1);
  set_head_of_e(1);
  EXPECT_EQ(place(of_e)[0], 'P');
}

TEST_F(BadHeadTest, OfOneManufacturerLeavesAnOrderUncancelledInAll) {
  const auto wish = order("anna", "k", lines_);
  ASSERT_EQ(place(wish)[0], 'P');
  set_head_of_e(1);  // The stream is at 1-2.
  EXPECT_ANY_THROW(shop_.with_id("cancel_order_v1", wish.caller, wish.order_id));
  expect_sold(3, 1);
  set_head_of_e(2);
  EXPECT_EQ(shop_.with_id("cancel_order_v1", wish.caller, wish.order_id)[0], 'O');
  expect_sold(4, 0);
}

TEST_F(FunctionsTest, WhatWasBoughtBeforeACapWasSetIsNotGivenOnTop) {
  stock_up();
  const auto before = order("anna", "k", {line("m:x", 5)});
  ASSERT_EQ(place(before)[0], 'P');  // Not counted.
  const Options three{.units_cap = 3};
  ASSERT_EQ(place(order("anna", "k2", {line("m:x", 1)}), three)[0], 'P');
  shop_.with_id("cancel_order_v1", before.caller, before.order_id);
  EXPECT_EQ(place(order("anna", "k3", {line("m:x", 4)}), three),
            "N limit_exceeded [m:x 4/99 limit; ]");
  EXPECT_EQ(place(order("anna", "k4", {line("m:x", 3)}), three)[0], 'P');
}

}  // namespace
}  // namespace depot::store::test
