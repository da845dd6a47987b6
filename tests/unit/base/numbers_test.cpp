#include "base/numbers.hpp"

#include <gtest/gtest.h>

namespace depot {
namespace {

TEST(NumbersTest, GroupsDigitsByThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(12'345'678), "12,345,678");
  EXPECT_EQ(grouped("1234.5678"), "1,234.5678");
  EXPECT_EQ(grouped("-123"), "-123");
  EXPECT_EQ(grouped("-1234567"), "-1,234,567");
  EXPECT_EQ(grouped("1234567", " "), "1 234 567");
  EXPECT_EQ(grouped(""), "");
}

TEST(NumbersTest, GroupsMoneyBeforeThePoint) {
  EXPECT_EQ(grouped_money(99, Currency{}), "0.99 EUR");
  EXPECT_EQ(grouped_money(123'456'789, Currency{}), "1,234,567.89 EUR");
  EXPECT_EQ(grouped_money(-12'345, Currency{}), "-123.45 EUR");
  EXPECT_EQ(grouped_money(-123'456, Currency{}), "-1,234.56 EUR");
  EXPECT_EQ(grouped_money(1'234'567, Currency{.code = "JPY", .digits = 0}), "1,234,567 JPY");
}

TEST(NumbersTest, CountsOneAndMany) {
  EXPECT_EQ(counted(0, "order"), "0 orders");
  EXPECT_EQ(counted(1, "order"), "1 order");
  EXPECT_EQ(counted(2'000, "order"), "2,000 orders");
  EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(counted(2, "entry", "entries"), "2 entries");
}

}  // namespace
}  // namespace depot
