// What a process needs is short for a while: memory, descriptors, Redis' time, a good config.yml,
// somebody who listens. Nothing ends, and all goes on by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "tests/faults/deaf_subscriber.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

const Lines kOne = {{"m1:a", 1}};

class ShortageTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
  }
  void TearDown() override { cluster_.expect_clean_audit(); }
  static void let_buy(const Load& load, int count) {
    EXPECT_TRUE(wait_until(
        30s, [&, goal = load.placed() + count] { return load.placed() >= goal; },
        std::to_string(count) + " more orders"));
  }
  Cluster cluster_{{"redis.maxmemory", "128MiB"}};
};

TEST_F(ShortageTest, WithoutMemoryNothingIsSoldAndWhatWasIsToldAgain) {
  Customer customer(cluster_.port());
  const std::string key = unique("key");
  ASSERT_EQ(customer.buy(kOne, key).status, 201);
  const std::string last = std::to_string(cluster_.config().redis.maxmemory);
  ASSERT_TRUE(cluster_.redis().command({"SETRANGE", "ballast", last, "x"}));
  EXPECT_TRUE(wait_until(
      10s, [&] { return customer.buy(kOne, unique("key")).status == 503; }, "no sale"));
  EXPECT_GE(available(cluster_.port(), "m1:a"), 0) << "the catalogue is served";
  ASSERT_TRUE(cluster_.redis().command({"DEL", "ballast"}));
  EXPECT_TRUE(wait_until(
      10s, [&] { return customer.buy(kOne, unique("key")).status == 201; }, "it sells again"));
  EXPECT_EQ(customer.buy(kOne, key).status, 201);
}

TEST_F(ShortageTest, WithoutDescriptorsAGatewayServesWhomItHasAndTheOthersLater) {
  const std::vector<pid_t> before = cluster_.pids("depot-gateway");
  ASSERT_EQ(before.size(), 1u);
  Customer customer(cluster_.port());
  rlimit enough{};
  ASSERT_EQ(prlimit(before[0], RLIMIT_NOFILE, nullptr, &enough), 0);
  rlimit none = enough;
  none.rlim_cur = 3;
  ASSERT_EQ(prlimit(before[0], RLIMIT_NOFILE, &none, nullptr), 0);
  std::vector<Wire> idle;
  for (int i = 0; i < 20; ++i) idle.emplace_back(cluster_.port());
  EXPECT_EQ(customer.buy(kOne, unique("key")).status, 201);
  ASSERT_EQ(prlimit(before[0], RLIMIT_NOFILE, &enough, nullptr), 0);
  Customer other(cluster_.port());
  EXPECT_EQ(other.buy(kOne, unique("key")).status, 201);
  EXPECT_EQ(cluster_.pids("depot-gateway"), before) << "it was started again";
}

TEST_F(ShortageTest, ABusyRedisHoldsUpOrdersAndLosesNone) {
  Load load({cluster_.port()}, "m1:a", 4, false);
  let_buy(load, 20);
  ASSERT_TRUE(cluster_.redis().command(
      {"EVAL",
       "local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end "
       "local last = now() + 1500000 while now() < last do end return 1",
       "0"}));
  let_buy(load, 20);
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
}

TEST_F(ShortageTest, UnderABrokenConfigProcessesComeBackAsTheyWere) {
  const std::string path = cluster_.config_path(), good = read_file(path);
  const auto replace = [&](const std::string& text) {
    write_file(path + ".new", text);
    std::filesystem::rename(path + ".new", path);
  };
  Load load({cluster_.port()}, "m1:a", 4, false);
  let_buy(load, 20);
  replace(good + "workers: [\n");
  EXPECT_TRUE(wait_until(
      10s, [&] { return cluster_.logs().find("config refused") != std::string::npos; },
      "it is read, and refused"));
  for (const char* program : {"depot-worker", "depot-load-balancer", "depot-gateway"}) {
    cluster_.kill(program);
    let_buy(load, 20);
  }
  replace(good);
  let_buy(load, 20);
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
}

TEST_F(ShortageTest, SubscribersThatReadNothingHoldUpNobody) {
  const std::vector<pid_t> before = cluster_.pids("depot-hub");
  std::vector<DeafSubscriber> deaf;
  for (int i = 0; i < 8; ++i) deaf.emplace_back(cluster_.config().hub_out_endpoint().substr(6));
  Load load({cluster_.port()}, "m1:a", 4);
  let_buy(load, 200);
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_TRUE(wait_until(
      10s, [&] { return available(cluster_.port(), "m1:a") == kPlenty - load.placed(); },
      "the catalogue agrees with the orders"));
  EXPECT_EQ(cluster_.pids("depot-hub"), before);
  EXPECT_NE(deaf.front().read(1s).find("stock/"), std::string::npos) << "it was no subscriber";
}

}  // namespace
}  // namespace depot::test
