#include "load_balancer/balancer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/load_balancer/harness.hpp"

namespace depot::load_balancer {
namespace {

using BalancerTest = BalancerFixture;

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

TEST_F(BalancerTest, LightLoadFillsABatchAndHeavyLoadFillsFramesOfAll) {
  h.gateway("g");
  h.worker("w1", 1'000);
  h.worker("w2", 1'000);
  h.request("g", records(2));
  h.turn();
  const std::size_t first = h.requests("w1").size(), second = h.requests("w2").size();
  EXPECT_EQ(first + second, 2u);
  EXPECT_EQ(std::max(first, second), 2u) << "one of them has both";

  flood(h, 512);
  h.turn();
  std::size_t most = 0;
  for (const char* worker : {"w1", "w2"}) {
    for (const auto& frame : h.take(worker, FrameType::request)) {
      most = std::max(most, frame.requests.size());
      EXPECT_LE(frame.requests.size(), messaging::kFrameRecordsMax);
      EXPECT_LE(frame.bytes, messaging::kFrameBytesMax);
    }
  }
  EXPECT_EQ(most, 256u);
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

TEST_F(BalancerTest, ABatchIsFilledAndThenTheWorkerWithLessOutstandingWorkIsPreferred) {
  h.gateway("g");
  h.worker("busy", 1'000);
  h.request("g", records(30));
  h.turn();
  ASSERT_EQ(h.requests("busy").size(), 30u);
  h.worker("idle", 1'000);
  h.request("g", records(44, 100));
  h.turn();
  EXPECT_EQ(h.requests("busy").size(), 34u) << "64 are a batch";
  EXPECT_EQ(h.requests("idle").size(), 10u);
  h.request("g", records(60, 200));
  h.turn();
  EXPECT_GE(h.requests("idle").size(), 54u) << "and then one begins a second batch";
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
  h.request("g", records(128));
  h.turn();
  EXPECT_EQ(h.requests("w1").size(), 64u);
  EXPECT_EQ(h.requests("w2").size(), 64u);
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

TEST_F(BalancerTest, ADuplicateReplyIsCountedAndDropped) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  const auto tag = h.requests("w").at(0).tag;
  h.reply("w", {{.tag = tag}, {.tag = tag}, {.tag = 12345}});
  h.turn();
  EXPECT_EQ(h.replies("g").size(), 1u);
  EXPECT_EQ(h.balancer.counts().late.value(), 2u);
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

TEST_F(BalancerTest, TheTimeSpentHereIsTakenOffTheBudget) {
  h.gateway("g");
  h.worker("w", 0);
  h.request("g", {record(1, 1, 2s)});
  h.pass(500ms, {"g", "w"});
  h.grant("w", 1);
  h.turn();
  EXPECT_EQ(h.requests("w").at(0).budget_us, 1'500'000u);
}

TEST_F(BalancerTest, TheTimeOnTheWayIsTakenOffTheBudget) {
  h.gateway("g");
  h.worker("w", 1);
  h.now += 200ms;  // The gateway has heard nothing since: the request may be as old as that.
  h.request("g", {record(1, 1, 2s)});
  h.turn();
  EXPECT_EQ(h.requests("w").at(0).budget_us, 1'800'000u);
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
  EXPECT_EQ(h.balancer.counts().late.value(), 1u);
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

}  // namespace
}  // namespace depot::load_balancer
