#include "load_balancer/balancer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/unit/load_balancer/harness.hpp"

namespace depot::load_balancer {
namespace {

using namespace std::chrono_literals;
using messaging::FrameType;
using protocol::Status;

class BalancerTest : public testing::Test {
 protected:
  Harness h;

  static messaging::RequestRecord record(std::uint32_t tag, std::uint32_t tenant = 1,
                                         Duration budget = 5s) {
    return Harness::record(tag, tenant, budget);
  }
  std::vector<messaging::RequestRecord> records(std::uint32_t count, std::uint32_t first = 0) {
    std::vector<messaging::RequestRecord> all;
    for (std::uint32_t i = 0; i < count; ++i) all.push_back(record(first + i));
    return all;
  }
  // Requests in as many frames as they need.
  void flood(Harness& harness, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; i += 64) {
      harness.request("g", records(std::min(count - i, 64u), i));
    }
  }
  std::string warnings(Harness& harness) {
    std::string all;
    for (const Note& note : harness.balancer.take_notes()) {
      if (note.warning) all += note.peer + " " + note.text + "\n";
    }
    return all;
  }
};

TEST_F(BalancerTest, WelcomesEachPeerWithASessionAndAGatewayWithAWindow) {
  h.gateway("g");
  h.hello(Side::backend, "w");
  EXPECT_NE(h.session("g"), 0u);
  EXPECT_NE(h.session("w"), 0u);
  EXPECT_NE(h.session("g"), h.session("w"));
  EXPECT_EQ(h.credit_of_gateway("g"), 20'000u);
}

TEST_F(BalancerTest, ARepeatedHelloIsWelcomedToTheSameSession) {
  h.gateway("g");
  const std::uint32_t session = h.session("g");
  h.gateway("g");
  EXPECT_EQ(h.session("g"), session);
  EXPECT_EQ(h.balancer.peers().size(), 1u);
}

TEST_F(BalancerTest, RoutesARequestToAWorkerAndItsReplyBack) {
  h.gateway("g");
  h.worker("w", 10);
  messaging::RequestRecord given = record(77);
  given.kind = 9;
  given.attempt = 2;
  given.request_id = {1, 2, 3};
  given.body = "body";
  h.request("g", {given});
  h.turn();
  const auto requests = h.requests("w");
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].kind, 9);
  EXPECT_EQ(requests[0].attempt, 2);
  EXPECT_EQ(requests[0].request_id, given.request_id);
  EXPECT_EQ(requests[0].body, "body");

  h.reply("w", {{.tag = requests[0].tag, .status = 1, .retry_after_ms = 9, .body = "no"}});
  h.turn();
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{77, Status::refused, 9, "no"}}));
  EXPECT_EQ(h.balancer.in_flight(), 0u);
}

TEST_F(BalancerTest, NeverSendsAWorkerMoreThanItGranted) {
  h.gateway("g");
  h.worker("w", 3);
  h.request("g", records(10));
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 3u);
  h.grant("w", 3);  // The same grant again adds nothing.
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 0u);
  h.grant("w", 5);
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 2u);
  h.grant("w", 4);  // Taken back below what was sent: no credit, not four billion.
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 0u);
}

TEST_F(BalancerTest, CreditGoesOnBeyond2To32) {
  h.gateway("g");
  h.worker("w", 0xFFFFFFFF);  // "one less than none", seen from 0
  h.request("g", records(2));
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 0u);
}

TEST_F(BalancerTest, AGatewaysWindowMovesOnWithItsAnswers) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(1)});
  h.turn();
  h.reply("w", {{.tag = h.requests("w")[0].tag}});
  h.turn();
  EXPECT_EQ(h.credit_of_gateway("g"), 20'001u);
}

TEST_F(BalancerTest, AGatewayBeyondItsWindowIsRefused) {
  Harness small({.queued_max = 100, .queued_per_tenant_max = 100});
  small.gateway("g");
  small.worker("w", 50);
  flood(small, 64);
  small.turn();  // 50 are with the worker, 14 wait
  flood(small, 64);
  small.turn();
  EXPECT_EQ(small.replies("g").size(), 28u);  // 128 outstanding, the window is 100
}

TEST_F(BalancerTest, LightLoadSpreadsAndHeavyLoadFillsFrames) {
  h.gateway("g");
  h.worker("w1", 1'000);
  h.worker("w2", 1'000);
  h.request("g", records(2));
  h.turn();
  EXPECT_EQ(h.requests("w1").size(), 1u);
  EXPECT_EQ(h.requests("w2").size(), 1u);

  flood(h, 512);
  h.turn();
  std::size_t most = 0;
  for (const char* worker : {"w1", "w2"}) {
    for (const auto& frame : h.take(worker, FrameType::request)) {
      most = std::max(most, frame.requests.size());
      EXPECT_LE(frame.requests.size(), 64u);
      EXPECT_LE(frame.bytes, messaging::kFrameBytesMax);
    }
  }
  EXPECT_EQ(most, 64u);
}

TEST_F(BalancerTest, EqualWorkersTakeTurns) {
  h.gateway("g");
  for (const char* worker : {"w1", "w2", "w3"}) h.worker(worker, 1'000);
  std::map<std::string, int> got;
  for (std::uint32_t i = 0; i < 300; ++i) {
    h.request("g", {record(i)});
    h.turn();
    for (const char* worker : {"w1", "w2", "w3"}) {
      for (const auto& request : h.requests(worker)) {
        ++got[worker];
        h.reply(worker, {{.tag = request.tag}});
      }
    }
  }
  for (const auto& [worker, count] : got) EXPECT_NEAR(count, 100, 5) << worker;
}

TEST_F(BalancerTest, TheWorkerWithLessOutstandingWorkIsPreferred) {
  h.gateway("g");
  h.worker("busy", 1'000);
  h.request("g", records(30));
  h.turn();
  ASSERT_EQ(h.requests("busy").size(), 30u);
  h.worker("idle", 1'000);
  h.request("g", records(20, 100));
  h.turn();
  EXPECT_EQ(h.requests("idle").size(), 20u);
}

TEST_F(BalancerTest, ASlowWorkerGetsLess) {
  h.gateway("g");
  h.worker("slow", 100'000);
  h.worker("fast", 100'000);
  std::map<std::string, std::size_t> got;
  std::vector<std::pair<TimePoint, std::uint32_t>> pending;
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    h.request("g", {record(i)});
    h.turn();
    for (const auto& request : h.requests("fast")) {
      ++got["fast"];
      h.reply("fast", {{.tag = request.tag}});
    }
    for (const auto& request : h.requests("slow")) {
      ++got["slow"];
      pending.emplace_back(h.now + 20ms, request.tag);
    }
    h.now += 1ms;
    while (!pending.empty() && pending.front().first <= h.now) {
      h.reply("slow", {{.tag = pending.front().second}});
      pending.erase(pending.begin());
    }
  }
  EXPECT_LT(got["slow"] * 10, got["fast"]);
  EXPECT_GT(got["slow"], 0u);
}

TEST_F(BalancerTest, AWorkerThatWasSlowIsTriedAgain) {
  h.gateway("g");
  h.worker("w1", 100'000);
  h.worker("w2", 100'000);
  for (std::uint32_t i = 0; i < 50; ++i) {  // w1 takes 40 ms a record,
    h.request("g", records(2));
    h.turn();
    for (const auto& request : h.requests("w2")) h.reply("w2", {{.tag = request.tag}});
    h.pass(40ms, {"g", "w1", "w2"});
    for (const auto& request : h.requests("w1")) h.reply("w1", {{.tag = request.tag}});
  }
  h.pass(3s, {"g", "w1", "w2"});  // and after a pause is as good as any.
  h.request("g", records(2));
  h.turn();
  EXPECT_EQ(h.requests("w1").size(), 1u);
  EXPECT_EQ(h.requests("w2").size(), 1u);
}

TEST_F(BalancerTest, ReportsRequestsOfSilentWorkerLost) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  h.pass(950ms, {"g"});
  EXPECT_TRUE(h.replies("g").empty());
  h.pass(50ms, {"g"});
  // Told once, and never sent to another worker: the gateway retries.
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{7, Status::worker_lost, 0, ""}}));
  EXPECT_NE(warnings(h).find("w worker is silent"), std::string::npos);
  EXPECT_EQ(h.balancer.counts().workers_lost, 1u);
}

TEST_F(BalancerTest, ReportsRequestsOfAnUnreachableWorkerLostAtOnce) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", records(3));
  h.turn();
  h.balancer.on_unreachable(Side::backend, "w", h.now);
  h.turn();
  const auto replies = h.replies("g");
  ASSERT_EQ(replies.size(), 3u);
  for (const auto& reply : replies) EXPECT_EQ(reply.status, Status::worker_lost);
}

TEST_F(BalancerTest, AWorkerSilentForThreePingsGetsNoNewWork) {
  h.gateway("g");
  h.worker("hung", 1'000);
  h.worker("well", 1'000);
  h.pass(350ms, {"g", "well"});
  h.request("g", records(20));
  h.turn();
  EXPECT_EQ(h.requests("hung").size(), 0u);
  EXPECT_EQ(h.requests("well").size(), 20u);
}

TEST_F(BalancerTest, AStopOfTheBalancerItselfKillsNobody) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  h.now += 10s;  // SIGSTOP, SIGCONT: nobody was heard, because nobody listened.
  h.turn();
  EXPECT_EQ(h.session("w"), h.session("w"));
  EXPECT_EQ(h.balancer.counts().workers_lost, 0u);
  h.reply("w", {{.tag = h.requests("w")[0].tag}});
}

TEST_F(BalancerTest, ALateReplyOfADeadSessionIsAnsweredByResetAndChangesNothing) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  const auto request = h.requests("w").at(0);
  h.pass(1s, {"g"});
  h.replies("g");
  h.reply("w", {{.tag = request.tag}});
  h.turn();
  EXPECT_EQ(h.take("w", FrameType::reset).size(), 1u);
  EXPECT_TRUE(h.replies("g").empty());
}

TEST_F(BalancerTest, ADuplicateReplyIsCountedAndDropped) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  const auto tag = h.requests("w").at(0).tag;
  h.reply("w", {{.tag = tag}, {.tag = tag}, {.tag = 12345}});
  h.turn();
  EXPECT_EQ(h.replies("g").size(), 1u);
  EXPECT_EQ(h.balancer.counts().late, 2u);
}

TEST_F(BalancerTest, AWorkerCannotAnswerForAnother) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  const auto tag = h.requests("w").at(0).tag;
  h.worker("intruder", 0);
  h.reply("intruder", {{.tag = tag, .body = "forged"}});
  h.turn();
  EXPECT_TRUE(h.replies("g").empty());
  h.reply("w", {{.tag = tag, .body = "true"}});
  h.turn();
  EXPECT_EQ(h.replies("g").at(0).body, "true");
}

TEST_F(BalancerTest, ANewHelloOfTheSameInstanceReplacesTheSessionAndItsWorkIsLost) {
  h.gateway("g");
  h.hello(Side::backend, "old", 42);
  h.grant("old", 10);
  h.request("g", {record(7)});
  h.turn();
  h.hello(Side::backend, "new", 42);
  h.turn();
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{7, Status::worker_lost, 0, ""}}));
  EXPECT_NE(h.session("new"), h.session("old"));
  h.send("old", {.type = FrameType::ping});
  EXPECT_EQ(h.take("old", FrameType::reset).size(), 1u);
}

TEST_F(BalancerTest, FramesOfNobodyAreAnsweredByReset) {
  h.hello(Side::frontend, "g");
  h.send("g", {.type = FrameType::ping, .session = 4711});
  const auto resets = h.take("g", FrameType::reset);
  ASSERT_EQ(resets.size(), 1u);
  EXPECT_EQ(resets[0].header.session, 4711u);
}

TEST_F(BalancerTest, WithoutWorkersItRefusesAfterAGraceOf100Ms) {
  h.gateway("g");
  h.request("g", {record(1)});
  h.turn();
  EXPECT_TRUE(h.replies("g").empty());
  h.pass(100ms, {"g"});
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{1, Status::no_worker, 1'000, ""}}));
  h.request("g", {record(2)});
  h.turn();
  EXPECT_EQ(h.replies("g").at(0).status, Status::no_worker);  // At once.
}

TEST_F(BalancerTest, AWorkerThatComesWithinTheGraceGetsWhatWaited) {
  h.gateway("g");
  h.request("g", {record(1)});
  h.pass(50ms, {"g"});
  h.worker("w", 10);
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);
}

TEST_F(BalancerTest, WithoutABackEndItRefusesAtOnceAndServesAgainWhenItIsBack) {
  h.gateway("g");
  h.worker("w1", 10);
  h.worker("w2", 10);
  h.grant("w1", 10, true);
  h.request("g", {record(1)});
  h.turn();
  EXPECT_EQ(h.requests("w2").size(), 1u);  // One of them is well.
  h.grant("w2", 10, true);
  h.request("g", {record(2)});
  h.turn();
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{2, Status::backend_down, 1'000, ""}}));
  h.grant("w1", 10, false);
  h.request("g", {record(3)});
  h.turn();
  EXPECT_EQ(h.requests("w1").size(), 1u);
}

TEST_F(BalancerTest, WhatWaitsWhenTheBackEndGoesDownIsRefused) {
  h.gateway("g");
  h.worker("w", 0);
  h.request("g", records(5));
  h.turn();
  h.grant("w", 0, true);
  h.turn();
  const auto replies = h.replies("g");
  ASSERT_EQ(replies.size(), 5u);
  EXPECT_EQ(replies[0].status, Status::backend_down);
}

TEST_F(BalancerTest, TheQueueIsBoundedAndTheRestRefusedAtOnce) {
  Harness small({.queued_max = 100, .queued_per_tenant_max = 100});
  small.gateway("g1");
  small.gateway("g2");
  small.worker("w", 0);
  for (std::uint32_t i = 0; i < 60; ++i) small.request("g1", {record(i, i)});
  for (std::uint32_t i = 0; i < 60; ++i) small.request("g2", {record(i, 1'000 + i)});
  small.turn();
  EXPECT_EQ(small.balancer.queued(), 100u);
  const auto refused = small.replies("g2");
  ASSERT_EQ(refused.size(), 20u);
  EXPECT_EQ(refused[0].status, Status::overload);
  EXPECT_EQ(refused[0].retry_after_ms, 1'000);
}

TEST_F(BalancerTest, OneTenantCannotFillTheQueue) {
  Harness small({.queued_max = 100, .queued_per_tenant_max = 10});
  small.gateway("g");
  small.worker("w", 0);
  for (std::uint32_t i = 0; i < 50; ++i) small.request("g", {record(i, 1)});
  small.request("g", {record(99, 2)});
  small.turn();
  EXPECT_EQ(small.replies("g").size(), 40u);
  EXPECT_EQ(small.balancer.queued(), 11u);
}

TEST_F(BalancerTest, ABacklogThatWouldWaitTooLongIsRefusedBeforeTheHardCap) {
  h.gateway("g");
  h.worker("w", 0);
  std::uint32_t tag = 0;
  std::size_t longest = 0;
  for (std::uint32_t credit = 0; credit < 6'000; credit += 60) {  // 1,200 a second are served,
    for (int frame = 0; frame < 10; ++frame) {                    // 12,800 a second are asked for.
      std::vector<messaging::RequestRecord> batch;
      for (int i = 0; i < 64; ++i, ++tag) batch.push_back(record(tag, tag % 97));
      h.request("g", batch);
    }
    h.grant("w", credit);
    h.pass(50ms, {"g", "w"});
    for (const auto& request : h.requests("w")) h.reply("w", {{.tag = request.tag}});
    if (credit > 2'000) longest = std::max(longest, h.balancer.queued());
  }
  EXPECT_LT(longest, 6'000u);  // It filled up before the rate was known, and came down from there.
  EXPECT_LT(h.balancer.queued(), 2'000u);
  EXPECT_GT(h.balancer.queued(), 900u);
}

TEST_F(BalancerTest, TheTimeSpentHereIsTakenOffTheBudget) {
  h.gateway("g");
  h.worker("w", 0);
  h.request("g", {record(1, 1, 2s)});
  h.pass(500ms, {"g", "w"});
  h.grant("w", 1);
  h.turn();
  EXPECT_EQ(h.requests("w").at(0).budget_us, 1'500'000u);
}

TEST_F(BalancerTest, ASpentBudgetIsAnsweredExpiredAndNeverDispatched) {
  h.gateway("g");
  h.worker("w", 0);
  h.request("g", {record(1, 1, 300ms), record(2, 1, 5s)});
  h.pass(300ms, {"g", "w"});
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{1, Status::expired, 0, ""}}));
  h.grant("w", 10);
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);
}

TEST_F(BalancerTest, ARequestThatComesWithoutTimeIsExpired) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(1, 1, 0s)});
  h.turn();
  EXPECT_EQ(h.replies("g").at(0).status, Status::expired);
  EXPECT_TRUE(h.requests("w").empty());
}

TEST_F(BalancerTest, AWorkerThatNeverAnswersDoesNotKeepARequestForEver) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(1, 1, 1s)});
  h.turn();
  const auto tag = h.requests("w").at(0).tag;
  h.pass(1950ms, {"g", "w"});
  EXPECT_TRUE(h.replies("g").empty());
  h.pass(100ms, {"g", "w"});
  EXPECT_EQ(h.replies("g"), (std::vector<SentReply>{{1, Status::unknown, 0, ""}}));
  h.reply("w", {{.tag = tag}});
  EXPECT_EQ(h.balancer.counts().late, 1u);
}

TEST_F(BalancerTest, ARecordFlaggedAloneTravelsInAFrameOfOne) {
  h.gateway("g");
  h.worker("w", 100);
  std::vector<messaging::RequestRecord> batch = records(5);
  batch[2].flags = messaging::kRecordAlone;
  h.request("g", batch);
  h.turn();
  const auto frames = h.take("w", FrameType::request);
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].requests.size(), 2u);
  EXPECT_EQ(frames[1].requests.size(), 1u);
  EXPECT_EQ(frames[1].requests[0].flags, messaging::kRecordAlone);
  EXPECT_EQ(frames[2].requests.size(), 2u);
}

TEST_F(BalancerTest, ADrainingWorkerIsToldTheLastAndGetsNoMore) {
  h.gateway("g");
  h.worker("leaving", 100);
  h.request("g", records(3));
  h.turn();
  const auto requests = h.requests("leaving");
  h.send("leaving", {.type = FrameType::drain});
  const auto drained = h.take("leaving", FrameType::drained);
  ASSERT_EQ(drained.size(), 1u);
  EXPECT_EQ(drained[0].header.aux, 3u);
  h.worker("staying", 100);
  h.request("g", records(4, 10));
  h.turn();
  EXPECT_TRUE(h.requests("leaving").empty());
  EXPECT_EQ(h.requests("staying").size(), 4u);

  for (const auto& request : requests) h.reply("leaving", {{.tag = request.tag}});
  h.send("leaving", {.type = FrameType::bye});
  h.turn();
  EXPECT_EQ(h.replies("g").size(), 3u);  // All answered, none lost.
  EXPECT_EQ(h.balancer.counts().workers_lost, 0u);
}

TEST_F(BalancerTest, WorkThatAWorkerTakesAlongWhenItSaysByeIsLost) {
  h.gateway("g");
  h.worker("w", 100);
  h.request("g", {record(1)});
  h.turn();
  h.send("w", {.type = FrameType::bye});
  h.turn();
  EXPECT_EQ(h.replies("g").at(0).status, Status::worker_lost);
}

TEST_F(BalancerTest, DrainingItAsksGatewaysToGoFinishesAndSaysBye) {
  h.gateway("g");
  h.worker("w", 100);
  h.request("g", {record(1)});
  h.turn();
  const auto tag = h.requests("w").at(0).tag;
  h.balancer.drain(h.now);
  h.turn();
  EXPECT_EQ(h.take("g", FrameType::drain).size(), 1u);
  EXPECT_FALSE(h.balancer.drained());
  h.request("g", {record(2)});  // Under way when the gateway heard of it: served all the same.
  h.turn();
  const auto second = h.requests("w").at(0).tag;
  h.send("g", {.type = FrameType::drained});
  EXPECT_FALSE(h.balancer.drained());
  h.reply("w", {{.tag = tag}, {.tag = second}});
  h.turn();
  EXPECT_EQ(h.replies("g").size(), 2u);
  EXPECT_TRUE(h.balancer.drained());
  h.balancer.bye(h.now);
  h.turn();
  EXPECT_EQ(h.take("g", FrameType::bye).size(), 1u);
  EXPECT_EQ(h.take("w", FrameType::bye).size(), 1u);
}

TEST_F(BalancerTest, ADrainingBalancerWelcomesNobodyNew) {
  h.balancer.drain(h.now);
  h.hello(Side::frontend, "g");
  EXPECT_EQ(h.session("g"), 0u);
  EXPECT_TRUE(h.balancer.drained());
}

TEST_F(BalancerTest, RequestsOfAGatewayThatIsGoneAreNotExecuted) {
  h.gateway("g1");
  h.gateway("g2");
  h.worker("w", 0);
  h.request("g1", records(5));
  h.request("g2", {record(50)});
  h.send("g1", {.type = FrameType::bye});
  h.grant("w", 10);
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);
  EXPECT_EQ(h.balancer.queued(), 0u);
}

TEST_F(BalancerTest, PingsWhomItHasToldNothingFor100Ms) {
  h.gateway("g");
  h.worker("w", 10);
  h.pass(50ms, {"g", "w"});
  EXPECT_TRUE(h.take("w", FrameType::ping).empty());
  h.pass(50ms, {"g", "w"});
  EXPECT_EQ(h.take("w", FrameType::ping).size(), 1u);
  EXPECT_EQ(h.take("g", FrameType::ping).size(), 1u);
}

TEST_F(BalancerTest, MalformedFramesAreCountedAndNotedOnceAMinute) {
  h.gateway("g");
  h.worker("w", 10);
  h.balancer.take_notes();
  for (int i = 0; i < 100; ++i) h.balancer.on_frame(Side::frontend, "g", "nonsense", h.now);
  h.send("g", {.type = FrameType::reply});                // not for a gateway to say
  h.send("w", {.type = FrameType::request});              // nor this for a worker
  h.send("g", {.type = FrameType::request, .count = 3});  // three records announced, none there
  EXPECT_EQ(h.balancer.counts().malformed, 103u);
  EXPECT_EQ(h.balancer.take_notes().size(), 2u);  // One for each of them.
  h.pass(1min, {"g", "w"});
  h.balancer.on_frame(Side::frontend, "g", "nonsense", h.now);
  EXPECT_EQ(h.balancer.take_notes().size(), 1u);
  h.request("g", {record(1)});
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);  // And it works on.
}

TEST_F(BalancerTest, HellosOfTheWrongRoleOrWithoutANameAreRefused) {
  std::string frame;
  messaging::write_header({.type = FrameType::hello, .aux = 5}, frame);
  for (const std::string& body :
       {std::string(), std::string("\1"), std::string("\2g"), "\1" + std::string(201, 'x')}) {
    h.balancer.on_frame(Side::frontend, "g", frame + body, h.now);
  }
  EXPECT_EQ(h.balancer.counts().malformed, 4u);
  EXPECT_TRUE(h.balancer.out().empty());
}

TEST_F(BalancerTest, PeersAreBounded) {
  Harness small({.peers_max = 3});
  for (int i = 0; i < 5; ++i) small.gateway("g" + std::to_string(i));
  EXPECT_EQ(small.session("g4"), 0u);
  small.worker("w", 1);
  EXPECT_NE(small.session("w"), 0u);  // Workers are counted apart.
}

}  // namespace
}  // namespace depot::load_balancer
