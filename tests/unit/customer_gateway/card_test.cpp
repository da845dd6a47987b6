#include "customer_gateway/card.hpp"

#include <gtest/gtest.h>

namespace depot::customer_gateway {
namespace {

constexpr WallTime kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(9);

struct CardRow {
  const char* number;
  std::int64_t month, year;
  const char* cvc;
  const char* brand;    // "" for a refusal
  const char* pointer;  // of the first error
};

TEST(CardTest, CardsAreJudged) {
  const CardRow rows[] = {
      {"4242424242424242", 12, 2035, "737", "visa", ""},
      {"4242 4242 4242 4242", 11, 2026, "737", "visa", ""},
      {"4242-4242-4242-4242", 1, 2046, "737", "visa", ""},
      {"4222222222222", 1, 2030, "000", "visa", ""},
      {"5555555555554444", 1, 2030, "123", "mastercard", ""},
      {"2223003122003222", 1, 2030, "123", "mastercard", ""},
      {"378282246310005", 1, 2030, "1234", "amex", ""},
      {"6011111111111117", 1, 2030, "123", "discover", ""},
      {"3530111333300000", 1, 2030, "123", "jcb", ""},
      {"30569309025904", 1, 2030, "123", "other", ""},
      {"4242424242424241", 1, 2030, "737", "", "/number"},
      {"424242424242", 1, 2030, "737", "", "/number"},
      {"42424242424242424242", 1, 2030, "737", "", "/number"},
      {"", 1, 2030, "737", "", "/number"},
      {"4242 4242 4242 424x", 1, 2030, "737", "", "/number"},
      {"0000000000000000", 1, 2030, "737x", "", "/cvc"},
      {"4242424242424242", 0, 2030, "737", "", "/exp_month"},
      {"4242424242424242", 13, 2030, "737", "", "/exp_month"},
      {"4242424242424242", 10, 2026, "737", "", "/exp_year"},
      {"4242424242424242", 12, 2025, "737", "", "/exp_year"},
      {"4242424242424242", 12, 35, "737", "", "/exp_year"},
      {"4242424242424242", 12, 2047, "737", "", "/exp_year"},
      {"4242424242424242", 12, INT64_MAX, "737", "", "/exp_year"},
      {"4242424242424242", 12, INT64_MIN, "737", "", "/exp_year"},
      {"4242424242424242", 12, 2030, "73", "", "/cvc"},
      {"4242424242424242", 12, 2030, "7377", "", "/cvc"},
      {"4242424242424242", 12, 2030, "7 7", "", "/cvc"},
      {"378282246310005", 1, 2030, "123", "", "/cvc"},
  };
  for (const CardRow& row : rows) {
    const auto card = check_card({row.number, row.cvc, row.month, row.year}, kNow);
    EXPECT_EQ(card ? card->brand : "", row.brand) << row.number;
    EXPECT_EQ(card ? "" : card.error().front().pointer, row.pointer) << row.number;
  }
}

TEST(CardTest, AWrongMonthAndAWrongYearAreBothNamed) {
  const auto pointers = [](std::int64_t month, std::int64_t year) {
    std::string all;
    const auto card = check_card({"4242424242424242", "737", month, year}, kNow);
    for (const FieldError& error : card.error()) all += error.pointer;
    return all;
  };
  EXPECT_EQ(pointers(13, 1999), "/exp_month/exp_year");
  EXPECT_EQ(pointers(0, 2025), "/exp_month/exp_year") << "expired in any month";
  EXPECT_EQ(pointers(0, 2026), "/exp_month") << "a month to come would do";
}

TEST(CardTest, NothingOfTheCardIsRepeated) {
  const auto refused = check_card({"4242424242424241", "999x", 1, 1999}, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().size(), 3u);
  for (const FieldError& error : refused.error()) {
    EXPECT_EQ(error.detail.find("4242"), std::string::npos);
    EXPECT_EQ(error.detail.find("999"), std::string::npos);
  }
  const auto kept = check_card({"4242424242424242", "737", 12, 2035}, kNow);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->last4, "4242");
}

TEST(PersonTest, EmailsAndPasswords) {
  for (const char* good : {"a@b", "ann.o+x@shop.example", "\xc3\xbc@b\xc3\xbc.example"}) {
    EXPECT_TRUE(is_email(good)) << good;
  }
  for (const char* bad :
       {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@.c", "a@c.", "a\n@b", "\"a\"@b"}) {
    EXPECT_FALSE(is_email(bad)) << bad;
  }
  EXPECT_FALSE(is_email(std::string(250, 'a') + "@b.cd"));
  EXPECT_FALSE(is_password("1234567"));
  EXPECT_TRUE(is_password("12345678"));
  EXPECT_TRUE(is_password(std::string(128, 'x')));
  EXPECT_FALSE(is_password(std::string(129, 'x')));
}

}  // namespace
}  // namespace depot::customer_gateway
