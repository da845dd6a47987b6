// The number of workers changes while customers buy: by command, and by an edit of config.yml.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

class ScalingTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 1'000'000}});
    load_.emplace(std::vector<int>{cluster_.port()}, "m1:a", 4);
  }
  void TearDown() override {
    load_->stop();
    EXPECT_THAT(load_->failures(), testing::IsEmpty());
    EXPECT_GT(load_->placed(), 0);
    EXPECT_EQ(load_->remembered(), load_->placed());
    cluster_.expect_clean_audit();
  }
  std::size_t workers() const { return cluster_.pids("depot-worker").size(); }

  Cluster cluster_;
  std::optional<Load> load_;
};

TEST_F(ScalingTest, ScaleCommandReturnsWhenThatManyRunAndNoRequestIsLost) {
  for (const int count : {4, 1, 3}) {
    const CommandResult result = cluster_.depot({"scale", "workers", std::to_string(count)});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(wait_until(
        10s, [&] { return workers() == static_cast<std::size_t>(count); },
        std::to_string(count) + " workers run"));
    EXPECT_THAT(read_file(cluster_.config_path()),
                testing::HasSubstr("count: " + std::to_string(count)));
  }
}

TEST_F(ScalingTest, EditedConfigIsFollowedAndNoRequestIsLost) {
  for (const char* count : {"3", "1", "2"}) {
    cluster_.rewrite_config({{"workers.count", count}});
    EXPECT_TRUE(wait_until(  // 2 s are promised; the rest is for sanitizers and a busy machine.
        10s, [&] { return std::to_string(workers()) == count; },
        std::string(count) + " workers run"));
  }
}

TEST_F(ScalingTest, BrokenConfigIsRefusedByNameAndTheOldOneStaysInForce) {
  const std::string good = read_file(cluster_.config_path());
  const std::vector<pid_t> before = cluster_.pids("depot-worker");
  write_file(cluster_.config_path(), good + "workerz:\n  count: 3\n");
  EXPECT_TRUE(wait_until(
      10s, [&] { return cluster_.logs().find("workerz") != std::string::npos; },
      "the log names the unknown key"));
  const CommandResult check = cluster_.depot({"config", "check"});
  EXPECT_EQ(check.exit_code, 78);
  EXPECT_THAT(check.err, testing::HasSubstr("config.yml:"));
  EXPECT_THAT(check.err, testing::HasSubstr("workerz"));
  EXPECT_EQ(cluster_.pids("depot-worker"), before);

  write_file(cluster_.config_path(), good);
  cluster_.rewrite_config({{"workers.count", "3"}});
  EXPECT_TRUE(wait_until(
      10s, [&] { return workers() == 3; }, "a good config is followed again"));
}

}  // namespace
}  // namespace depot::test
