// Processes die under load: no order fails, none is lost, none doubled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "base/process.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

// Lets the load go on until `count` more orders are placed: the rhythm of the faults.
void let_buy(const Load& load, int count) {
  const int goal = load.placed() + count;
  EXPECT_TRUE(wait_until(
      30s, [&] { return load.placed() >= goal || !load.failures().empty(); },
      std::to_string(count) + " more orders"));
}

void on_sale(Cluster& cluster) {
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
}

// No order failed, and all that were placed are there, once, and in the catalogue.
void expect_all_kept(Load& load, const Cluster& cluster) {
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_EQ(load.remembered(), load.placed());
  EXPECT_TRUE(wait_until(
      20s, [&] { return available(cluster.port(), "m1:a") == kPlenty - load.placed(); },
      "the catalogue agrees with the orders"));
  cluster.expect_clean_audit();
}

TEST(FaultsTest, WorkersKilledUnderLoadFailNoOrder) {
  Cluster cluster{{"workers.count", "3"}};
  on_sale(cluster);
  Load load({cluster.port()}, "m1:a", 6);
  for (int kills = 0; kills < 6 && load.failures().empty(); ++kills) {
    // Found dead first, or an order may be lost three times: that is a failure by design.
    ASSERT_TRUE(wait_until(
        20s,
        [&] {
          return cluster.metric("depot_balancer_workers_lost_total") >= kills &&
                 cluster.metric("depot_balancer_workers") >= 2;
        },
        "the killed worker is found dead, and two are there"));
    let_buy(load, 40);
    cluster.kill("depot-worker");
  }
  let_buy(load, 40);
  expect_all_kept(load, cluster);
}

// Its processes end by themselves then, while the next one already starts: never two stores.
TEST(FaultsTest, DepotUpKilledUnderLoadIsStartedAgainAndLosesNothing) {
  Cluster cluster{{"gateway.count", "2"}};
  on_sale(cluster);
  Load load({cluster.port(0), cluster.port(1)}, "m1:a", 4, false);
  for (int kills = 0; kills < 3; ++kills) {
    let_buy(load, 30);
    const std::vector<pid_t> orphans = cluster.kill_up_and_start();
    const auto runs = [](pid_t orphan) { return resident_bytes(orphan) > 0; };  // No zombie.
    EXPECT_TRUE(wait_until(
        30s, [&] { return std::ranges::none_of(orphans, runs); }, "the first one's have ended"));
  }
  let_buy(load, 30);
  expect_all_kept(load, cluster);
}

class KilledUnderLoadTest : public testing::TestWithParam<const char*> {};

TEST_P(KilledUnderLoadTest, LosesNothing) {
  Cluster cluster{{"gateway.count", "2"}};
  on_sale(cluster);
  Load load({cluster.port(0), cluster.port(1)}, "m1:a", 4, false);
  for (int kills = 0; kills < 2; ++kills) {
    let_buy(load, 30);
    cluster.kill(GetParam());
  }
  let_buy(load, 30);
  expect_all_kept(load, cluster);
}

INSTANTIATE_TEST_SUITE_P(Each, KilledUnderLoadTest,
                         testing::Values("depot-gateway", "depot-load-balancer", "redis-server"),
                         [](const auto& program) {
                           std::string name = program.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(FaultsTest, OneOfTwoBalancersKilledUnderLoadFailsNoOrder) {
  Cluster cluster{{"load_balancer.count", "2"}};
  on_sale(cluster);
  Load load({cluster.port()}, "m1:a", 6);
  for (int kills = 0; kills < 3; ++kills) {
    ASSERT_TRUE(wait_until(
        20s,
        [&] {
          return cluster.metric("depot_balancer_workers") == 4 &&
                 cluster.metric("depot_balancer_gateways") == 2;
        },
        "both balancers have two workers and the gateway"));
    let_buy(load, 40);
    cluster.kill("depot-load-balancer");
  }
  let_buy(load, 40);
  expect_all_kept(load, cluster);
}

TEST(FaultsTest, OneOfTwoHubsKilledUnderLoadKeepsStockShownAndOffersComingIn) {
  Cluster cluster{{"hub.count", "2"}};
  on_sale(cluster);
  Load load({cluster.port()}, "m1:a", 4);
  for (int kills = 0; kills < 2; ++kills) {
    let_buy(load, 30);
    cluster.kill("depot-hub");
    cluster.import({{.manufacturer = "m2", .sku = "b", .offered = 10 + kills}});
    EXPECT_TRUE(wait_until(
        10s, [&] { return available(cluster.port(), "m2:b") == 10 + kills; }, "the new offer"));
  }
  expect_all_kept(load, cluster);
}

TEST(FaultsTest, HubKilledUnderLoadStopsNoSaleAndStockIsShownAgain) {
  Cluster cluster;
  on_sale(cluster);
  Load load({cluster.port()}, "m1:a", 4);
  let_buy(load, 30);
  cluster.kill("depot-hub");
  let_buy(load, 30);
  expect_all_kept(load, cluster);
}

TEST(FaultsTest, RedisAwayIs503WithRetryAfterAndItsReturnLosesNothing) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 100}});
  Customer customer(cluster.port());
  ASSERT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);

  cluster.supervisor().signal(SIGSTOP);  // Or Redis would be back before anybody looks.
  cluster.kill("redis-server");
  EXPECT_TRUE(wait_until(
      10s, [&] { return HttpClient(cluster.port()).request("GET", "/readyz").status == 503; },
      "the gateway says that it is not ready"));
  const HttpReply refused = customer.buy({{"m1:a", 1}}, "while-away");
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.problem(), "unavailable");
  EXPECT_FALSE(refused.header("retry-after").empty());
  EXPECT_EQ(HttpClient(cluster.port()).request("GET", "/v1/catalogue").status, 200)
      << "browsing needs no Redis";
  EXPECT_EQ(HttpClient(cluster.port()).request("GET", "/livez").status, 200);

  cluster.supervisor().signal(SIGCONT);
  EXPECT_EQ(customer.buy_surely({{"m1:a", 1}}, "while-away").status, 201);
  EXPECT_EQ(customer.orders().size(), 2u);
  EXPECT_TRUE(wait_until(
      10s, [&] { return available(cluster.port(), "m1:a") == 98; }, "98 are left"));
  cluster.expect_clean_audit();
}

TEST(FaultsTest, DataSurvivesAStopAndAStart) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10}});
  Customer customer(cluster.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}}, "one").status, 201);
  cluster.stop();
  cluster.start();
  EXPECT_TRUE(wait_until(
      10s, [&] { return available(cluster.port(), "m1:a") == 6; }, "6 are left after the restart"));
  const HttpReply again = customer.buy_surely({{"m1:a", 4}}, "one");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(customer.orders().size(), 1u);
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
