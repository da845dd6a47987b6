// The loop with a real Redis and a real balancer: a gateway's link on one side, Redis on the other.
#include "distributor_worker/worker_loop.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "base/ids.hpp"
#include "load_balancer/balancer_loop.hpp"
#include "messaging/link.hpp"
#include "protocol/carts.hpp"
#include "protocol/orders.hpp"
#include "store/blocking.hpp"
#include "store/launch.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::distributor_worker {
namespace {

using namespace std::chrono_literals;
using protocol::RequestKind;
using protocol::Status;

struct Answer {
  Status status;
  std::string body;
};

class WorkerLoopTest : public testing::Test, public messaging::LinkEvents {
 protected:
  WorkerLoopTest() {
    crypto_start();
    config.runtime_dir = dir / "run";
    config.redis.dir = dir / "redis";
    config.accounts.password_cost = {.passes = 1, .memory_bytes = 64 * 1024};
    config.workers.drain_timeout = 5'000ms;
    make_runtime_dir(config);
    start_redis();
    balancer = std::make_unique<load_balancer::BalancerLoop>(context, config.frontend_endpoint(),
                                                             config.backend_endpoint(),
                                                             LoadBalancerConfig{}, metrics, log);
    balancer_thread = std::thread([this] { balancer->run(balancer_stop, 5s); });
    worker = std::make_unique<WorkerLoop>(context, config, "worker-1", metrics, log);
    worker_thread = std::thread([this] { worker->run(worker_stop); });
    link = std::make_unique<messaging::Link>(
        context,
        messaging::LinkOptions{.endpoint = config.frontend_endpoint(),
                               .role = messaging::Role::gateway,
                               .name = "gateway-1"},
        *this);
  }
  ~WorkerLoopTest() override {
    worker_stop.request();
    worker_thread.join();
    balancer_stop.request();
    link->bye();
    balancer_thread.join();
  }

  void start_redis() {
    redis = std::make_unique<store::RedisServer>(config, log);
    auto connection = store::BlockingRedis::connect(config.redis_login(RedisRole::operate));
    ASSERT_TRUE(connection);
    ASSERT_TRUE(connection->command(
        {"FCALL", "start_cycle_v1", "0", "2026-11", "1", "9000000000000", "10000"}));
  }
  void on_reply(const messaging::ReplyRecord& reply) override {
    answers[reply.tag] = {static_cast<Status>(reply.status), std::string(reply.body)};
  }

  bool until(const std::function<bool()>& done) {
    for (const TimePoint end = steady_now() + 20s; steady_now() < end;) {
      link->receive(steady_now());
      link->tick(steady_now());
      link->flush(steady_now());
      if (done()) return true;
      messaging::Poller poller;
      poller.add(link->socket());
      poller.wait(5ms);
    }
    return false;
  }
  std::uint32_t send(RequestKind kind, const std::string& body) {
    EXPECT_TRUE(link->send_request({.tag = ++next_tag,
                                    .budget_us = 10'000'000,
                                    .tenant = 1,
                                    .kind = static_cast<std::uint8_t>(kind),
                                    .request_id = make_request_id(),
                                    .body = body}));
    return next_tag;
  }
  Answer ask(RequestKind kind, const std::string& body) {
    if (!until([&] { return link->connected() && link->credit() > 0; })) return {};
    const std::uint32_t tag = send(kind, body);
    if (!until([&] { return answers.contains(tag); })) return {Status::poison, "no answer"};
    return answers[tag];
  }
  template <typename T>
  Answer ask(RequestKind kind, const T& request) {
    std::string body;
    protocol::encode(request, body);
    return ask(kind, body);
  }
  bool until_ready() {
    return until([&] { return link->connected() && worker->board().not_ready().empty(); });
  }

  protocol::Caller sign_up(const std::string& email, const std::string& password) {
    const Token token{make_customer_id(), make_token_secret()};
    const protocol::Caller caller{token.hash(), token.customer};
    const Answer answer =
        ask(RequestKind::create_account,
            protocol::CreateAccount{caller, email, password, "A", "B", "10.0.0.1", false});
    EXPECT_EQ(answer.status, Status::ok) << answer.body;
    return caller;
  }

  test::TempDir dir;
  Config config;
  StopSignal worker_stop{SIGUSR1};
  StopSignal balancer_stop{SIGUSR2};
  Metrics metrics;
  Log log{{.level = LogLevel::error}, "test"};
  std::unique_ptr<store::RedisServer> redis;
  messaging::Context context;
  std::unique_ptr<load_balancer::BalancerLoop> balancer;
  std::thread balancer_thread;
  std::unique_ptr<WorkerLoop> worker;
  std::thread worker_thread;
  std::unique_ptr<messaging::Link> link;
  std::map<std::uint32_t, Answer> answers;
  std::uint32_t next_tag = 0;
};

TEST_F(WorkerLoopTest, AnAccountIsMadeUsedAndDeleted) {
  ASSERT_TRUE(until_ready()) << worker->board().not_ready();
  const protocol::Caller caller = sign_up("a@b.c", "correct horse");
  EXPECT_EQ(ask(RequestKind::check_session, caller).status, Status::ok);

  protocol::LogIn log_in{Token{"", make_token_secret()}.hash(), "A@B.C", "correct horse",
                         "127.0.0.1"};
  Answer answer = ask(RequestKind::log_in, log_in);
  EXPECT_EQ(answer.status, Status::ok);
  EXPECT_EQ(protocol::decode_logged_in(answer.body), caller.customer);
  log_in.password = "wrong";
  answer = ask(RequestKind::log_in, log_in);
  EXPECT_EQ(answer.status, Status::refused);
  const std::string wrong_password = answer.body;
  log_in.email = "nobody@b.c";
  EXPECT_EQ(ask(RequestKind::log_in, log_in).body, wrong_password);  // The same words.

  protocol::ChangeAccount change;
  change.caller = caller;
  change.password = "battery staple";
  change.current_password = "guess";
  EXPECT_EQ(ask(RequestKind::change_account, change).status, Status::refused);
  change.current_password = "correct horse";
  EXPECT_EQ(ask(RequestKind::change_account, change).status, Status::ok);
  log_in.email = "a@b.c";
  log_in.password = "battery staple";
  EXPECT_EQ(ask(RequestKind::log_in, log_in).status, Status::ok);

  EXPECT_EQ(
      ask(RequestKind::delete_account, protocol::DeleteAccount{caller, "battery staple"}).status,
      Status::ok);
  EXPECT_EQ(ask(RequestKind::check_session, caller).status, Status::refused);
}

TEST_F(WorkerLoopTest, OrdersTravelInBatchesAndEachIsAnswered) {
  ASSERT_TRUE(until_ready());
  const protocol::Caller caller = sign_up("a@b.c", "correct horse");
  protocol::PlaceOrder order;
  order.caller = caller;
  order.lines = {{.offer = "m1:sku", .quantity = 1, .seen_price = std::nullopt}};
  order.fingerprint = protocol::fingerprint_of(order);
  std::vector<std::uint32_t> tags;
  for (int i = 0; i < 500; ++i) {
    order.order_id = order_id_for(caller.customer, "key" + std::to_string(i));
    std::string body;
    protocol::encode(order, body);
    tags.push_back(send(RequestKind::place_order, body));
  }
  ASSERT_TRUE(until([&] { return answers.contains(tags.back()) && answers.size() >= 501; }));
  for (const std::uint32_t tag : tags) EXPECT_EQ(answers[tag].status, Status::refused);
  ASSERT_TRUE(until([&] {
    return worker->board().status().find(R"("orders_total":500)") != std::string::npos;
  })) << worker->board().status();
  EXPECT_NE(metrics.text().find(R"(depot_worker_batches_total{orders_up_to="64"} )"),
            std::string::npos);
}

TEST_F(WorkerLoopTest, WithoutRedisItSaysSoAndServesAgainWhenItIsBack) {
  ASSERT_TRUE(until_ready());
  EXPECT_EQ(ask(RequestKind::ready, std::string()).status, Status::ok);
  redis.reset();
  ASSERT_TRUE(until([&] { return !worker->board().not_ready().empty(); }));
  EXPECT_NE(worker->board().not_ready().find("no Redis"), std::string::npos)
      << worker->board().not_ready();
  const TimePoint asked = steady_now();
  EXPECT_EQ(ask(RequestKind::ready, std::string()).status, Status::backend_down);
  EXPECT_LT(steady_now() - asked, 1s);
  start_redis();
  ASSERT_TRUE(until_ready()) << worker->board().not_ready();
  EXPECT_EQ(ask(RequestKind::ready, std::string()).status, Status::ok);
}

TEST_F(WorkerLoopTest, StoppedItAnswersWhatItTookOn) {
  ASSERT_TRUE(until_ready());
  std::vector<std::uint32_t> tags;
  for (int i = 0; i < 100; ++i) tags.push_back(send(RequestKind::get_cycle, ""));
  link->flush(steady_now());
  ASSERT_TRUE(until([&] { return !answers.empty(); }));
  worker_stop.request();
  ASSERT_TRUE(until([&] { return answers.size() == tags.size(); }));
  for (const std::uint32_t tag : tags) {
    // Those that the balancer still had were refused, none was lost.
    EXPECT_TRUE(answers[tag].status == Status::ok || answers[tag].status == Status::no_worker);
  }
}

}  // namespace
}  // namespace depot::distributor_worker
