#include "manufacturer/production.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace depot::manufacturer {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr TimePoint kStart{1h};

ProductionLine line(const std::string& sku, std::int64_t batch, std::chrono::milliseconds every,
                    std::int64_t pause_at = 0) {
  return {.sku = sku, .batch = batch, .every = every, .pause_at = pause_at, .place = ""};
}

std::map<std::string, Totals> available(const std::string& sku, std::int64_t units) {
  return {{sku, {.available = units}}};
}

class ProductionTest : public testing::Test {
 protected:
  static Production make(const std::vector<ProductionLine>& lines) {
    Production production(lines);
    std::vector<protocol::OfferRow> rows;
    for (const ProductionLine& one : lines) rows.push_back({one.sku, "Name", 5, 10});
    production.set_catalogue(std::move(rows));
    return production;
  }
};

TEST_F(ProductionTest, FinishesABatchEveryPeriodBehindAFirstPart) {
  Production production = make({line("a", 12, 10s)});
  EXPECT_THAT(production.decide({}, kStart), IsEmpty());
  const TimePoint first = production.lines().front().due;
  EXPECT_GT(first, kStart);
  EXPECT_LE(first, kStart + 10s);
  EXPECT_THAT(production.decide({}, first - 1ns), IsEmpty());
  EXPECT_THAT(production.decide({}, first), ElementsAre(Pair("a", 12)));
  EXPECT_THAT(production.decide({}, first + 10s - 1ns), IsEmpty());
  EXPECT_THAT(production.decide({}, first + 10s), ElementsAre(Pair("a", 12)));
  EXPECT_THAT(production.made(), ElementsAre(Pair("a", 24)));
}

TEST_F(ProductionTest, MakesNoMoreThanAnOfferMayHold) {
  Production production = make({line("a", kOfferedMax, 10s)});  // 10 units are there already.
  production.decide({}, kStart);
  EXPECT_THAT(production.decide({}, kStart + 10s), ElementsAre(Pair("a", kOfferedMax)));
  EXPECT_EQ(production.wanted().front().offered, kOfferedMax);
  EXPECT_THAT(production.decide({}, kStart + 30s), IsEmpty());
  EXPECT_TRUE(production.lines().front().standing);
}

TEST_F(ProductionTest, LinesBeginApartAndInEveryRunAlike) {
  std::set<TimePoint> begins;
  for (int run = 0; run < 2; ++run) {
    Production production = make({line("a", 1, 60s), line("b", 1, 60s), line("c", 1, 60s)});
    production.decide({}, kStart);
    for (const auto& one : production.lines()) begins.insert(one.due);
  }
  EXPECT_EQ(begins.size(), 3u);
}

TEST_F(ProductionTest, ALineStandsWhileItsStoreIsFullAndThenTakesAWholePeriod) {
  Production production = make({line("a", 5, 10s, 20)});
  TimePoint now = kStart;
  for (; now < kStart + 60s; now += 1s) {
    EXPECT_THAT(production.decide(available("a", 20), now), IsEmpty());
    EXPECT_TRUE(production.lines().front().standing);
  }
  const TimePoint stood = now - 1s;
  EXPECT_THAT(production.decide(available("a", 19), stood + 9s), IsEmpty());
  EXPECT_FALSE(production.lines().front().standing);
  EXPECT_THAT(production.decide(available("a", 19), stood + 10s), ElementsAre(Pair("a", 5)));
}

TEST_F(ProductionTest, OfALongPauseOneBatchIsMadeUpFor) {
  Production production = make({line("a", 1, 10s)});
  production.decide({}, kStart);
  TimePoint now = kStart + 1h;
  EXPECT_EQ(production.decide({}, now).size(), 1u);
  EXPECT_EQ(production.decide({}, now).size(), 1u);
  EXPECT_EQ(production.decide({}, now + 10s - 1ns).size(), 0u);
}

TEST_F(ProductionTest, WhatIsWantedIsTheCataloguesTotalWithWhatWasMade) {
  Production production = make({line("a", 5, 10s)});
  production.set_made({{"a", 7}, {"gone", 3}});
  production.set_catalogue({{"a", "Apple", 100, 40}, {"b", "Pear", 200, 2}});
  auto rows = production.wanted();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].offered, 47);
  EXPECT_EQ(rows[1].offered, 2);
  production.set_made({{"a", kOfferedMax}});
  EXPECT_EQ(production.wanted()[0].offered, kOfferedMax);
  production.set_catalogue({{"a", "Apple", 1'000, 40}});
  EXPECT_EQ(production.wanted()[0].offered, kOfferWorthMax / 1'000);
}

TEST_F(ProductionTest, NothingIsMadeOfASkuThatHasLeftTheCatalogue) {
  Production production = make({line("a", 5, 10s)});
  production.set_catalogue({});
  production.decide({}, kStart);
  EXPECT_THAT(production.decide({}, kStart + 1min), IsEmpty());
  EXPECT_TRUE(production.lines().front().standing);
}

}  // namespace
}  // namespace depot::manufacturer
