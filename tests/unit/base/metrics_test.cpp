#include "base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace depot {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::HasSubstr;

TEST(MetricsTest, WritesCountersAndGaugesOfOneFamilyTogether) {
  Metrics metrics;
  metrics.counter("depot_orders_total", "Orders.", {{"result", "placed"}}).add(3);
  metrics.gauge("depot_queued", "Waiting.").set(-7);
  metrics.counter("depot_orders_total", "Orders.", {{"result", "refused"}}).add();
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP depot_orders_total Orders.\n"
                              "# TYPE depot_orders_total counter\n"
                              "depot_orders_total{result=\"placed\"} 3\n"
                              "depot_orders_total{result=\"refused\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE depot_queued gauge\ndepot_queued -7\n"));
}

TEST(MetricsTest, HistogramsAreCumulative) {
  Metrics metrics;
  LatencyMetric& latency = metrics.latency("depot_wait_seconds", "Wait.");
  latency.observe(50us);  // A bound belongs to its bucket.
  latency.observe(60us);
  latency.observe(20s);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("depot_wait_seconds_count 3\n"));
  EXPECT_THAT(text, ContainsRegex("depot_wait_seconds_bucket\\{le=\"5e-05\"\\} 1\n"));
  EXPECT_THAT(text, ContainsRegex("depot_wait_seconds_bucket\\{le=\"0.0001\"\\} 2\n"));
  EXPECT_THAT(text, HasSubstr("depot_wait_seconds_bucket{le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("depot_wait_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_NEAR(latency.sum_seconds(), 20.00011, 1e-9);
}

TEST(MetricsTest, TellsOfTheProcess) {
  const std::string text = Metrics().text();
  const auto now = std::chrono::system_clock::now().time_since_epoch() / 1s;
  const std::size_t at = text.find("\nprocess_start_time_seconds ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_NEAR(std::stod(text.substr(at + 28)), static_cast<double>(now), 300);
  EXPECT_THAT(text, ContainsRegex("\nprocess_cpu_seconds_total [0-9.]+"));
  EXPECT_THAT(text, ContainsRegex("\nprocess_resident_memory_bytes [1-9]"));
}

}  // namespace
}  // namespace depot
