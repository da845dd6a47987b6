#include "base/money.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace depot {
namespace {

const Currency kEuro{"EUR", 2};
const Currency kYen{"JPY", 0};
const Currency kDinar{"KWD", 3};

TEST(MoneyTest, ReadsDecimals) {
  EXPECT_EQ(*parse_money("12.99", kEuro), 1'299);
  EXPECT_EQ(*parse_money("12.9", kEuro), 1'290);
  EXPECT_EQ(*parse_money("12", kEuro), 1'200);
  EXPECT_EQ(*parse_money("0", kEuro), 0);
  EXPECT_EQ(*parse_money("007.50", kEuro), 750);
  EXPECT_EQ(*parse_money("500", kYen), 500);
  EXPECT_EQ(*parse_money("1.234", kDinar), 1'234);
  EXPECT_EQ(*parse_money("10000000000000.00", kEuro), kOrderTotalMax);
}

TEST(MoneyTest, RefusesEverythingElse) {
  for (const char* text :
       {"", ".", ".5", "5.", "1.234", "-1", "+1", "1e3", "0x10", "1,000", "1 000", " 1", "1 ",
        "1.2.3", "1.a", "NaN", "10000000000000.01", "99999999999999999999999999"}) {
    const auto money = parse_money(text, kEuro);
    ASSERT_FALSE(money) << text;
    EXPECT_EQ(money.error().code, ErrorCode::bad_input);
  }
  EXPECT_FALSE(parse_money("1.0", kYen));
  EXPECT_FALSE(parse_money("1000000000000000.1", kDinar));
}

TEST(MoneyTest, Writes) {
  EXPECT_EQ(format_money(1'299, kEuro), "12.99");
  EXPECT_EQ(format_money(5, kEuro), "0.05");
  EXPECT_EQ(format_money(-5, kEuro), "-0.05");
  EXPECT_EQ(format_money(500, kYen), "500");
  EXPECT_EQ(format_money(1, kDinar), "0.001");
  EXPECT_EQ(format_money(INT64_MIN, kYen), "-9223372036854775808");
}

RC_GTEST_PROP(MoneyTest, ReadsWhatItWrote, ()) {
  const Currency currency = *rc::gen::element(kEuro, kYen, kDinar);
  const auto amount = *rc::gen::inRange<std::int64_t>(0, kOrderTotalMax + 1);
  RC_ASSERT(*parse_money(format_money(amount, currency), currency) == amount);
}

TEST(MoneyTest, KnowsTheDigitsOfCurrencies) {
  EXPECT_EQ(currency_from_code("EUR")->digits, 2);
  EXPECT_EQ(currency_from_code("JPY")->digits, 0);
  EXPECT_EQ(currency_from_code("KWD")->digits, 3);
  for (const char* bad : {"", "EU", "eur", "EURO", "E1R"}) EXPECT_FALSE(currency_from_code(bad));
}

}  // namespace
}  // namespace depot
