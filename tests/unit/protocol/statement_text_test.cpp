#include "protocol/statement_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/crypto.hpp"

namespace depot::protocol {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Statement example() {
  return {.cycle = "2026-11",
          .manufacturer = "m1",
          .currency = "EUR",
          .offers = {{"a", 10, 5, 1, 4, 2, 10}, {"b", 3, 0, 0, 3, 0, 0}},
          .sales = {{"a", 250, 4, 1'000}, {"b", 199, 3, 597}},
          .units = 7,
          .gross = 1'597,
          .fee_rate = 250,
          .fee = 40,
          .net = 1'557,
          .from = {1, 0},
          .to = {1, 57},
          .demand = {{"b", 4, 0}}};
}

TEST(StatementTextTest, JsonHasMinorUnits) {
  const Statement statement = example();
  EXPECT_EQ(
      boost::json::serialize(to_json(statement)),
      R"({"cycle_id":"2026-11","manufacturer_id":"m1","currency":"EUR","offers":[)"
      R"({"sku":"a","opening":10,"increases":5,"cuts":1,"sold":4,"cancelled":2,"unsold":10},)"
      R"({"sku":"b","opening":3,"increases":0,"cuts":0,"sold":3,"cancelled":0,"unsold":0}],)"
      R"("sales":[{"sku":"a","unit_price":250,"units":4,"money":1000},)"
      R"({"sku":"b","unit_price":199,"units":3,"money":597}],"units":7,"gross":1597,)"
      R"("fee_percent":"2.50","fee":40,"net":1557,"ledger":{"from":"1-0","to":"1-57"},"sha256":")" +
          to_hex(hash_of(statement)) + R"(","demand":[{"sku":"b","refused":4,"shortage":0}]})");
}

TEST(StatementTextTest, ATableHasItsSumsForAPerson) {
  const std::string table = to_table(to_json(example()));
  for (const char* line : {"sold                     7 units for 15.97", "0.40 EUR (2.50 %)",
                           "15.57 EUR", "1-0 to 1-57", "b: 4 units refused, 0 short"}) {
    EXPECT_THAT(table, testing::HasSubstr(line));
  }
}

TEST(StatementTextTest, CsvHasDecimals) {
  EXPECT_EQ(to_csv(example()),
            "cycle_id,manufacturer_id,currency,kind,sku,opening,increases,cuts,sold,cancelled,"
            "unsold,unit_price,units,money\r\n"
            "2026-11,m1,EUR,offer,a,10,5,1,4,2,10,,,\r\n"
            "2026-11,m1,EUR,offer,b,3,0,0,3,0,0,,,\r\n"
            "2026-11,m1,EUR,sale,a,,,,,,,2.50,4,10.00\r\n"
            "2026-11,m1,EUR,sale,b,,,,,,,1.99,3,5.97\r\n"
            "2026-11,m1,EUR,total,,,,,,,,,7,15.97\r\n"
            "2026-11,m1,EUR,fee,,,,,,,,,,0.40\r\n"
            "2026-11,m1,EUR,payable,,,,,,,,,,15.57\r\n");
  Statement yen;
  yen.currency = "JPY";
  yen.net = 1'597;
  EXPECT_TRUE(to_csv(yen).ends_with("payable,,,,,,,,,,1597\r\n"));
}

TEST(StatementTextTest, DifferencesAreTheLinesThatAreNotTheSame) {
  const Statement theirs = example();
  EXPECT_THAT(differences(theirs, theirs), IsEmpty());
  Statement ours = theirs;
  ours.offers[1].sold = 2;
  ours.sales.erase(ours.sales.begin());
  ours.sales.push_back({"c", 5, 1, 5});
  ours.demand.clear();  // Beside the agreement.
  EXPECT_THAT(differences(theirs, ours),
              ElementsAre("- offer b 3 0 0 3 0 0", "+ offer b 3 0 0 2 0 0", "- sale a 250 4 1000",
                          "+ sale c 5 1 5"));
}

TEST(StatementTextTest, ALineThatStandsTwiceIsADifference) {
  Statement theirs = example();
  theirs.sales.push_back(theirs.sales.back());
  EXPECT_EQ(differences(theirs, example()).size(), 1u);
}

TEST(StatementTextTest, FeesHaveTwoDecimals) {
  EXPECT_EQ(name_of_answer(std::nullopt), "none");
  EXPECT_EQ(name_of_answer(1), "agrees");
  EXPECT_EQ(name_of_answer(0), "disagrees");
  EXPECT_EQ(fee_percent_of(0), "0.00");
  EXPECT_EQ(fee_percent_of(5), "0.05");
  EXPECT_EQ(fee_percent_of(1'234), "12.34");
}

}  // namespace
}  // namespace depot::protocol
