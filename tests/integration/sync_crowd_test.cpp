// 200 manufacturers with 100 goods each announce at once; and once more while one of them floods
// the hub, which slows nobody else noticeably and is named.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdio>

#include "tests/support/announcers.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
namespace json = boost::json;

constexpr int kManufacturers = 200, kGoods = 100;
constexpr const char* kNamed =
    "floods the hub; frames beyond hub.frames_per_second_max, 3000, are dropped peer=flooder";
constexpr milliseconds kAppliedMax = 5s, kSanitizedMax = 15s;

// With sanitizers everything takes a multiple of its time.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr milliseconds kMax = kSanitizedMax;
#else
constexpr milliseconds kMax = kAppliedMax;
#endif

TEST(SyncCrowdTest, TwoHundredAnnounceAtOnceAndAFloodSlowsNobody) {
  Cluster cluster;
  cluster.start();
  messaging::Context context;
  std::vector<Announcer> all;
  for (int i = 0; i < kManufacturers; ++i) {
    all.emplace_back(context, cluster.config(), "maker-" + std::to_string(i));
  }
  const milliseconds first = announce(all, kGoods, 10, 30s);
  std::printf("%d manufacturers with %d goods each: applied within %d ms\n", kManufacturers, kGoods,
              static_cast<int>(first.count()));
  EXPECT_LE(first, kMax);
  const CommandResult listed = cluster.depot({"manufacturer", "list", "--json"});
  const json::value document = json::parse(listed.out);
  const auto& makers = document.at("items").as_array();
  EXPECT_EQ(makers.size(), static_cast<std::size_t>(kManufacturers));
  for (const json::value& maker : makers) EXPECT_EQ(maker.at("offers"), kGoods);

  const milliseconds quiet = announce(all, kGoods, 20, 30s);
  const Flooder flooder(cluster.config(), "flooder");
  ASSERT_TRUE(wait_until(
      30s, [&] { return flooder.said() > 5'000; }, "the flood has begun"));
  const std::uint64_t before = flooder.said();
  const milliseconds flooded = announce(all, kGoods, 30, 30s);
  const double rate =
      static_cast<double>(flooder.said() - before) * 1'000 / static_cast<double>(flooded.count());
  std::printf("again: %d ms; beside a flood of %.0f frames a second: %d ms\n",
              static_cast<int>(quiet.count()), rate, static_cast<int>(flooded.count()));
  EXPECT_GT(rate, 3'000);
  EXPECT_LE(flooded, 3 * quiet + 500ms);
  EXPECT_TRUE(wait_until(
      10s, [&] { return cluster.logs().find(kNamed) != std::string::npos; },
      "the log names who floods", [&] { return last_lines(cluster.logs(), 40); }));
  EXPECT_GT(cluster.metric("depot_hub_flooded_total"), 0);
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
