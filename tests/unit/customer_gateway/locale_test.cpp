#include "customer_gateway/locale.hpp"

#include <gtest/gtest.h>

namespace depot::customer_gateway {
namespace {

using enum Language;
constexpr const char* kNbsp = "\u00a0";

TEST(LocaleTest, LanguageChosenBeforeCountsThenAcceptLanguageThenEnglish) {
  EXPECT_EQ(preferred_language("pl", "en"), pl);
  EXPECT_EQ(preferred_language("", ""), en);
  EXPECT_EQ(preferred_language("klingon", "pl"), pl);
  EXPECT_EQ(preferred_language("", "de-DE, pl;q=0.5, en;q=0.4"), pl);
  EXPECT_EQ(preferred_language("", "en-GB,en;q=0.9,pl;q=0.8"), en);
  EXPECT_EQ(preferred_language("", "PL-pl"), pl);
  EXPECT_EQ(preferred_language("", "pl;q=0, en;q=0.1"), en);
  EXPECT_EQ(preferred_language("", "plt, *"), en);
  EXPECT_EQ(preferred_language("", ",;q=,pl;q=x"), en);
}

TEST(LocaleTest, PluralFormsAreThoseOfTheLanguage) {
  for (const auto& [number, form] : std::vector<std::pair<int, const char*>>{{0, "many"},
                                                                             {1, "one"},
                                                                             {2, "few"},
                                                                             {4, "few"},
                                                                             {5, "many"},
                                                                             {11, "many"},
                                                                             {12, "many"},
                                                                             {14, "many"},
                                                                             {21, "many"},
                                                                             {22, "few"},
                                                                             {24, "few"},
                                                                             {25, "many"},
                                                                             {112, "many"},
                                                                             {122, "few"},
                                                                             {1000, "many"},
                                                                             {1002, "few"}}) {
    EXPECT_EQ(plural_of(pl, number), form) << number;
    EXPECT_EQ(plural_of(en, number), number == 1 ? "one" : "other") << number;
  }
}

TEST(LocaleTest, NumbersAreGroupedAsTheLanguageDoes) {
  EXPECT_EQ(number_text(en, 0), "0");
  EXPECT_EQ(number_text(en, 1234567), "1,234,567");
  EXPECT_EQ(number_text(en, -1234), "-1,234");
  EXPECT_EQ(number_text(pl, 1234), "1234");
  EXPECT_EQ(decimal_text(en, "1234.50"), "1,234.50");
  EXPECT_EQ(decimal_text(pl, "2.50"), "2,50");
  EXPECT_EQ(decimal_text(pl, "7"), "7");
  EXPECT_EQ(number_text(pl, 12345), std::string("12") + kNbsp + "345");
}

TEST(LocaleTest, MoneyHasTheSignOfItsCurrencyOrItsCode) {
  const Currency euro{"EUR", 2}, zloty{"PLN", 2}, yen{"JPY", 0}, dinar{"KWD", 3};
  EXPECT_EQ(money_text(en, 123456, euro), "€1,234.56");
  EXPECT_EQ(money_text(pl, 123456, euro), std::string("1234,56") + kNbsp + "€");
  EXPECT_EQ(money_text(pl, 1234500, zloty), std::string("12") + kNbsp + "345,00" + kNbsp + "zł");
  EXPECT_EQ(money_text(en, 5, zloty), std::string("PLN") + kNbsp + "0.05");
  EXPECT_EQ(money_text(en, 500, yen), "¥500");
  EXPECT_EQ(money_text(en, 1500, dinar), std::string("KWD") + kNbsp + "1.500");
  EXPECT_EQ(money_text(en, -250, euro), "-€2.50");
}

TEST(LocaleTest, TimesAreWrittenOutInUtc) {
  EXPECT_EQ(time_text(en, "2026-11-07T09:05:51.042Z"), "7 November 2026, 09:05 UTC");
  EXPECT_EQ(time_text(pl, "2026-09-27T22:05:00Z"), "27 września 2026, 22:05 UTC");
  EXPECT_EQ(time_text(en, "yesterday"), "yesterday");
  EXPECT_EQ(time_text(en, "2026-99-27T22:05:00Z"), "2026-99-27T22:05:00Z");
}

}  // namespace
}  // namespace depot::customer_gateway
