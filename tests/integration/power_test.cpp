// The power fails under load: what was acknowledged was on the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <random>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

constexpr int kCuts = 5;

// Cuts the power so often, each time behind `orders` more; the bytes that were lost.
std::int64_t cut_again_and_again(Cluster& cluster, Load& load, int orders) {
  std::minstd_rand random(20261128);
  std::uniform_real_distribution<double> torn(0, 1);
  std::int64_t gone = 0;
  for (int cuts = 0; cuts < kCuts; ++cuts) {
    const int goal = load.placed() + orders;
    EXPECT_TRUE(wait_until(
        30s, [&] { return load.placed() >= goal || !load.failures().empty(); }, "more orders"));
    gone += cluster.cut_power(torn(random));
  }
  EXPECT_TRUE(wait_until(
      30s, [&, goal = load.placed() + orders] { return load.placed() >= goal; }, "it sells again"));
  load.stop();
  return gone;
}

std::string make_histories(const Cluster& cluster) {
  std::string folder = cluster.folder() + "/histories";
  std::filesystem::create_directory(folder);
  return folder;
}

TEST(PowerTest, NothingThatWasAcknowledgedIsLost) {
  Cluster cluster;
  cluster.note_syncs(5ms);
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
  const std::string histories = make_histories(cluster);
  Load load({cluster.port()}, "m1:a", 8, false, 0ms, histories);
  EXPECT_GT(cut_again_and_again(cluster, load, 50), 0) << "no cut met a write";
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_EQ(load.remembered(), load.placed());
  cluster.expect_clean_audit(histories);
}

TEST(PowerTest, AFullDiskIs503AndLosesNothing) {
  Cluster cluster;
  cluster.note_syncs(1ms);
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
  Load load({cluster.port()}, "m1:a", 4, false);
  Customer customer(cluster.port());
  for (int times = 0; times < 2; ++times) {
    EXPECT_TRUE(wait_until(
        30s, [&, goal = load.placed() + 50] { return load.placed() >= goal; }, "it sells"));
    cluster.fill_disk(true);
    EXPECT_TRUE(wait_until(
        20s,
        [&] {
          const HttpReply reply = customer.buy({{"m1:a", 1}}, unique("full"));
          return reply.status == 503 && !reply.header("retry-after").empty();
        },
        "it is refused"));
    EXPECT_EQ(HttpClient(cluster.port()).request("GET", "/v1/catalogue").status, 200);
    cluster.fill_disk(false);
  }
  EXPECT_TRUE(wait_until(
      30s, [&, goal = load.placed() + 50] { return load.placed() >= goal; }, "it sells again"));
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_EQ(load.remembered(), load.placed());
  cluster.expect_clean_audit();
}

// The test of the first: with the fsync that others are content with, orders are gone (and at times
// the customers' sessions with them).
TEST(PowerTest, WithAnFsyncEverySecondItIsAndThatShows) {
  Cluster cluster{{"redis.fsync", "everysec"}, {"redis.allow_unsafe", "true"}};
  cluster.note_syncs(300ms);
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
  const std::string histories = make_histories(cluster);
  Load load({cluster.port()}, "m1:a", 8, false, 0ms, histories);
  EXPECT_TRUE(wait_until(
      30s, [&] { return load.placed() >= 300; }, "orders"));
  EXPECT_GT(cluster.cut_power(0), 0);
  const int placed = load.placed();  // Before it is back, or a little more.
  load.stop();
  std::size_t kept = 0;
  EXPECT_TRUE(wait_until(
      30s,
      [&] {
        const auto orders = cluster.redis().command({"KEYS", "order:{s0}:*"});
        kept = orders ? orders->items.size() : 0;
        return orders.has_value();
      },
      "Redis is back"));
  EXPECT_LT(kept, static_cast<std::size_t>(placed)) << "acknowledged by the cut";
  const CommandResult audit = cluster.depot({"audit", "--json", "--histories", histories});
  EXPECT_EQ(audit.exit_code, 1) << audit.out << audit.err;
  ASSERT_TRUE(audit.out.starts_with('{')) << audit.out;
  const auto found = boost::json::parse(audit.out).as_object();
  EXPECT_GT(found.at("lost").as_int64(), 0) << audit.out;
  EXPECT_THAT(audit.out, testing::HasSubstr("acknowledged, and not there"));
}

}  // namespace
}  // namespace depot::test
