// Samples made by hand: what rates, growth and percentiles come of them.
#include "control/ops_series.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace depot::control {
namespace {

using namespace std::chrono_literals;

Counts counts_of(std::initializer_list<std::pair<std::size_t, double>> some) {
  Counts counts{};
  for (const auto& [place, value] : some) counts[place] = value;
  return counts;
}

Sample sample_at(int seconds, const Counts& counts = {}) {
  Sample sample{.number = static_cast<std::size_t>(seconds), .taken = TimePoint(seconds * 1s)};
  sample.counts = counts;
  return sample;
}

// Fills the buckets of `histogram`: place -> requests in it; what lies below counts as well.
Counts requests(std::size_t histogram, std::initializer_list<std::pair<std::size_t, double>> some) {
  Counts counts{};
  for (const auto& [bucket, value] : some) {
    for (std::size_t i = bucket; i < kBuckets; ++i) counts[histogram + i] += value;
  }
  return counts;
}

TEST(OpsSeriesTest, ReadsAGatewaysMetricsInOnePass) {
  Metrics metrics;
  const auto code = [&](const char* route, const char* text) -> Counter& {
    return metrics.counter("depot_http_requests_total", "Requests.",
                           {{"method", "POST"}, {"route", route}, {"code", text}});
  };
  code("/v1/orders", "201").add(40);
  code("/v1/orders", "503").add(2);
  code("/v1/orders", "500").add(1);
  code("/cart", "303").add(5);
  code("/cart", "404").add(7);
  code("/cart", "other").add(9);
  metrics.counter("depot_gateway_retries_total", "Retries.").add(1'000);
  LatencyMetric& orders = metrics.latency("depot_http_request_seconds", "Time.",
                                          {{"method", "POST"}, {"route", "/v1/orders"}});
  LatencyMetric& others = metrics.latency("depot_http_request_seconds", "Time.",
                                          {{"method", "GET"}, {"route", "/v1/orders"}});
  orders.observe(40us);
  orders.observe(2ms);
  orders.observe(20s);
  others.observe(2ms);

  Counts counts{};
  count_requests(metrics.text(), counts);
  EXPECT_EQ(counts[answered_2xx], 40);
  EXPECT_EQ(counts[answered_3xx], 5);
  EXPECT_EQ(counts[answered_4xx], 7);
  EXPECT_EQ(counts[answered_5xx], 3);
  EXPECT_EQ(counts[answered_503], 2);
  EXPECT_EQ(counts[order_requests], 1) << "at or below 50 us";
  EXPECT_EQ(counts[order_requests + 4], 1) << "at or below 1 ms";
  EXPECT_EQ(counts[order_requests + 5], 2) << "at or below 2.5 ms";
  EXPECT_EQ(counts[order_requests + kBuckets - 1], 3);
  EXPECT_EQ(counts[all_requests + 5], 3);
  EXPECT_EQ(counts[all_requests + kBuckets - 1], 4);
}

TEST(OpsSeriesTest, NonsenseInMetricsCountsNothing) {
  Counts counts{};
  count_requests(
      "depot_http_requests_total{\ndepot_http_requests_total{code=\"} x\n"
      "depot_http_request_seconds_bucket{le=\"\"} nan-sense\n\n{}",
      counts);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0.0), 0);
}

TEST(OpsSeriesTest, TotalsGoOnWhereAProcessIsStartedAgain) {
  Totals totals;
  const auto counts = [](double placed, double cpu) {
    return counts_of({{orders_placed, placed}, {cpu_seconds_of, cpu}});
  };
  totals.add("worker-1", 7, counts(100, 50));
  totals.add("worker-2", 8, counts(10, 5));
  EXPECT_EQ(totals.counts()[orders_placed], 110);
  EXPECT_EQ(totals.counts()[cpu_seconds_of], 0) << "spent before the first look";
  totals.add("worker-1", 7, counts(120, 51));
  EXPECT_EQ(totals.counts()[orders_placed], 130);
  EXPECT_EQ(totals.counts()[cpu_seconds_of], 1);

  const Counts fresh = totals.add("worker-1", 9, counts(3, 30));  // It was killed.
  EXPECT_EQ(fresh[orders_placed], 3);
  EXPECT_EQ(fresh[cpu_seconds_of], 0) << "Redis may have loaded for half a minute";
  EXPECT_EQ(totals.counts()[orders_placed], 133);
  EXPECT_EQ(totals.counts()[cpu_seconds_of], 1);
}

TEST(OpsSeriesTest, ASilentProcessMakesNeitherNegativeNorHugeRates) {
  Totals totals;
  totals.add("worker-1", 7, counts_of({{orders_placed, 1'000}}));
  totals.add("worker-1", 7, counts_of({{orders_placed, 0}}));
  EXPECT_EQ(totals.counts()[orders_placed], 1'000);
  totals.add("worker-1", 7, counts_of({{orders_placed, 1'004}}));
  EXPECT_EQ(totals.counts()[orders_placed], 1'004);
}

TEST(OpsSeriesTest, RatesArePerSecondOfTheTimeThatPassed) {
  const Sample from = sample_at(10, counts_of({{orders_placed, 100}}));
  const Sample to = sample_at(14, counts_of({{orders_placed, 108}}));
  EXPECT_DOUBLE_EQ(Window(from, to).rate(orders_placed), 2);
  EXPECT_EQ(Window(from, to).rate(orders_refused), 0);
  EXPECT_EQ(Window(from, from).rate(orders_placed), 0);
}

TEST(OpsSeriesTest, GrowthIsOfKnownValuesAndMayBeNegative) {
  Sample from = sample_at(0), to = sample_at(2);
  EXPECT_FALSE(Window(from, to).growth(&Sample::redis_used));
  from.redis_used = 10;
  EXPECT_FALSE(Window(from, to).growth(&Sample::redis_used));
  to.redis_used = 4;
  EXPECT_DOUBLE_EQ(*Window(from, to).growth(&Sample::redis_used), -3);
  EXPECT_FALSE(Window(from, from).growth(&Sample::redis_used));
}

TEST(OpsSeriesTest, PercentilesAreSpreadWithinTheirBucket) {
  const Sample from = sample_at(0, requests(order_requests, {{3, 1'000}}));  // long ago
  Sample to = from;
  // 10 requests of 0.5..1 ms (bucket 4) and 10 of 1..2.5 ms (bucket 5).
  const Counts fresh = requests(order_requests, {{4, 10}, {5, 10}});
  for (std::size_t i = 0; i < kCounts; ++i) to.counts[i] += fresh[i];
  const Window window(from, to);
  EXPECT_DOUBLE_EQ(*window.percentile(order_requests, 0.25), 0.00075);
  EXPECT_DOUBLE_EQ(*window.percentile(order_requests, 0.5), 0.001);
  EXPECT_DOUBLE_EQ(*window.percentile(order_requests, 0.75), 0.00175);
  EXPECT_DOUBLE_EQ(*window.percentile(order_requests, 1), 0.0025);
  EXPECT_FALSE(window.percentile(all_requests, 0.5)) << "none of these";
}

TEST(OpsSeriesTest, WhatIsAboveTheLastBoundCountsAsIt) {
  const Sample from = sample_at(0);
  const Sample to = sample_at(1, requests(all_requests, {{0, 1}, {kBuckets - 1, 9}}));
  EXPECT_DOUBLE_EQ(*Window(from, to).percentile(all_requests, 0.99), 10);
  EXPECT_DOUBLE_EQ(*Window(from, to).percentile(all_requests, 0.05), 0.000025);
}

TEST(OpsSeriesTest, WindowsCoverAllSamplesAndAreAsManyAsAsked) {
  for (const int count : {0, 1, 2, 3, 59, 60, 61, 62, 120, 299, 300, 3'000}) {
    std::deque<Sample> samples;
    for (int i = 0; i < count; ++i) samples.push_back(sample_at(1'000 + i));
    const std::vector<Window> windows = windows_of(samples, 60);
    ASSERT_LE(windows.size(), 60u) << count;
    if (count < 2) {
      EXPECT_TRUE(windows.empty());
      continue;
    }
    double seconds = 0;
    for (const Window& window : windows) seconds += window.seconds();
    EXPECT_EQ(seconds, count - 1);
    EXPECT_GE(windows.size(), static_cast<std::size_t>(std::min(count - 1, 30))) << count;
    EXPECT_EQ(&windows.back().end(), &samples.back());
  }
}

TEST(OpsSeriesTest, BordersOfWindowsStayAsSamplesComeAndGo) {
  std::deque<Sample> samples;
  for (int i = 0; i < 300; ++i) samples.push_back(sample_at(i));
  const auto borders = [&] {
    std::vector<std::size_t> numbers;
    for (const Window& window : windows_of(samples, 60)) numbers.push_back(window.end().number);
    return numbers;
  };
  const std::vector<std::size_t> before = borders();
  samples.pop_front();
  samples.push_back(sample_at(300));
  const std::vector<std::size_t> after = borders();
  EXPECT_EQ(std::vector(before.begin() + 1, before.end() - 1),
            std::vector(after.begin() + 1, after.begin() + static_cast<int>(before.size()) - 1));
}

TEST(OpsSeriesTest, TheNewestWindowIsAsLongAsAskedOrOneStep) {
  std::deque<Sample> samples{sample_at(0)};
  EXPECT_FALSE(newest_window(samples, 10s));
  for (const int at : {60, 61, 70}) samples.push_back(sample_at(at));
  EXPECT_EQ(newest_window(samples, 10s)->seconds(), 10);
  EXPECT_EQ(newest_window(samples, 1s)->seconds(), 9);
  EXPECT_EQ(newest_window(samples, 100s)->seconds(), 70);
  samples[1].taken -= 5ms;  // A look that was a little late does not shorten the window.
  EXPECT_DOUBLE_EQ(newest_window(samples, 10s)->seconds(), 10.005);
}

}  // namespace
}  // namespace depot::control
