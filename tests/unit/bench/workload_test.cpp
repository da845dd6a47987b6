#include "bench/workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "bench/threshold.hpp"

namespace depot::bench {
namespace {

using namespace std::chrono_literals;

Workload small(const char* name, int products) {
  Workload workload = *find_workload(name);
  workload.products = products;
  return workload;
}

TEST(WorkloadTest, TheSecondOfZipfIsWantedHalfAsOftenAsTheFirst) {
  const Workload workload = small("zipf", 100);
  Buys buys(workload, {.prefix = "t", .length = 1h});
  std::map<std::string, double> count;
  constexpr int kDraws = 40'000;
  for (int i = 0; i < kDraws; ++i) ++count[buys.next(0, nullptr)->lines.at(0).offer];
  // The sum of 1/k up to 100 is 5.187.
  EXPECT_NEAR(count["bench-00:P00000"] / kDraws, 1 / 5.187, 0.02);
  EXPECT_NEAR(count["bench-01:P00001"] / kDraws, 1 / 5.187 / 2, 0.02);
}

TEST(WorkloadTest, LinesOfAnOrderAreOfDifferentProducts) {
  const Workload workload = small("uniform", 7);
  Buys buys(workload, {.prefix = "t", .lines = 7, .length = 1h});
  for (int i = 0; i < 100; ++i) {
    std::set<std::string> offers;
    const auto order = buys.next(0, nullptr);
    for (const auto& line : order->lines) offers.insert(line.offer);
    EXPECT_EQ(offers.size(), 7u);
  }
}

TEST(WorkloadTest, KeysAreEachTheirOwnAndCustomersAnyOfThem) {
  const Workload workload = small("uniform", 7);
  Buys buys(workload, {.prefix = "t", .lanes = 2, .customers = 50, .length = 1h});
  std::set<std::string> keys;
  std::set<std::uint32_t> shoppers;
  for (std::size_t i = 0; i < 1'000; ++i) {
    const auto order = buys.next(i % 2, nullptr);
    keys.insert(order->key);
    shoppers.insert(order->shopper);
  }
  EXPECT_EQ(keys.size(), 1'000u);
  EXPECT_EQ(shoppers.size(), 50u);
}

TEST(WorkloadTest, AnOpenLoopHasItsRateWhateverTheLanesDo) {
  const Workload workload = small("uniform", 7);
  const TimePoint begin = steady_now();
  Buys buys(workload, {.prefix = "t", .rate = 10'000, .length = 1s});
  int count = 0;
  TimePoint last = begin;
  while (const auto order = buys.next(0, nullptr)) {
    EXPECT_GE(order->not_before, last);
    last = order->not_before;
    ++count;
  }
  EXPECT_NEAR(count, 10'000, 500) << "within a second";
  EXPECT_LT(last, begin + 1s + 100ms);
}

TEST(WorkloadTest, ItsCatalogueIsOneForTheImport) {
  EXPECT_EQ(catalogue_rows(small("sold-out", 2), {}),
            "bench-00,Manufacturer bench-00,P00000,Product 00000,19.99,1\n"
            "bench-01,Manufacturer bench-01,P00001,Product 00001,19.99,1\n");
}

TEST(ThresholdTest, IsAFigureAnOperatorAndANumber) {
  const NamedFigures known = {{"p99", 0}, {"failed", 0}};
  const auto holds = [&](const char* text, double value) {
    const auto threshold = parse_threshold(text, known);
    EXPECT_TRUE(threshold) << text;
    return threshold && threshold->holds(value);
  };
  EXPECT_TRUE(holds("p99<10", 9.9));
  EXPECT_FALSE(holds("p99<10", 10));
  EXPECT_TRUE(holds("p99<=10", 10));
  EXPECT_FALSE(holds("failed>=1.5", 1));
  EXPECT_TRUE(holds("failed>0", 1));
  for (const char* bad : {"", "p99", "p99<", "p99<ten", "p98<10", "<10", "p99<10ms", "p99==1"}) {
    const auto threshold = parse_threshold(bad, known);
    ASSERT_FALSE(threshold) << bad;
    EXPECT_THAT(threshold.error().message, testing::HasSubstr("failed, p99"));
  }
}

}  // namespace
}  // namespace depot::bench
