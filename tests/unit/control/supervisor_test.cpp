#include "control/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace depot::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using State = SupervisedProcess::State;
using Kind = Action::Kind;

constexpr TimePoint kStart{};

Action start(const char* name) { return {Kind::start, name}; }
Action ask(const char* name) { return {Kind::ask, name}; }
Action terminate(const char* name) { return {Kind::terminate, name}; }
Action kill(const char* name) { return {Kind::kill, name}; }

// A supervisor whose processes `names` have been started and are ready at kStart.
Supervisor ready(const std::vector<ProcessSpec>& specs) {
  Supervisor supervisor;
  supervisor.want(specs, kStart);
  supervisor.decide(kStart);
  for (const ProcessSpec& spec : specs) supervisor.on_answer(spec.name, "", kStart);
  return supervisor;
}

TEST(SupervisorTest, StartsWhatIsWantedInItsOrderOnce) {
  Supervisor supervisor;
  supervisor.want({{"balancer-1"}, {"worker-1"}}, kStart);
  EXPECT_THAT(supervisor.decide(kStart), ElementsAre(start("balancer-1"), start("worker-1")));
  EXPECT_THAT(supervisor.decide(kStart), IsEmpty());
  EXPECT_FALSE(supervisor.settled());
}

TEST(SupervisorTest, AsksUntilReadyAndThenOnceASecond) {
  Supervisor supervisor;
  supervisor.want({{"worker-1"}}, kStart);
  supervisor.decide(kStart);
  EXPECT_THAT(supervisor.decide(kStart + 20ms), ElementsAre(ask("worker-1")));
  supervisor.on_answer("worker-1", "no Redis", kStart + 20ms);
  EXPECT_EQ(supervisor.processes()[0].not_ready, "no Redis");
  EXPECT_THAT(supervisor.decide(kStart + 40ms), ElementsAre(ask("worker-1")));
  supervisor.on_answer("worker-1", "", kStart + 40ms);
  EXPECT_TRUE(supervisor.settled());
  EXPECT_THAT(supervisor.decide(kStart + 1039ms), IsEmpty());
  EXPECT_THAT(supervisor.decide(kStart + 1040ms), ElementsAre(ask("worker-1")));
}

TEST(SupervisorTest, StartsAtOnceWhatWasReadyAndDied) {
  Supervisor supervisor = ready({{"worker-1"}});
  for (int i = 1; i <= 3; ++i) {
    const TimePoint now = kStart + i * 1ms;
    supervisor.on_exit("worker-1", now);
    EXPECT_THAT(supervisor.decide(now), ElementsAre(start("worker-1")));
    supervisor.on_answer("worker-1", "", now);
    EXPECT_EQ(supervisor.processes()[0].restarts, i);
  }
}

TEST(SupervisorTest, BacksOffFromWhatDiesBeforeItIsReady) {
  Supervisor supervisor;
  supervisor.want({{"gateway-1"}}, kStart);
  TimePoint now = kStart;
  supervisor.decide(now);
  for (const auto pause : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms}) {
    supervisor.on_exit("gateway-1", now);
    EXPECT_THAT(supervisor.decide(now + pause - 1ms), IsEmpty());
    now += pause;
    EXPECT_THAT(supervisor.decide(now), ElementsAre(start("gateway-1")));
  }
  supervisor.on_answer("gateway-1", "", now);  // Being ready forgives it all.
  supervisor.on_exit("gateway-1", now);
  supervisor.decide(now);
  supervisor.on_exit("gateway-1", now);
  EXPECT_THAT(supervisor.decide(now + 100ms), ElementsAre(start("gateway-1")));
}

TEST(SupervisorTest, DrainsTheSurplusAndKillsWhatDoesNotEnd) {
  Supervisor supervisor =
      ready({{.name = "worker-1"}, {.name = "worker-2", .rank = 0, .stop_within = 10s}});
  supervisor.want({{"worker-1"}}, kStart);
  EXPECT_THAT(supervisor.decide(kStart), ElementsAre(terminate("worker-2")));
  EXPECT_FALSE(supervisor.settled());
  EXPECT_THAT(supervisor.decide(kStart + 999ms), IsEmpty());
  EXPECT_THAT(supervisor.decide(kStart + 10s), ElementsAre(ask("worker-1"), kill("worker-2")));
  EXPECT_THAT(supervisor.decide(kStart + 10s + 1ms), IsEmpty());
  supervisor.on_exit("worker-2", kStart + 11s);
  supervisor.decide(kStart + 11s);
  EXPECT_EQ(supervisor.processes().size(), 1u);
  EXPECT_TRUE(supervisor.settled());
}

TEST(SupervisorTest, WhatIsWantedAgainWhileItDrainsIsStartedWhenItHasEnded) {
  Supervisor supervisor = ready({{"worker-1"}, {"worker-2"}});
  supervisor.want({{"worker-1"}}, kStart);
  supervisor.decide(kStart);
  supervisor.want({{"worker-1"}, {"worker-2"}}, kStart);
  EXPECT_THAT(supervisor.decide(kStart + 1ms), IsEmpty());
  supervisor.on_exit("worker-2", kStart + 2ms);
  EXPECT_THAT(supervisor.decide(kStart + 2ms), ElementsAre(start("worker-2")));
  EXPECT_EQ(supervisor.processes()[1].restarts, 0);
}

TEST(SupervisorTest, StopsRankByRank) {
  Supervisor supervisor =
      ready({{"balancer-1", 4}, {"worker-1", 3}, {"worker-2", 3}, {"gateway-1", 0}});
  supervisor.stop();
  EXPECT_THAT(supervisor.decide(kStart), ElementsAre(terminate("gateway-1")));
  EXPECT_THAT(supervisor.decide(kStart + 1ms), IsEmpty());
  supervisor.on_exit("gateway-1", kStart + 2ms);
  EXPECT_THAT(supervisor.decide(kStart + 2ms),
              ElementsAre(terminate("worker-1"), terminate("worker-2")));
  supervisor.on_exit("worker-2", kStart + 3ms);
  EXPECT_THAT(supervisor.decide(kStart + 3ms), IsEmpty());
  supervisor.on_exit("worker-1", kStart + 4ms);
  EXPECT_THAT(supervisor.decide(kStart + 4ms), ElementsAre(terminate("balancer-1")));
  EXPECT_FALSE(supervisor.nothing_runs());
  supervisor.on_exit("balancer-1", kStart + 5ms);
  EXPECT_TRUE(supervisor.nothing_runs());
  EXPECT_THAT(supervisor.decide(kStart + 1h), IsEmpty());
}

TEST(SupervisorTest, NothingIsStartedWhileStopping) {
  Supervisor supervisor;
  supervisor.want({{"worker-1"}, {"worker-2"}}, kStart);
  supervisor.decide(kStart);
  supervisor.on_exit("worker-1", kStart);
  supervisor.stop();
  supervisor.want({{"worker-1"}, {"worker-3"}}, kStart);
  EXPECT_THAT(supervisor.decide(kStart + 1s), ElementsAre(terminate("worker-2")));
}

TEST(SupervisorTest, AnswersOfTheUnknownAndTheStoppingChangeNothing) {
  Supervisor supervisor = ready({{"worker-1"}});
  supervisor.on_answer("worker-9", "", kStart);
  supervisor.on_exit("worker-9", kStart);
  supervisor.want({}, kStart);
  supervisor.decide(kStart);
  supervisor.on_answer("worker-1", "", kStart);
  EXPECT_EQ(supervisor.processes()[0].state, State::stopping);
}

// Whatever happens and is wanted: never two of one name, and in the end what is wanted runs.
RC_GTEST_PROP(SupervisorTest, NeverTwoOfANameAndInTheEndWhatIsWantedRuns, ()) {
  Supervisor supervisor;
  std::map<std::string, bool> runs;
  TimePoint now = kStart;
  int wanted = 0;
  const auto want = [&](int count) {
    std::vector<ProcessSpec> specs;
    for (int i = 1; i <= count; ++i) specs.push_back({"worker-" + std::to_string(i)});
    wanted = count;
    supervisor.want(specs, now);
  };
  const auto carry_out = [&](bool answers) {
    for (const Action& action : supervisor.decide(now)) {
      if (action.kind == Kind::start) {
        RC_ASSERT(!runs[action.name]);
        runs[action.name] = true;
        continue;
      }
      RC_ASSERT(runs[action.name]);  // Nothing is asked or told of what does not run.
      if (action.kind == Kind::ask) {
        if (answers) supervisor.on_answer(action.name, "", now);
        continue;
      }
      if (!answers && action.kind == Kind::terminate) continue;  // It hangs, and will be killed.
      runs[action.name] = false;
      supervisor.on_exit(action.name, now);
    }
  };
  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    now += *rc::gen::inRange(0, 3'000) * 1ms;
    const int what = *rc::gen::inRange(0, 4);
    if (what == 0) want(*rc::gen::inRange(0, 5));
    if (what == 1) {
      const std::string name = "worker-" + std::to_string(*rc::gen::inRange(1, 5));
      if (std::exchange(runs[name], false)) supervisor.on_exit(name, now);
    }
    carry_out(what != 2);
  }
  for (int i = 0; i < 4'000; ++i, now += 10ms) carry_out(true);
  RC_ASSERT(supervisor.settled());
  RC_ASSERT(std::ranges::count_if(runs, [](auto& run) { return run.second; }) == wanted);
}

}  // namespace
}  // namespace depot::control
