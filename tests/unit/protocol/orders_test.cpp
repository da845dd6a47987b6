#include "protocol/orders.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/msgpack.hpp"
#include "tests/unit/protocol/encoded.hpp"

namespace depot::protocol {
namespace {

PlaceOrder sample_order(std::size_t lines) {
  PlaceOrder order;
  order.caller = kCaller;
  order.order_id = std::string(16, 'o');
  for (std::size_t i = 0; i < lines; ++i) {
    order.lines.push_back({"m:" + std::to_string(10'000 + i), 1, std::nullopt});
  }
  order.fingerprint = fingerprint_of(order);
  return order;
}

RC_GTEST_PROP(OrdersTest, PlaceOrderIsWrittenAsDocumented, ()) {
  PlaceOrder order = sample_order(*rc::gen::inRange<std::size_t>(1, 40));
  order.mode = *rc::gen::element(OrderMode::all_or_nothing, OrderMode::available);
  for (OrderLine& line : order.lines) {
    line.quantity = *rc::gen::inRange<std::int64_t>(1, 1'000'001);
    if (*rc::gen::arbitrary<bool>())
      line.seen_price = *rc::gen::inRange<std::int64_t>(0, 100'000'001);
  }
  if (*rc::gen::arbitrary<bool>()) order.cart_version = *rc::gen::inRange<std::int64_t>(0, 1'000);

  const std::string body = encoded(order);
  Reader reader(body);
  RC_ASSERT(reader.array() == 7u);
  for (const std::string& text :
       {kCaller.session, kCaller.customer, order.order_id, order.fingerprint}) {
    RC_ASSERT(reader.string() == text);
  }
  RC_ASSERT(reader.integer() == static_cast<std::int64_t>(order.mode));
  if (order.cart_version) {
    RC_ASSERT(reader.integer() == *order.cart_version);
    RC_ASSERT(reader.absent());
  } else {
    RC_ASSERT(reader.absent());
    RC_ASSERT(reader.rows(3) == order.lines.size());
    for (const OrderLine& line : order.lines) {
      RC_ASSERT(reader.string() == line.offer);
      RC_ASSERT(reader.integer() == line.quantity);
      const bool same = line.seen_price ? reader.integer() == *line.seen_price : reader.absent();
      RC_ASSERT(same);
    }
  }
  RC_ASSERT(reader.done());
}

TEST(OrdersTest, FingerprintDependsOnTheWishAlone) {
  PlaceOrder order = sample_order(2);
  const std::string fingerprint = fingerprint_of(order);
  EXPECT_EQ(fingerprint.size(), 16u);
  const auto changed = [&](auto change) {
    PlaceOrder other = order;
    change(other);
    return fingerprint_of(other);
  };
  EXPECT_EQ(changed([](PlaceOrder& o) { o.caller.session = std::string(16, 'x'); }), fingerprint);
  EXPECT_EQ(changed([](PlaceOrder& o) { o.fingerprint = "?"; }), fingerprint);
  EXPECT_NE(changed([](PlaceOrder& o) { o.mode = OrderMode::available; }), fingerprint);
  EXPECT_NE(changed([](PlaceOrder& o) { o.lines[0].quantity = 2; }), fingerprint);
  EXPECT_NE(changed([](PlaceOrder& o) { o.lines[1].seen_price = 0; }), fingerprint);
  EXPECT_NE(changed([](PlaceOrder& o) { o.lines.pop_back(); }), fingerprint);
  EXPECT_NE(changed([](PlaceOrder& o) { o.cart_version = 1; }), fingerprint);
}

std::string order_row() {
  std::string out;
  Writer writer(out);
  writer.array(8).string(std::string(16, 'f')).string(kCaller.customer).integer(1'795'000'000'000);
  writer.string("2026-11").integer(1);
  writer.array(6).string("m1").integer(1).integer(7).string("m2").integer(1).integer(3);
  writer.array(8).integer(0).string("a").integer(2).integer(500);
  writer.integer(1).string("b").integer(1).integer(99);
  return writer.array(4).string("m2:c").integer(5).integer(0).integer(4), out;
}

std::string view(std::initializer_list<int> statuses) {
  std::string out;
  Writer(out).array(3).string(std::string(16, 'o'));
  out += order_row();
  Writer writer(out);
  writer.array(statuses.size());
  for (const int status : statuses) writer.integer(status);
  return out;
}

TEST(OrdersTest, ReadsAnOrderRow) {
  const auto row = decode_order_row(order_row());
  ASSERT_TRUE(row);
  EXPECT_EQ(row->placed_at_ms, 1'795'000'000'000);
  EXPECT_EQ(row->cycle, "2026-11");
  EXPECT_EQ(row->mode, OrderMode::available);
  ASSERT_EQ(row->parts.size(), 2u);
  EXPECT_EQ(row->parts[0].number, 7);
  ASSERT_EQ(row->lines.size(), 2u);
  EXPECT_EQ(row->lines[1].part, 1u);
  EXPECT_EQ(row->lines[1].unit_price, 99);
  ASSERT_EQ(row->refused.size(), 1u);
  EXPECT_EQ(row->refused[0].problem, LineProblem::sold_out);
}

TEST(OrdersTest, StatusIsThatOfTheLeastAdvancedPart) {
  const auto status = [](std::initializer_list<int> statuses) {
    return decode_order_view("O" + view(statuses))->status();
  };
  EXPECT_EQ(status({0, 2}), PartStatus::paid);
  EXPECT_EQ(status({3, 2}), PartStatus::shipped);
  EXPECT_EQ(status({4, 4}), PartStatus::cancelled);
  EXPECT_FALSE(decode_order_view("O" + view({0})));     // one status too few
  EXPECT_FALSE(decode_order_view("O" + view({0, 5})));  // no such status
  EXPECT_FALSE(decode_order_view("X" + view({0, 0})));
  EXPECT_FALSE(decode_order_view(""));
}

TEST(OrdersTest, ReadsAPageNewestFirst) {
  std::string body = "O";
  Writer(body).array(3).integer(41);
  body += view({0, 0}) + view({1, 1});
  const auto page = decode_order_page(body);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next, 41);
  ASSERT_EQ(page->orders.size(), 2u);
  EXPECT_EQ(page->orders[1].status(), PartStatus::in_realisation);
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(decode_order_page(body.substr(0, size))) << size;
  }
}

TEST(OrdersTest, ReadsRefusals) {
  std::string row;
  Writer writer(row);
  writer.array(3).integer(9).array(8).string("m:a").integer(3).integer(1).integer(5);
  writer.string("m:b").integer(1).integer(0).integer(4).integer(12);
  const auto refusal = decode_refusal(row);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->problem, Problem::insufficient_stock);
  ASSERT_EQ(refusal->items.size(), 2u);
  EXPECT_EQ(refusal->items[0].problem, LineProblem::short_);
  EXPECT_EQ(refusal->removed, std::vector<std::string>{"m:b"});

  std::string plain;
  Writer(plain).array(3).integer(14).array(0).nil();
  ASSERT_TRUE(decode_refusal(plain));
  EXPECT_FALSE(decode_refusal(plain)->removed);
  plain[1] = 27;  // no such problem
  EXPECT_FALSE(decode_refusal(plain));
}

TEST(OrdersTest, ProblemsReadBack) {
  const ProblemReply problem{Problem::rate_limited, "10 attempts", {"m:a", "m:b"}, 1'500};
  const auto read = decode_problem(encode_problem(problem));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->problem, problem.problem);
  EXPECT_EQ(read->detail, problem.detail);
  EXPECT_EQ(read->offers, problem.offers);
  EXPECT_EQ(read->retry_after_ms, 1'500);

  std::string sparse = "X";
  Writer(sparse).array(4).integer(3).nil().boolean(false).nil();
  ASSERT_TRUE(decode_problem(sparse));
  EXPECT_EQ(decode_problem(sparse)->detail, "");
  EXPECT_FALSE(decode_problem("O"));
}

TEST(OrdersTest, RequestsHaveTheFormOfTheirComments) {
  std::string expected;
  Writer(expected).array(4).string(kCaller.session).string(kCaller.customer).integer(20).nil();
  EXPECT_EQ(encoded(ListOrders{kCaller, 20, std::nullopt}), expected);
  expected.pop_back();
  Writer(expected).integer(7);
  EXPECT_EQ(encoded(ListOrders{kCaller, 20, 7}), expected);
  expected.clear();
  Writer(expected).array(3).string(kCaller.session).string(kCaller.customer).string("order");
  EXPECT_EQ(encoded(OrderRequest{kCaller, "order"}), expected);
}

}  // namespace
}  // namespace depot::protocol
