// A Redis of the operator's own: redis.mode external. It is judged at the start and ever after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class ExternalRedisTest : public testing::Test {
 protected:
  ExternalRedisTest() {
    cluster_.rewrite_config({{"redis.mode", "external"},
                             {"redis.url", "unix://" + file("redis.sock")},
                             {"redis.users", file("users")}});
    const CommandResult users = cluster_.depot({"redis-users"});
    EXPECT_EQ(users.exit_code, 0) << users.err;
    users_ = users.out;
  }
  std::string file(const std::string& name) const { return cluster_.folder() + "/" + name; }
  void start_redis(const std::string& fsync, const std::string& eviction) {
    write_file(file("own.conf"), "port 0\nunixsocket " + file("redis.sock") + "\ndir " +
                                     cluster_.folder() + "\nappendonly yes\nappendfsync " + fsync +
                                     "\nmaxmemory 100mb\nmaxmemory-policy " + eviction +
                                     "\naof-load-truncated no\nsave \"\"\n" + users_);
    redis_ = Process::start({.arguments = {"redis-server", file("own.conf")},
                             .environment = {},
                             .output_path = file("own-redis.log")});
    ASSERT_TRUE(wait_until(
        20s,
        [&] {
          auto redis =
              store::BlockingRedis::connect(cluster_.config().redis_login(RedisRole::operate));
          return redis && redis->command({"PING"}).has_value();
        },
        "Redis answers", [&] { return read_file(file("own-redis.log")); }));
  }
  void end_redis() {
    redis_->signal(SIGTERM);
    ASSERT_TRUE(redis_->wait(20s));
  }
  std::string check() const { return cluster_.depot({"status", "--check"}).out; }
  testing::AssertionResult is_said(const std::string& what) const {
    return wait_until(
        20s, [&] { return check().find(what) != std::string::npos; }, "status says " + what,
        [&] { return check() + cluster_.logs(); });
  }
  testing::AssertionResult all_is_well() const {
    return wait_until(
        30s,
        [&] {
          return cluster_.depot({"status", "--check"}).exit_code == 0;
        },
        "all is well", [&] { return check() + cluster_.logs(); });
  }

  std::optional<Process> redis_;  // It ends behind the cluster.
  Cluster cluster_;
  std::string users_;
};

TEST_F(ExternalRedisTest, OneThatWouldLoseOrdersIsRefusedAtTheStartWithTheReason) {
  start_redis("everysec", "allkeys-lru");
  const CommandResult up =
      run_command({program("depot"), "up", "--config", cluster_.config_path()});
  EXPECT_EQ(up.exit_code, 69);
  EXPECT_THAT(up.err, AllOf(HasSubstr("appendfsync must be always"),
                            HasSubstr("maxmemory-policy must be noeviction")));
  end_redis();
}

TEST_F(ExternalRedisTest, OneThatComesBackUnsafeIsNotSoldOnUntilItIsMended) {
  start_redis("always", "noeviction");
  cluster_.start();
  cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 100}});
  Customer customer(cluster_.port());
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
  ASSERT_TRUE(all_is_well());
  end_redis();
  start_redis("always", "noeviction");
  ASSERT_TRUE(all_is_well()) << "a restart alone is no harm";

  end_redis();
  start_redis("everysec", "allkeys-lru");
  EXPECT_TRUE(is_said("appendfsync must be always"));
  EXPECT_TRUE(is_said("maxmemory-policy must be noeviction"));
  EXPECT_TRUE(wait_until(
      20s,
      [&] { return cluster_.pids("depot-worker").empty() && cluster_.pids("depot-hub").empty(); },
      "nobody writes to it", [&] { return cluster_.logs(); }));
  EXPECT_EQ(HttpClient(cluster_.port()).request("GET", "/readyz").status, 503);
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 503);
  EXPECT_EQ(available(cluster_.port(), "m1:a"), 99) << "the catalogue is shown as it was";

  end_redis();
  start_redis("always", "noeviction");
  ASSERT_TRUE(all_is_well());
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
  cluster_.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
