// Bad networks between gateways, balancers and workers: what ZeroMQ itself never does to frames.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/request_proxy.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

class FramesTest : public testing::Test {
 protected:
  void start(Cluster& cluster, const BadLink& bad) {
    frames_.emplace(cluster.config(), cluster.detour(), bad, 1);
    cluster.start();
    cluster.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
  }
  static void let_buy(const Load& load, int count) {
    EXPECT_TRUE(wait_until(
        30s, [&, goal = load.placed() + count] { return load.placed() >= goal; },
        std::to_string(count) + " more orders"));
  }
  static void expect_right(const Cluster& cluster, Load& load) {
    load.stop();
    EXPECT_THAT(load.failures(), testing::IsEmpty());
    EXPECT_EQ(load.remembered(), load.placed());
    EXPECT_TRUE(wait_until(
        10s, [&] { return available(cluster.port(), "m1:a") == kPlenty - load.placed(); },
        "the catalogue agrees with the orders"));
    cluster.expect_clean_audit();
  }
  std::optional<RequestProxies> frames_;  // Outlives the cluster, which ends through it.
};

TEST_F(FramesTest, LostDoubledAndLateFramesLoseAndDoubleNoOrder) {
  Cluster cluster{
      {"gateway.count", "2"}, {"load_balancer.count", "2"}, {"gateway.request_budget", "1s"}};
  start(cluster, {.lost = 5, .doubled = 15, .late = 15});
  Load load({cluster.port(0), cluster.port(1)}, "m1:a", 6, false);
  let_buy(load, 20);
  frames_->set(Link::bad);
  EXPECT_TRUE(wait_until(
      60s,
      [&] {
        return frames_->lost() > 100 && frames_->doubled() > 200 && frames_->late() > 200 &&
               load.placed() > 200;
      },
      "frames are lost, doubled and late"));
  frames_->set(Link::good);
  let_buy(load, 200);
  expect_right(cluster, load);
}

TEST_F(FramesTest, NoSaleThroughCutNetworksAndSalesAgainBehindThem) {
  Cluster cluster{{"load_balancer.count", "2"}};
  start(cluster, {});
  Load load({cluster.port()}, "m1:a", 4, false);
  for (const std::size_t which : {0u, 1u, 2u, 3u}) {  // One side of one balancer: the other serves.
    let_buy(load, 20);
    frames_->set(which, Link::cut);
    let_buy(load, 20);
    frames_->set(which, Link::good);
  }
  frames_->set(Link::cut);
  EXPECT_TRUE(wait_until(
      20s, [&] { return cluster.metric("depot_gateway_links_up") == 0; }, "no balancer is heard"));
  frames_->set(Link::good);
  let_buy(load, 20);
  expect_right(cluster, load);
}

// A worker's window is of one order here, and sessions outlive the losses: one credit that leaked
// with a lost frame would be the end.
TEST_F(FramesTest, LostFramesTakeNoCreditWithThem) {
  Cluster cluster{{"workers.count", "1"},
                  {"workers.batch_orders_max", "1"},
                  {"workers.batches_in_flight_max", "1"},
                  {"load_balancer.silence_max", "60s"},
                  {"gateway.request_budget", "500ms"}};
  start(cluster, {.lost = 20, .doubled = 0, .late = 0});
  Load load({cluster.port()}, "m1:a", 2, false);
  let_buy(load, 20);
  frames_->set(Link::bad);
  EXPECT_TRUE(wait_until(
      60s, [&] { return frames_->lost() > 100; }, "frames are lost"));
  frames_->set(Link::good);
  let_buy(load, 50);
  expect_right(cluster, load);
  const std::string logs = cluster.logs();
  EXPECT_EQ(logs.find("balancer connected"), logs.rfind("balancer connected")) << "sessions ended";
}

}  // namespace
}  // namespace depot::test
