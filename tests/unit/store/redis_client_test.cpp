// The pipelined client against a real Redis: order of answers, what is known after a lost
// connection, reconnecting.

#include "store/redis_client.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include "base/fatal.hpp"
#include "tests/support/wait.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {
namespace {

using namespace std::chrono_literals;
using depot::test::wait_until;

class RedisClientTest : public testing::Test {
 protected:
  // One turn of a loop.
  void turn() {
    client_->tick(steady_now());
    pollfd poll_for{.fd = client_->fd(),
                    .events = static_cast<short>(POLLIN | (client_->wants_write() ? POLLOUT : 0)),
                    .revents = 0};
    poll(&poll_for, 1, 5);
    if ((poll_for.revents & POLLOUT) != 0) client_->on_writable(steady_now());
    if ((poll_for.revents & (POLLIN | POLLHUP | POLLERR)) != 0) client_->on_readable(steady_now());
  }
  testing::AssertionResult turn_until(const std::function<bool()>& condition,
                                      const std::string& what) {
    return wait_until(
        20s,
        [&] {
          turn();
          return condition();
        },
        what);
  }
  testing::AssertionResult connect() {
    return turn_until([this] { return client_->connected(); }, "the client is connected");
  }
  void send(const std::vector<std::string_view>& command, RedisClient::Done done) {
    client_->command(command, std::move(done));
  }
  RedisClient::Done note() {
    return [this](const Result<Reply>& reply) {
      outcomes_.push_back(
          !reply ? (reply.error().code == ErrorCode::unknown ? "unknown" : "not executed")
          : reply->is_error() ? "error " + std::string(reply->text())
                              : std::string(reply->text()));
    };
  }

  Shop shop_;
  std::optional<RedisClient> client_{std::in_place, shop_.config().redis_login(RedisRole::operate)};
  std::vector<std::string> outcomes_;
};

TEST_F(RedisClientTest, ABlockingConnectionAsksManyThingsInOneTrip) {
  auto redis = BlockingRedis::connect(shop_.config().redis_login(RedisRole::operate));
  ASSERT_TRUE(redis);
  const auto answers = redis->commands({{"SET", "k", "v"}, {"HGET", "k", "x"}, {"GET", "k"}});
  ASSERT_TRUE(answers);
  ASSERT_EQ(answers->size(), 3u);
  EXPECT_EQ(answers->at(0).text, "OK");
  EXPECT_EQ(answers->at(1).kind, Value::Kind::error);
  EXPECT_EQ(answers->at(2).text, "v");
  EXPECT_TRUE(redis->commands({})->empty());
  EXPECT_EQ(redis->command({"GET", "k"})->text, "v");
  shop_.stop();
  EXPECT_FALSE(redis->commands({{"GET", "k"}, {"GET", "k"}}));
  EXPECT_FALSE(redis->command({"GET", "k"}));
}

TEST_F(RedisClientTest, AnswersComeInOrder) {
  ASSERT_TRUE(connect());
  std::vector<std::string> wanted;
  for (int i = 0; i < 1'000; ++i) {
    wanted.push_back("message " + std::to_string(i));
    send({"ECHO", wanted.back()}, note());
  }
  EXPECT_EQ(client_->in_flight(), 1'000u);
  client_->flush();
  ASSERT_TRUE(turn_until([&] { return outcomes_.size() == 1'000; }, "all are answered"));
  EXPECT_EQ(outcomes_, wanted);
  EXPECT_EQ(client_->in_flight(), 0u);
}

TEST_F(RedisClientTest, LargeArgumentsAndAnswersPass) {
  ASSERT_TRUE(connect());
  const std::string large(5'000'000, 'x');
  send({"ECHO", large}, note());
  send({"ECHO", "behind"}, note());
  ASSERT_TRUE(turn_until([&] { return outcomes_.size() == 2; }, "both are answered"));
  EXPECT_EQ(outcomes_[0], large);
  EXPECT_EQ(outcomes_[1], "behind");
}

TEST_F(RedisClientTest, AnswersAreTreesAndErrorsAreAnswers) {
  ASSERT_TRUE(connect());
  bool checked = false;
  send({"NONSENSE"}, note());
  send({"COMMAND", "GETKEYS", "MGET", "a", "b"}, [&](const Result<Reply>& reply) {
    ASSERT_TRUE(reply.has_value());
    ASSERT_TRUE(reply->is_array());
    ASSERT_EQ(reply->size(), 2u);
    EXPECT_EQ((*reply)[1].text(), "b");
    checked = true;
  });
  send({"GET", "nothing"}, [&](const Result<Reply>& reply) { EXPECT_FALSE(reply->is_string()); });
  send({"STRLEN", "nothing"}, [&](const Result<Reply>& reply) { EXPECT_TRUE(reply.has_value()); });
  ASSERT_TRUE(turn_until([&] { return client_->in_flight() == 0; }, "all are answered"));
  EXPECT_TRUE(checked);
  EXPECT_EQ(outcomes_[0].rfind("error ERR unknown command", 0), 0u) << outcomes_[0];
}

TEST_F(RedisClientTest, ACallbackMaySendTheNextCommand) {
  ASSERT_TRUE(connect());
  send({"ECHO", "first"}, [this](const Result<Reply>&) { send({"ECHO", "second"}, note()); });
  ASSERT_TRUE(turn_until([&] { return outcomes_.size() == 1; }, "the second is answered"));
  EXPECT_EQ(outcomes_[0], "second");
}

TEST_F(RedisClientTest, WithoutAConnectionNothingIsExecuted) {
  EXPECT_EQ(client_->last_error(), "") << "it was not tried yet";
  send({"ECHO", "x"}, note());
  EXPECT_EQ(outcomes_, std::vector<std::string>{"not executed"});
}

// Redis is stopped while it has the commands: what was written may have been executed, what was
// still with us was not.
TEST_F(RedisClientTest, ALostConnectionTellsUnknownFromNotExecuted) {
  ASSERT_TRUE(connect());
  const pid_t server = shop_.server_pid();
  kill(server, SIGSTOP);
  send({"ECHO", "written"}, note());
  client_->flush();
  const std::string large(8'000'000, 'x');  // More than the socket takes.
  send({"ECHO", large}, note());
  client_->flush();
  send({"ECHO", "queued"}, note());
  kill(server, SIGKILL);
  ASSERT_TRUE(turn_until([&] { return outcomes_.size() == 3; }, "all are answered"));
  EXPECT_EQ(outcomes_, (std::vector<std::string>{"unknown", "not executed", "not executed"}));
  EXPECT_FALSE(client_->connected());
  EXPECT_FALSE(client_->last_error().empty());
}

TEST_F(RedisClientTest, ItConnectsAgainByItself) {
  ASSERT_TRUE(connect());
  shop_.stop();
  ASSERT_TRUE(turn_until([&] { return !client_->connected(); }, "the loss is seen"));
  EXPECT_LT(client_->fd(), 0);
  shop_.start();
  ASSERT_TRUE(connect());
  send({"ECHO", "again"}, note());
  ASSERT_TRUE(turn_until([&] { return outcomes_.size() == 1; }, "it answers"));
  EXPECT_EQ(outcomes_[0], "again");
}

TEST(ClassifyErrorTest, TellsNotExecutedFromUnknown) {
  const std::pair<const char*, ErrorCode> errors[] = {
      {"LOADING Redis is loading the dataset in memory", ErrorCode::not_executed},
      {"BUSY Redis is busy running a script.", ErrorCode::not_executed},
      {"OOM command not allowed when used memory > 'maxmemory'.", ErrorCode::not_executed},
      {"MISCONF Errors writing to the AOF file", ErrorCode::not_executed},
      {"READONLY You can't write against a read only replica.", ErrorCode::not_executed},
      {"NOPERM this user has no permissions", ErrorCode::not_executed},
      {"ERR Function not found", ErrorCode::not_executed},
      {"ERR user_function:8: attempt to index local 'x' script: f, on @user_function:8.",
       ErrorCode::unknown},
      {"OOM command not allowed script: f, on @user_function:8.", ErrorCode::unknown},
      {"WRONGTYPE Operation against a key", ErrorCode::unknown},
  };
  for (const auto& [text, code] : errors) EXPECT_EQ(classify_error(text), code) << text;
}

TEST(RedisUrlTest, BadUrlsAreNamed) {
  for (const char* url :
       {"", "unix://", "http://x", "redis://", "redis://h:0", "redis://h:65536", "redis://h:x"}) {
    EXPECT_THROW(RedisClient{RedisLogin{url}}, StartupError) << url;
    EXPECT_FALSE(BlockingRedis::connect(RedisLogin{url}).has_value()) << url;
  }
}

}  // namespace
}  // namespace depot::store::test
