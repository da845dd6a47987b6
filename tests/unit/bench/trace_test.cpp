#include "bench/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <map>

#include "base/fatal.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TraceTest : public testing::Test {
 protected:
  Trace read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_trace(path_, limits_);
  }
  std::string errors(const std::string& text) {
    try {
      read(text);
    } catch (const StartupError& error) {
      EXPECT_EQ(error.exit_code(), kExitFailed);
      return error.what();
    }
    return "";
  }

  test::TempDir folder_;
  std::string path_ = folder_ / "orders.csv";
  LimitsConfig limits_;
};

TEST_F(TraceTest, GathersAnOrdersRowsWhereverTheyAreAndSumsEqualOffers) {
  const Trace trace = read(
      "order_ref,customer_ref,offer_id,quantity,placed_at\n"
      "1,ann,acme:A,2,2011-01-01T00:00:00Z\n"
      "1,bob,acme:A,7,\n"  // Same order_ref, another customer: another order.
      "1,ann,acme:B,1,\n"
      "2,ann,acme:A,1,\n"
      "1,ann,acme:A,3,\n");
  EXPECT_THAT(trace.customers, ElementsAre("ann", "bob"));
  ASSERT_EQ(trace.orders.size(), 3u);
  ASSERT_EQ(trace.orders[0].lines.size(), 2u);
  EXPECT_EQ(trace.orders[0].lines[0].offer, "acme:A");
  EXPECT_EQ(trace.orders[0].lines[0].quantity, 5);
  EXPECT_EQ(trace.orders[0].lines[1].quantity, 1);
  EXPECT_EQ(trace.orders[1].shopper, 1u);
  EXPECT_EQ(trace.orders[2].shopper, 0u);
}

TEST_F(TraceTest, NamesEveryErrorWithItsPlace) {
  const std::string said = errors(
      "quantity,offer_id,customer_ref,order_ref\n"
      "0,acme:A,ann,1\n"
      "1,acme,ann,1\n"
      "1000001,acme:A,ann,\n"
      "x,acme:A,,1\n");
  for (const char* place : {":2:1: quantity", ":3:3: offer_id", ":4:1: quantity",
                            ":4:20: order_ref", ":5:1: quantity", ":5:10: customer_ref"}) {
    EXPECT_THAT(said, HasSubstr(place));
  }
  EXPECT_THAT(said, HasSubstr("nothing was bought"));
}

TEST_F(TraceTest, RefusesWhatIsNoTime) {
  const std::string header = "order_ref,customer_ref,offer_id,quantity,placed_at\n1,ann,m:a,1,";
  for (const char* good : {"", "2012-02-29T23:59:59Z"}) EXPECT_EQ(errors(header + good), "");
  for (const char* bad : {"yesterday", "2011-02-29T00:00:00Z", "2011-01-01T24:00:00Z",
                          "2011-1-1T00:00:00Z", "2011-01-01T00:00:00Zulu", "2011-01-01"}) {
    EXPECT_THAT(errors(header + bad), HasSubstr(":2:13: placed_at: not a time")) << bad;
  }
}

TEST_F(TraceTest, ReportsAnOrderBeyondTheLimitsInsteadOfDroppingIt) {
  limits_.order_lines_max = 2;
  EXPECT_THAT(errors("order_ref,customer_ref,offer_id,quantity\n"
                     "1,ann,m:a,1\n1,ann,m:b,1\n1,ann,m:a,1\n1,ann,m:c,1\n"),
              HasSubstr(":5:7: offer_id: line 3 of one order, at most 2"));
  EXPECT_THAT(errors("order_ref,customer_ref,offer_id,quantity\n"
                     "1,ann,m:a,999999\n1,ann,m:a,2\n"),
              HasSubstr(":3:11: quantity"));
}

// Lanes that finish in any order: each order is given once, no customer has two at once, and a
// customer's orders come in the trace's order.
RC_GTEST_PROP(TraceSourceTest, GivesEachOrderOnceAndEachCustomerOneAtATime, ()) {
  Trace trace;
  trace.customers.resize(5);
  const auto shoppers = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0u, 5u));
  for (const std::uint32_t shopper : shoppers) {
    trace.orders.push_back({.shopper = shopper, .key = std::to_string(trace.orders.size())});
  }
  TraceSource source(trace);
  std::map<std::size_t, Order> busy;  // by lane
  std::vector<std::size_t> open = {0, 1, 2};
  std::map<std::uint32_t, std::size_t> last;
  std::size_t given = 0;
  while (!open.empty()) {
    const std::size_t lane = open[*rc::gen::inRange<std::size_t>(0, open.size())];
    const auto had = busy.find(lane);
    const auto next = source.next(lane, had == busy.end() ? nullptr : &had->second);
    if (had != busy.end()) busy.erase(had);
    if (!next) {
      std::erase(open, lane);
      continue;
    }
    ++given;
    for (const auto& [other, order] : busy) RC_ASSERT(order.shopper != next->shopper);
    const std::size_t index = std::stoul(next->key);
    RC_ASSERT(!last.contains(next->shopper) || last[next->shopper] < index);
    last[next->shopper] = index;
    busy[lane] = *next;
  }
  RC_ASSERT(given == trace.orders.size());
}

}  // namespace
}  // namespace depot::bench
