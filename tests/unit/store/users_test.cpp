// What each user of Redis may do, and what not, in a real one.
#include "store/users.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class UsersTest : public testing::Test {
 protected:
  UsersTest() {
    shop_.start_cycle();
    shop_.add_customer("anna");
  }
  BlockingRedis as(RedisRole role) {
    auto redis = BlockingRedis::connect(shop_.config().redis_login(role));
    if (!redis) throw std::runtime_error(redis.error().message);
    return std::move(*redis);
  }
  // "" where it may.
  std::string refusal(RedisRole role, const std::vector<std::string>& command) {
    BlockingRedis redis = as(role);
    const auto answer = redis.command(command);
    return answer ? "" : answer.error().message;
  }
  Shop shop_;
};

TEST_F(UsersTest, NobodyComesInWithoutItsSecret) {
  auto redis = BlockingRedis::connect({.url = shop_.config().redis_url()});
  ASSERT_TRUE(redis);
  EXPECT_THAT(redis->command({"PING"}).error().message, HasSubstr("NOAUTH"));
  depot::test::TempDir folder;
  const std::string wrong = folder / "worker";
  std::ofstream(wrong) << "guessed\n";
  chmod(wrong.c_str(), 0600);
  const RedisLogin login{shop_.config().redis_url(), "worker", wrong};
  EXPECT_THAT(BlockingRedis::connect(login).error().message, HasSubstr("WRONGPASS"));
  chmod(wrong.c_str(), 0644);
  EXPECT_THAT(BlockingRedis::connect(login).error().message, HasSubstr("chmod 600"));
}

TEST_F(UsersTest, EachRoleHasWhatItNeedsAndNoMore) {
  const std::string account = "account:{s0}:" + id("anna");
  const auto refused = [&](RedisRole role, const std::vector<std::string>& command) {
    EXPECT_THAT(refusal(role, command), HasSubstr("NOPERM")) << name_of(role) << " " << command[0];
  };
  for (const RedisRole role : {RedisRole::worker, RedisRole::hub, RedisRole::audit}) {
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"FLUSHALL"},
                                               {"CONFIG", "SET", "appendfsync", "no"},
                                               {"SHUTDOWN", "NOSAVE"},
                                               {"FUNCTION", "DELETE", "depot_v1"},
                                               {"EVAL", "return 1", "0"},
                                               {"ACL", "LIST"},
                                               {"KEYS", "*"},
                                               {"RENAME", "cycle:{s0}", "x"},
                                               {"SET", "cycle2", "x"}}) {
      refused(role, command);
    }
  }
  EXPECT_EQ(refusal(RedisRole::worker, {"GET", account}), "");
  refused(RedisRole::worker, {"SET", "cycle:{s0}", "x"});
  refused(RedisRole::worker, {"HSET", "enrolled:{s0}", "m", "x"});
  refused(RedisRole::worker, {"SET", "pack:{s0}:2026-11:m", "x"});
  refused(RedisRole::worker, {"HSET", "names:{s0}", "m:x", "x"});
  EXPECT_EQ(refusal(RedisRole::hub, {"GET", "cycle:{s0}"}), "");
  refused(RedisRole::hub, {"GET", account});
  refused(RedisRole::hub, {"GET", "session:{s0}:" + id("session anna")});
  refused(RedisRole::hub, {"HGET", "emails:{s0}", "x"});
  refused(RedisRole::hub, {"SET", "order:{s0}:x", "x"});
  EXPECT_EQ(refusal(RedisRole::audit, {"GET", account}), "");
  refused(RedisRole::audit, {"DEL", account});
  refused(RedisRole::audit, {"FCALL", "get_cycle_v1", "0"});
  refused(RedisRole::operate, {"CONFIG", "SET", "appendfsync", "no"});
  refused(RedisRole::operate, {"FLUSHALL"});
  refused(RedisRole::operate, {"SHUTDOWN", "NOSAVE"});
}

// A command that one kind of key needs is not had on the others.
TEST_F(UsersTest, WhatIsWrittenOnceOrAppendedIsNotRemovedOrOverwritten) {
  const std::string order = "order:{s0}:x", ledger = "ledger:{s0}:m", feed = "feed:{s0}";
  const std::string account = "account:{s0}:" + id("anna");
  const auto refused = [&](RedisRole role, const std::vector<std::string>& command) {
    EXPECT_THAT(refusal(role, command), HasSubstr("NOPERM"))
        << name_of(role) << " " << testing::PrintToString(command);
  };
  for (const RedisRole role : {RedisRole::worker, RedisRole::hub}) {
    for (const std::string& key :
         {order, ledger, feed, std::string("orders:{s0}:x"), std::string("stock:{s0}:2026-11"),
          std::string("heads:{s0}"), std::string("buyer:{s0}"), std::string("emails:{s0}"),
          std::string("manufacturers:{s0}"), std::string("enrolled:{s0}"),
          std::string("cycles:{s0}"), std::string("meta:{s0}"), std::string("pack:{s0}:2026-11:m"),
          std::string("packs:{s0}:x")}) {
      refused(role, {"DEL", key});
      refused(role, {"EXPIREAT", key, "1"});
      refused(role, {"PEXPIRE", key, "1"});
    }
    for (const std::string& key : {order, ledger, feed, std::string("stock:{s0}:2026-11")}) {
      refused(role, {"SET", key, "x"});
      refused(role, {"HDEL", key, "m:x"});
    }
    for (const std::string& key : {feed, std::string("x")}) refused(role, {"XDEL", key, "1-1"});
    refused(role, {"XTRIM", ledger, "MAXLEN", "0"});
    refused(role, {"XADD", "orders:{s0}:x", "1-1", "e", "x"});
    refused(role, {"APPEND", order, "x"});
    refused(role, {"MSET", account, "x", order, "x"});
    refused(role, {"INCR", "stock:{s0}"});
  }
  refused(RedisRole::worker, {"SET", "planned:{s0}", "x"});
  refused(RedisRole::worker, {"HSET", "accepted:{s0}", "m", "x"});
  refused(RedisRole::worker, {"HSET", "troubles:{s0}", "x", "x"});
  refused(RedisRole::hub, {"XDEL", ledger, "1-1"});
  refused(RedisRole::hub, {"XSETID", ledger, "1-1"});
  refused(RedisRole::hub, {"MSET", order, "x"});
  refused(RedisRole::hub, {"APPEND", "orders:{s0}:x", "x"});
  refused(RedisRole::hub, {"HGET", "bought:{s0}:2026-11", "x"});
  refused(RedisRole::hub, {"HSET", "resolved:{s0}:2026-11", "m", "x"});
  // SECURITY.md has what selling takes nevertheless, as selectors tell no arguments apart.
  EXPECT_THAT(refusal(RedisRole::worker, {"XDEL", ledger, "1-1"}), testing::IsEmpty());
  EXPECT_THAT(refusal(RedisRole::worker, {"MSET", order, "x"}), testing::IsEmpty());
  EXPECT_THAT(refusal(RedisRole::hub, {"SET", "orderstate:{s0}:x", "x"}), testing::IsEmpty());
}

// Redis 7.0.15 replays a function's writes as the default user, and drops what that may not do.
TEST_F(UsersTest, WhatFunctionsWroteSurvivesARestart) {
  shop_.stop();
  shop_.start();
  EXPECT_EQ(shop_.call("get_cycle_v1", {})[0], 'O');
}

TEST_F(UsersTest, SecretsAreMadeOnceAndStay) {
  depot::test::TempDir folder;
  const std::string users = folder / "users";
  make_secrets(users);
  const std::string lines = user_lines(users);
  make_secrets(users);
  EXPECT_EQ(user_lines(users), lines);
  EXPECT_THAT(lines, StartsWith("user default off ~* &* +@all\nuser worker on #"));
  struct stat file {};
  ASSERT_EQ(stat((users + "/hub").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_THROW(read_secret(users + "/nobody"), StartupError);
}

}  // namespace
}  // namespace depot::store::test
