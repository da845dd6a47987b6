// Processes that end where it hurts most: between the effect and the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/faults/faults.hpp"
#include "tests/faults/shoppers.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

constexpr int kKills = 4;

class FaultPointsTest : public testing::TestWithParam<const char*> {};

TEST_P(FaultPointsTest, WhatIsAcknowledgedIsKeptOnce) {
  Cluster cluster{{"gateway.count", "2"}, {"load_balancer.count", "2"}, {"hub.count", "2"}};
  cluster.start();
  const std::string histories = cluster.folder() + "/histories";
  std::filesystem::create_directory(histories);
  ProxiedAgent agent(cluster, "m0",
                     {{.sku = "a", .offered = 100, .batch = 2, .pause_at = 100},
                      {.sku = "b", .offered = 1'000'000}},
                     1);
  agent.set(Link::good);
  ASSERT_TRUE(wait_until(
      30s, [&] { return available(cluster.port(), "m0:b") > 0; }, "it is on sale"));
  Shoppers shoppers({cluster.port(0), cluster.port(1)}, {"m0:a", "m0:b"}, 4, histories, 1);
  for (int kills = 0; kills < kKills; ++kills) {
    const int before = shoppers.bought();
    ASSERT_TRUE(wait_until(
        30s, [&] { return shoppers.bought() >= before + 20; }, "more orders"));
    cluster.arm(GetParam());
    ASSERT_TRUE(wait_until(
        30s, [&] { return !cluster.armed(GetParam()); }, "a process passes there, and ends"));
    if (std::string(GetParam()).starts_with("agent.")) {
      ASSERT_TRUE(wait_until(
          10s, [&] { return agent.revive(); }, "the agent has ended"));
    }
  }
  shoppers.finish(20s);
  EXPECT_THAT(shoppers.complaints(), testing::IsEmpty());
  EXPECT_TRUE(wait_until(
      20s, [&] { return agent.difference().empty(); }, "both sides hold the same totals",
      [&] { return agent.difference(); }));
  const CommandResult audit =
      cluster.depot({"audit", "--histories", histories, "--agents", cluster.agents()});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
}

INSTANTIATE_TEST_SUITE_P(Each, FaultPointsTest, testing::ValuesIn(kFaultPoints),
                         [](const auto& point) {
                           std::string name = point.param;
                           name[name.find('.')] = '_';
                           return name;
                         });

}  // namespace
}  // namespace depot::test
