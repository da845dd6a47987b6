// The private server: its start wrapper, settings, and that no two serve the same data.

#include <signal.h>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "store/library.hpp"
#include "tests/unit/store/launch_fixture.hpp"

namespace depot::store::test {
namespace {

TEST_F(LaunchTest, ItsSettingsLoseNothing) {
  auto redis = BlockingRedis::connect(shop_.config().redis_login(RedisRole::operate));
  ASSERT_TRUE(redis.has_value());
  EXPECT_TRUE(check_settings(*redis, false).has_value());
  EXPECT_EQ(fs::status(shop_.config().redis_socket()).permissions() & fs::perms::mask,
            fs::perms::owner_all);
}

TEST_F(LaunchTest, AForeignServersUnsafeSettingsAreNamed) {
  depot::test::TempDir elsewhere;
  const std::string socket = elsewhere / "r.sock";
  Process foreign = Process::start(
      {.arguments = {"redis-server", "--port", "0", "--unixsocket", socket, "--dir", elsewhere / "",
                     "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
                     "--no-appendfsync-on-rewrite", "yes", "--maxmemory-policy", "noeviction"},
       .environment = {},
       .output_path = elsewhere / "log"});
  auto redis = BlockingRedis::connect({.url = "unix://" + socket});
  const TimePoint deadline = steady_now() + std::chrono::seconds(20);
  while (!redis && foreign.running() && steady_now() < deadline) {
    redis = BlockingRedis::connect({.url = "unix://" + socket});
  }
  ASSERT_TRUE(redis);
  const auto unsafe = check_settings(*redis, false);
  ASSERT_FALSE(unsafe.has_value());
  EXPECT_EQ(unsafe.error().code, ErrorCode::bad_input);
  for (const char* fault : {"appendfsync must be always", "no-appendfsync-on-rewrite must be no",
                            "aof-load-truncated must be no", "maxmemory must be set"}) {
    EXPECT_NE(unsafe.error().message.find(fault), std::string::npos) << fault;
  }
  EXPECT_TRUE(check_settings(*redis, true).has_value());
  ASSERT_TRUE(redis->command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"}));
  EXPECT_FALSE(check_settings(*redis, true).has_value());  // Evicted orders: never.
  ASSERT_TRUE(redis->command({"CONFIG", "SET", "maxmemory-policy", "noeviction"}));
  ASSERT_TRUE(redis->command({"ACL", "SETUSER", "default", "-@dangerous", "+config", "+acl"}));
  const auto forgetful = check_settings(*redis, true);
  ASSERT_FALSE(forgetful.has_value());
  EXPECT_NE(forgetful.error().message.find("the default user"), std::string::npos);
}

TEST_F(LaunchTest, TheLibraryIsLoadedOnceAndReplacedWhenItDiffers) {
  auto redis = BlockingRedis::connect(shop_.config().redis_login(RedisRole::operate));
  const auto dirty = [this] {
    const std::string info = shop_.redis({"INFO", "persistence"}).text;
    return std::stoll(info.substr(info.find("rdb_changes_since_last_save:") + 28));
  };
  const auto before = dirty();
  ASSERT_TRUE(load_library(*redis).has_value());
  EXPECT_EQ(dirty(), before);  // Nothing was written.
  shop_.redis({"FUNCTION", "LOAD", "REPLACE",
               "#!lua name=depot_v1\nredis.register_function('old', function() end)"});
  ASSERT_TRUE(load_library(*redis).has_value());
  EXPECT_EQ(shop_.call("get_cycle_v1", {})[0], 'X');
}

TEST_F(LaunchTest, AMissingOrOlderLibraryIsRestoredAndANewerOneStays) {
  auto redis = BlockingRedis::connect(shop_.config().redis_login(RedisRole::operate));
  EXPECT_EQ(restore_library(*redis).value(), "");
  const std::string newer = library_text() + "register('later_v2', function() return 'new' end)\n";
  shop_.redis({"FUNCTION", "LOAD", "REPLACE", newer});
  EXPECT_EQ(restore_library(*redis).value(), "");
  EXPECT_EQ(shop_.call("later_v2", {}), "new");
  std::string older = library_text();
  const std::string name = "place_orders_v1";
  older.replace(older.find("register('" + name), 10 + name.size(), "register('place_orders_v0");
  shop_.redis({"FUNCTION", "LOAD", "REPLACE", older});
  EXPECT_EQ(restore_library(*redis).value(), name);
  EXPECT_EQ(restore_library(*redis).value(), "");
  shop_.redis({"FUNCTION", "FLUSH"});
  EXPECT_NE(restore_library(*redis).value(), "");
  EXPECT_EQ(shop_.call("get_cycle_v1", {})[0], 'X');
}

TEST_F(LaunchTest, DataSurvivesARestart) {
  shop_.start_cycle();
  shop_.add_customer("anna");
  shop_.stop();
  shop_.start();
  EXPECT_EQ(text_of(shop_.cart(caller("anna"))), "cart 0:");
  EXPECT_EQ(torn_tails(), 0u);
}

TEST_F(LaunchTest, ZerosAtTheEndAreCutOff) {
  shop_.start_cycle();
  shop_.stop();
  const std::string whole = bytes();
  write(whole + std::string(4'096, '\0'));
  shop_.start();
  EXPECT_EQ(shop_.call("get_cycle_v1", {})[0], 'O');
  EXPECT_EQ(torn_tails(), 1u);
}

TEST_F(LaunchTest, DamageBeforeTheTailStopsWithAnAlarm) {
  shop_.start_cycle();
  const std::string value(3'000'000, 'v');
  shop_.redis({"SET", "large", value});
  shop_.stop();
  std::string damaged = bytes();
  damaged[3] = '?';  // More than 1 MiB is lost behind it.
  write(damaged);
  const std::string why = why_not();
  EXPECT_NE(why.find("damaged"), std::string::npos) << why;
  EXPECT_EQ(bytes(), damaged);  // And nothing was touched.
  EXPECT_EQ(torn_tails(), 0u);
}

TEST_F(LaunchTest, ADamagedBaseFileStopsWithAnAlarm) {
  shop_.start_cycle();
  shop_.stop();
  for (const auto& file : fs::directory_iterator(shop_.folder() + "/appendonlydir")) {
    if (file.path().string().ends_with(".base.rdb")) fs::resize_file(file.path(), 40);
  }
  EXPECT_NE(why_not().find("damaged"), std::string::npos);
}

TEST_F(LaunchTest, ASecondServerOnTheSameDataIsRefused) {
  Log log({.level = LogLevel::error, .json = false}, "test");
  Config other = shop_.config();
  depot::test::TempDir elsewhere;
  other.runtime_dir = elsewhere / "";
  other.runtime_dir.pop_back();
  try {
    RedisServer second(other, log);
    FAIL() << "it started";
  } catch (const StartupError& error) {
    EXPECT_NE(std::string(error.what()).find(std::to_string(shop_.server_pid())), std::string::npos)
        << error.what();  // Names the one that has it.
  }
  EXPECT_EQ(shop_.redis({"PING"}).text, "PONG");
}

TEST_F(LaunchTest, AStrangersServerOnOurSocketIsRefused) {
  shop_.stop();
  depot::test::TempDir elsewhere;
  Process stranger = Process::start(
      {.arguments = {"redis-server", "--port", "0", "--unixsocket", shop_.config().redis_socket(),
                     "--dir", elsewhere / "", "--save", ""},
       .environment = {},
       .output_path = elsewhere / "log"});
  const RedisLogin nobody{shop_.config().redis_url()};
  while (stranger.running() && !BlockingRedis::connect(nobody)) {
  }
  EXPECT_NE(why_not().find("somebody else's server"), std::string::npos);
}

TEST_F(LaunchTest, NobodyElseGetsInBeforeTheDataIsJudged) {
  shop_.start_cycle();
  kill(shop_.server_pid(), SIGKILL);  // As under workers that still run.
  shop_.stop();
  Log log({.level = LogLevel::error, .json = false}, "test");
  const RedisLogin open = shop_.config().redis_login(RedisRole::operate);
  const auto look = [&](const std::string& url) {
    EXPECT_FALSE(BlockingRedis::connect(open)) << "not open yet";
    auto redis = BlockingRedis::connect(shop_.config().redis_login(RedisRole::operate, url));
    ASSERT_TRUE(redis);
    EXPECT_EQ(redis->command({"FCALL", "get_cycle_v1", "0"})->text[0], 'O');
  };
  const auto refuse = [&](const std::string& url) {
    look(url);
    throw StartupError("wrong", kExitFailed);
  };
  EXPECT_THROW(RedisServer(shop_.config(), log, std::chrono::seconds(60), nullptr, refuse),
               StartupError);
  EXPECT_FALSE(BlockingRedis::connect(open));
  const RedisServer server(shop_.config(), log, std::chrono::seconds(60), nullptr, look);
  EXPECT_TRUE(BlockingRedis::connect(open));
}

TEST_F(LaunchTest, AServerThatCannotStartShowsItsLog) {
  shop_.stop();
  std::ofstream(shop_.folder() + "/appendonlydir/appendonly.aof.manifest")
      << "file missing.aof seq 1 type x\n";
  const std::string why = why_not();
  EXPECT_TRUE(why.find("manifest") != std::string::npos || why.find("damaged") != std::string::npos)
      << why;
}

TEST_F(LaunchTest, AKilledServerIsReplacedAtOnce) {
  shop_.start_cycle();
  const pid_t before = shop_.server_pid();
  kill(before, SIGKILL);
  shop_.stop();
  shop_.start();
  EXPECT_NE(shop_.server_pid(), before);
  EXPECT_EQ(shop_.call("get_cycle_v1", {})[0], 'O');
}

}  // namespace
}  // namespace depot::store::test
