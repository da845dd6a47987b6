// The gateway's way to the back end over real sockets and real balancers; the workers are ours, so
// that they can die, keep silent or refuse at will.
#include "customer_gateway/backend.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "load_balancer/balancer_loop.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using protocol::Status;

// A balancer in a thread of its own; destroyed, it ends as by SIGKILL for those who talk to it.
class Balancer {
 public:
  Balancer(messaging::Context& context, const Config& config, int index)
      : loop_(context, config.frontend_endpoint(index), config.backend_endpoint(index), {},
              metrics_, log_),
        thread_([this] { loop_.run(stop_, 0s); }) {}
  ~Balancer() {
    stop_.request();
    thread_.join();
  }

 private:
  Metrics metrics_;
  Log log_{{.level = LogLevel::error}, "balancer"};
  StopSignal stop_{SIGUSR1};
  load_balancer::BalancerLoop loop_;
  std::thread thread_;
};

class Worker final : public messaging::LinkEvents {
 public:
  struct Seen {
    RequestId id;
    int attempt;
    bool alone;
  };
  Worker(messaging::Context& context, const std::string& endpoint)
      : link(context, {.endpoint = endpoint, .role = messaging::Role::worker, .name = "w"}, *this) {
  }
  void on_request(const messaging::RequestRecord& request) override {
    seen.push_back(
        {request.request_id, request.attempt, (request.flags & messaging::kRecordAlone) != 0});
    if (!answer) return;
    link.send_reply(
        {.tag = request.tag, .status = static_cast<std::uint16_t>(*answer), .body = "O"});
  }
  void turn() {
    link.receive(steady_now());
    link.set_credit(static_cast<std::uint32_t>(seen.size()) + 64, backend_down);
    link.tick(steady_now());
    link.flush(steady_now());
  }
  messaging::Link link;
  std::optional<Status> answer = Status::ok;  // nullopt: keeps it
  bool backend_down = false;
  std::vector<Seen> seen;
};

class BackendTest : public testing::Test {
 protected:
  BackendTest() {
    config_.runtime_dir = dir_ / "run";
    config_.load_balancer.count = 2;
    make_runtime_dir(config_);
  }
  void start(int balancers = 1) {
    for (int i = 0; i < balancers; ++i) start_balancer(i);
    backend_.emplace(io_, context_, config_, "gateway-1/0", counters_, log_);
    for (int i = 0; i < balancers; ++i) add_worker(i);
    EXPECT_TRUE(until([&] { return counters_.links_up.value() == balancers; }));
    for (auto& worker : workers_) EXPECT_TRUE(until([&] { return worker->link.connected(); }));
  }
  void start_balancer(int index) {
    balancers_.resize(2);
    balancers_[static_cast<std::size_t>(index)] =
        std::make_unique<Balancer>(context_, config_, index);
  }
  Worker& add_worker(int balancer) {
    workers_.push_back(std::make_unique<Worker>(context_, config_.backend_endpoint(balancer)));
    return *workers_.back();
  }
  void call(Duration budget = 5s) {
    backend_->call({.kind = protocol::RequestKind::place_order, .body = "x", .request_id = id_},
                   budget, [this](const Outcome& outcome) {
                     ++outcomes_;
                     last_ = outcome.kind;
                   });
    backend_->flush();
  }
  bool until(const std::function<bool()>& done) {
    for (const TimePoint end = steady_now() + 20s; steady_now() < end && !done();) {
      io_.run_for(1ms);
      for (auto& worker : workers_) worker->turn();
    }
    return done();
  }
  bool ends_in(Outcome::Kind kind) {
    return until([&] { return outcomes_ > 0; }) && outcomes_ == 1 && last_ == kind;
  }
  // The worker dies once it has the request, and another takes its place.
  Worker& replace_when_it_has_one() {
    Worker* worker = workers_.back().get();
    worker->answer.reset();
    EXPECT_TRUE(until([&] { return !worker->seen.empty(); }));
    history_.push_back(worker->seen.front());
    workers_.pop_back();
    return add_worker(0);
  }

  test::TempDir dir_;
  Config config_;
  Metrics metrics_;
  Log log_{{.level = LogLevel::error}, "test"};
  BackendMetrics counters_{metrics_, {{"thread", "0"}}};
  messaging::Context context_;
  boost::asio::io_context io_{1};
  std::vector<std::unique_ptr<Balancer>> balancers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<LinkBackend> backend_;
  const RequestId id_ = make_request_id();
  std::vector<Worker::Seen> history_;
  int outcomes_ = 0;
  Outcome::Kind last_ = Outcome::Kind::internal;
};

TEST_F(BackendTest, CallsAreAnswered) {
  start();
  for (int i = 0; i < 500; ++i) call();
  EXPECT_TRUE(until([&] { return outcomes_ == 500; }));
  EXPECT_EQ(last_, Outcome::Kind::answered);
  EXPECT_EQ(workers_.front()->seen.size(), 500u);
}

TEST_F(BackendTest, RequestOfALostWorkerIsSentAgainUnderTheSameId) {
  start();
  call();
  Worker& second = replace_when_it_has_one();
  EXPECT_TRUE(ends_in(Outcome::Kind::answered));
  ASSERT_EQ(second.seen.size(), 1u);
  EXPECT_EQ(second.seen.front().id, history_.front().id);
  EXPECT_EQ(second.seen.front().attempt, 2);
}

TEST_F(BackendTest, RequestThatKillsThreeWorkersFailsAndTheLastHadItAlone) {
  start();
  call();
  for (int i = 0; i < 3; ++i) replace_when_it_has_one();
  EXPECT_TRUE(ends_in(Outcome::Kind::internal));
  EXPECT_FALSE(history_[1].alone);
  EXPECT_TRUE(history_[2].alone);
}

TEST_F(BackendTest, WithoutABalancerItIsRefusedAtOnce) {
  backend_.emplace(io_, context_, config_, "gateway-1/0", counters_, log_);
  call();
  EXPECT_EQ(outcomes_, 1);
  EXPECT_EQ(last_, Outcome::Kind::unavailable);
}

TEST_F(BackendTest, BeyondTheRequestsInFlightItIsRefusedAtOnce) {
  config_.gateway.in_flight_max = 2;
  start();
  workers_.front()->answer.reset();
  call();
  call();
  EXPECT_EQ(outcomes_, 0);
  call();
  EXPECT_EQ(outcomes_, 1);
  EXPECT_EQ(last_, Outcome::Kind::unavailable);
}

TEST_F(BackendTest, RefusalOfOneBalancerIsTriedAtTheOther) {
  start(2);
  workers_.erase(workers_.begin());  // The first balancer has none any more.
  int answered = 0;
  // Whichever of the two each is sent to first, it ends at the one with a worker.
  for (int i = 0; i < 20; ++i) {
    call();
    EXPECT_TRUE(until([&] { return outcomes_ == i + 1; }));
    answered += last_ == Outcome::Kind::answered;
  }
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(workers_.front()->seen.back().attempt, 1) << "the first has said that it has none";
}

TEST_F(BackendTest, WithoutRedisItIsRefusedWhenNothingHappenedYet) {
  start();
  workers_.front()->answer = Status::backend_down;
  call();
  EXPECT_TRUE(ends_in(Outcome::Kind::unavailable));
}

TEST_F(BackendTest, UnknownFateIsWaitedOutUntilRedisIsBack) {
  start();
  Worker& worker = *workers_.front();
  worker.answer = Status::unknown;  // Redis was lost with the call under way.
  call();
  EXPECT_TRUE(until([&] { return worker.seen.size() == 1; }));
  worker.answer = Status::backend_down;
  EXPECT_TRUE(until([&] { return worker.seen.size() >= 6; })) << "more than the counted attempts";
  EXPECT_EQ(outcomes_, 0) << "503 would promise that nothing happened";
  worker.answer = Status::ok;
  EXPECT_TRUE(ends_in(Outcome::Kind::answered));
}

TEST_F(BackendTest, SilenceEndsInATimeoutAndALateAnswerFindsNothing) {
  start();
  Worker& worker = *workers_.front();
  worker.answer.reset();
  call(200ms);
  EXPECT_TRUE(ends_in(Outcome::Kind::timeout));
  EXPECT_EQ(worker.seen.size(), 1u);
}

TEST_F(BackendTest, LostBalancerMakesTheFateUnknownAndTheNextOneAnswers) {
  start();
  workers_.front()->answer.reset();
  call(15s);
  EXPECT_TRUE(until([&] { return !workers_.front()->seen.empty(); }));
  workers_.clear();
  balancers_.front().reset();
  EXPECT_TRUE(until([&] { return counters_.links_up.value() == 0; }));
  EXPECT_EQ(outcomes_, 0);
  start_balancer(0);
  Worker& worker = add_worker(0);
  EXPECT_TRUE(ends_in(Outcome::Kind::answered));
  EXPECT_EQ(worker.seen.front().id, id_);
}

TEST_F(BackendTest, DeadlineWithUnknownFateIsATimeout) {
  start();
  Worker& worker = *workers_.front();
  worker.answer = Status::unknown;
  call(500ms);
  EXPECT_TRUE(until([&] { return worker.seen.size() == 1; }));
  worker.answer = Status::overload;
  EXPECT_TRUE(ends_in(Outcome::Kind::timeout));
}

}  // namespace
}  // namespace depot::customer_gateway
