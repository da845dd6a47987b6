// The loop over real sockets: Links on both sides, the balancer in a thread of its own.
#include "load_balancer/balancer_loop.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

#include "messaging/link.hpp"
#include "messaging/poller.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::load_balancer {
namespace {

using namespace std::chrono_literals;
using protocol::Status;

class Gateway final : public messaging::LinkEvents {
 public:
  Gateway(messaging::Context& context, const std::string& endpoint)
      : link(context, {.endpoint = endpoint, .role = messaging::Role::gateway, .name = "g"},
             *this) {}
  void on_reply(const messaging::ReplyRecord& reply) override {
    ++replies;
    last_status = static_cast<Status>(reply.status);
    last_body = reply.body;
  }
  void on_drain() override { draining = true; }
  messaging::Link link;
  int replies = 0;
  bool draining = false;
  Status last_status = Status::ok;
  std::string last_body;
};

class EchoWorker final : public messaging::LinkEvents {
 public:
  EchoWorker(messaging::Context& context, const std::string& endpoint, const std::string& name)
      : link(context, {.endpoint = endpoint, .role = messaging::Role::worker, .name = name},
             *this) {}
  void on_request(const messaging::RequestRecord& request) override {
    ++requests;
    if (!answers) return;
    link.send_reply({.tag = request.tag, .body = request.body});
    ++answered;
  }
  void grant() { link.set_credit(static_cast<std::uint32_t>(answered) + 128, false); }
  messaging::Link link;
  int requests = 0;
  std::uint64_t answered = 0;
  bool answers = true;
};

class BalancerLoopTest : public testing::Test {
 protected:
  BalancerLoopTest()
      : loop(context, "ipc://" + (dir / "f.sock"), "ipc://" + (dir / "b.sock"), {}, metrics, log),
        thread([this] { loop.run(stop, 5s); }),
        gateway(context, loop.frontend_endpoint()) {}
  ~BalancerLoopTest() override {
    stop.request();
    gateway.link.bye();
    for (auto& worker : workers) worker->link.bye();
    thread.join();
  }

  EchoWorker& add_worker(const std::string& name) {
    workers.push_back(std::make_unique<EchoWorker>(context, loop.backend_endpoint(), name));
    return *workers.back();
  }
  bool until(const std::function<bool()>& done, Duration deadline = 10s) {
    for (const TimePoint end = steady_now() + deadline; steady_now() < end;) {
      turn(gateway.link);
      for (auto& worker : workers) {
        worker->link.receive(steady_now());
        worker->grant();
        turn(worker->link);
      }
      if (done()) return true;
      messaging::Poller poller;
      poller.add(gateway.link.socket());
      for (auto& worker : workers) poller.add(worker->link.socket());
      poller.wait(5ms);
    }
    return false;
  }
  static void turn(messaging::Link& link) {
    link.receive(steady_now());
    link.tick(steady_now());
    link.flush(steady_now());
  }

  test::TempDir dir;
  StopSignal stop{SIGUSR1};
  Metrics metrics;
  Log log{{.level = LogLevel::error}, "test"};
  messaging::Context context;
  BalancerLoop loop;
  std::thread thread;
  Gateway gateway;
  std::vector<std::unique_ptr<EchoWorker>> workers;
};

TEST_F(BalancerLoopTest, CarriesRequestsToWorkersAndAnswersBack) {
  EchoWorker& one = add_worker("w1");
  EchoWorker& two = add_worker("w2");
  ASSERT_TRUE(until(
      [&] { return gateway.link.connected() && one.link.connected() && two.link.connected(); }));
  int sent = 0;
  ASSERT_TRUE(until([&] {
    while (sent < 10'000 && gateway.link.credit() > 0 && sent - gateway.replies < 500) {
      gateway.link.send_request({.tag = static_cast<std::uint32_t>(sent),
                                 .budget_us = 60'000'000,
                                 .tenant = static_cast<std::uint32_t>(sent % 7),
                                 .body = "echo"});
      ++sent;
    }
    return gateway.replies == 10'000;
  }));
  EXPECT_EQ(gateway.last_status, Status::ok);
  EXPECT_EQ(gateway.last_body, "echo");
  EXPECT_GT(one.requests, 1'000);
  EXPECT_GT(two.requests, 1'000);
  EXPECT_TRUE(until([&] {  // It is written now and then.
    const std::string status = loop.board().status();
    return status.find(R"("dispatched_total":10000)") != std::string::npos &&
           status.find(R"("name":"w1","outstanding":0)") != std::string::npos;
  })) << loop.board().status();
  EXPECT_NE(metrics.text().find("depot_balancer_requests_total 10000"), std::string::npos);
}

TEST_F(BalancerLoopTest, AWorkerThatDiesIsNoticedLongBeforeItsSilence) {
  EchoWorker& worker = add_worker("w");
  worker.answers = false;
  ASSERT_TRUE(until([&] { return gateway.link.connected() && worker.link.connected(); }));
  gateway.link.send_request({.tag = 1, .budget_us = 60'000'000});
  ASSERT_TRUE(until([&] { return worker.requests == 1; }));
  workers.clear();  // Its socket closes without a word, as after a SIGKILL.
  const TimePoint died = steady_now();
  ASSERT_TRUE(until([&] { return gateway.replies == 1; }));
  EXPECT_EQ(gateway.last_status, Status::worker_lost);
  EXPECT_LT(steady_now() - died, 800ms);
}

TEST_F(BalancerLoopTest, GarbageOnBothSocketsDoesNotDisturbTheOthers) {
  EchoWorker& worker = add_worker("w");
  for (const std::string& endpoint : {loop.frontend_endpoint(), loop.backend_endpoint()}) {
    messaging::Socket stranger(context, messaging::SocketKind::dealer);
    stranger.connect(endpoint);
    ASSERT_TRUE(until([&] { return stranger.send("garbage") == messaging::Sent::yes; }));
    stranger.publish("one", "two", "three");
    std::string frame;
    messaging::write_header({.type = messaging::FrameType::request, .count = 9}, frame);
    stranger.send(frame);
    stranger.send("");
  }
  ASSERT_TRUE(until([&] { return gateway.link.connected() && worker.link.connected(); }));
  gateway.link.send_request({.tag = 1, .budget_us = 60'000'000, .body = "still here"});
  ASSERT_TRUE(until([&] { return gateway.replies == 1; }));
  EXPECT_EQ(gateway.last_body, "still here");
}

TEST_F(BalancerLoopTest, StoppedItFinishesWhatItTookOnAndGoes) {
  EchoWorker& worker = add_worker("w");
  worker.answers = false;
  ASSERT_TRUE(until([&] { return gateway.link.connected() && worker.link.connected(); }));
  gateway.link.send_request({.tag = 1, .budget_us = 60'000'000});
  ASSERT_TRUE(until([&] { return worker.requests == 1; }));
  stop.request();
  ASSERT_TRUE(until([&] { return gateway.draining; }));
  EXPECT_FALSE(loop.board().not_ready().empty());
  EXPECT_FALSE(gateway.link.send_request({.tag = 2}));
  worker.link.bye();  // Its work is lost, which is an answer too.
  ASSERT_TRUE(until([&] { return gateway.replies == 1; }));
}

}  // namespace
}  // namespace depot::load_balancer
