#include <gtest/gtest.h>

#include "tests/unit/load_balancer/harness.hpp"

namespace depot::load_balancer {
namespace {

using BalancerSessionsTest = BalancerFixture;

TEST_F(BalancerSessionsTest, WelcomesEachPeerWithASessionAndAGatewayWithAWindow) {
  h.gateway("g");
  h.hello(Side::backend, "w");
  EXPECT_NE(h.session("g"), 0u);
  EXPECT_NE(h.session("w"), 0u);
  EXPECT_NE(h.session("g"), h.session("w"));
  EXPECT_EQ(h.credit_of_gateway("g"), 20'000u);
}

TEST_F(BalancerSessionsTest, ARepeatedHelloIsWelcomedToTheSameSession) {
  h.gateway("g");
  const std::uint32_t session = h.session("g");
  h.gateway("g");
  EXPECT_EQ(h.session("g"), session);
  EXPECT_EQ(h.balancer.peers().size(), 1u);
}

TEST_F(BalancerSessionsTest, APeerThatHasForgottenItsSessionGetsANewOne) {
  h.gateway("g");
  const std::uint32_t session = h.session("g");
  h.request("g", {record(1)});
  h.gateway("g");
  EXPECT_NE(h.session("g"), session);
  EXPECT_EQ(h.balancer.peers().size(), 1u);
  h.worker("w", 10);
  h.request("g", {record(2)});  // The first of the new session.
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);
}

TEST_F(BalancerSessionsTest, RequestsThatComeTwiceOrWereOvertakenAreNotAnswered) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(1)});
  h.request("g", {record(2)});
  h.request_again("g", 0, {record(2)});
  h.request_again("g", 1, {record(1)});
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 2u);
  EXPECT_EQ(h.balancer.counts().requests.value(), 2u);
}

TEST_F(BalancerSessionsTest, WhatIsLostOnTheWayTakesNoCredit) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(1)});
  h.lose_requests("g", 19'000);
  h.pass(200ms, {"g", "w"});
  EXPECT_EQ(h.credit_of_gateway("g"), 1u + 19'000u + 19'999u);
  // And a worker hears in each frame how many it was sent.
  EXPECT_EQ(h.take("w", FrameType::request).at(0).header.credit_limit, 1u);
  EXPECT_EQ(h.take("w", FrameType::ping).at(0).header.credit_limit, 1u);
}

TEST_F(BalancerSessionsTest, ReportsRequestsOfSilentWorkerLost) {
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
  EXPECT_EQ(h.balancer.counts().workers_lost.value(), 1u);
}

TEST_F(BalancerSessionsTest, ReportsRequestsOfAnUnreachableWorkerLostAtOnce) {
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

TEST_F(BalancerSessionsTest, AStopOfTheBalancerItselfKillsNobody) {
  h.gateway("g");
  h.worker("w", 10);
  h.request("g", {record(7)});
  h.turn();
  h.now += 3s;  // SIGSTOP, SIGCONT: nobody was heard, because nobody listened.
  h.turn();
  EXPECT_EQ(h.balancer.counts().workers_lost.value(), 0u);
  h.reply("w", {{.tag = h.requests("w").at(0).tag, .body = "done"}});
  h.turn();
  EXPECT_EQ(h.replies("g").at(0).body, "done");
}

TEST_F(BalancerSessionsTest, AWorkerIsToldTheNewestOfItsStampsThatWereHeard) {
  h.gateway("g");
  h.worker("w", 10);
  const std::uint64_t granted = messaging::stamp_of(h.now);
  h.now += 90ms;
  h.request("g", {record(7)});
  h.turn();
  EXPECT_EQ(h.take("w", FrameType::request).at(0).header.aux, granted);
  h.pass(100ms, {"w"});
  EXPECT_EQ(h.take("w", FrameType::ping).at(0).header.aux, messaging::stamp_of(h.now));
}

TEST_F(BalancerSessionsTest, WhatWaitedThroughAStopOfTheBalancerIsNotHandedOn) {
  h.gateway("g");
  h.worker("w", 0);
  h.request("g", {record(1)});
  h.turn();
  h.now += 3s;  // SIGSTOP, SIGCONT: the gateway has asked another balancer long ago.
  h.request("g", {record(2)});  // Unread since, and no younger than the stop.
  h.grant("w", 10);
  h.turn();
  EXPECT_TRUE(h.requests("w").empty());
  EXPECT_EQ(h.replies("g"),
            (std::vector<SentReply>{{1, Status::unknown, 0, ""}, {2, Status::unknown, 0, ""}}));
  h.request("g", {record(3)});
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);
}

TEST_F(BalancerSessionsTest, ALateReplyOfADeadSessionIsAnsweredByResetAndChangesNothing) {
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

TEST_F(BalancerSessionsTest, ANewHelloOfTheSameInstanceReplacesTheSessionAndItsWorkIsLost) {
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

TEST_F(BalancerSessionsTest, FramesOfNobodyAreAnsweredByReset) {
  h.hello(Side::frontend, "g");
  h.send("g", {.type = FrameType::ping, .session = 4711});
  const auto resets = h.take("g", FrameType::reset);
  ASSERT_EQ(resets.size(), 1u);
  EXPECT_EQ(resets[0].header.session, 4711u);
}

TEST_F(BalancerSessionsTest, ADrainingWorkerIsToldTheLastAndGetsNoMore) {
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
  EXPECT_EQ(h.balancer.counts().workers_lost.value(), 0u);
}

TEST_F(BalancerSessionsTest, WorkThatAWorkerTakesAlongWhenItSaysByeIsLost) {
  h.gateway("g");
  h.worker("w", 100);
  h.request("g", {record(1)});
  h.turn();
  h.send("w", {.type = FrameType::bye});
  h.turn();
  EXPECT_EQ(h.replies("g").at(0).status, Status::worker_lost);
}

TEST_F(BalancerSessionsTest, TellsGatewaysAtOnceWhetherAnyWorkerCouldDoAnything) {
  Harness alone;
  const auto told_down = [&](const std::string& gateway, FrameType type) {
    const auto frames = alone.take(gateway, type);
    EXPECT_EQ(frames.size(), 1u);
    return !frames.empty() && (frames.front().header.flags & messaging::kFlagBackendDown) != 0;
  };
  alone.gateway("g");
  EXPECT_TRUE(told_down("g", FrameType::welcome));
  alone.worker("w", 4);
  alone.turn();
  EXPECT_FALSE(told_down("g", FrameType::credit));
  alone.gateway("late");
  EXPECT_FALSE(told_down("late", FrameType::welcome));
  alone.grant("w", 0, true);  // It has lost Redis.
  alone.turn();
  EXPECT_TRUE(told_down("g", FrameType::credit));
  alone.turn();
  EXPECT_TRUE(alone.take("g", FrameType::credit).empty()) << "nothing has changed";
}

TEST_F(BalancerSessionsTest, DrainingItAsksGatewaysToGoFinishesAndSaysBye) {
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

TEST_F(BalancerSessionsTest, ADrainingBalancerWelcomesNobodyNew) {
  h.balancer.drain(h.now);
  h.hello(Side::frontend, "g");
  EXPECT_EQ(h.session("g"), 0u);
  EXPECT_TRUE(h.balancer.drained());
}

TEST_F(BalancerSessionsTest, RequestsOfAGatewayThatIsGoneAreNotExecuted) {
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

TEST_F(BalancerSessionsTest, PingsWhomItHasToldNothingFor100Ms) {
  h.gateway("g");
  h.worker("w", 10);
  h.turn();  // Tells the gateway that there is a worker.
  h.pass(50ms, {"g", "w"});
  EXPECT_TRUE(h.take("w", FrameType::ping).empty());
  h.pass(50ms, {"g", "w"});
  EXPECT_EQ(h.take("w", FrameType::ping).size(), 1u);
  EXPECT_EQ(h.take("g", FrameType::ping).size(), 1u);
}

TEST_F(BalancerSessionsTest, MalformedFramesAreCountedAndNotedOnceAMinute) {
  h.gateway("g");
  h.worker("w", 10);
  h.balancer.take_notes();
  for (int i = 0; i < 100; ++i) h.balancer.on_frame(Side::frontend, "g", "nonsense", h.now);
  h.send("g", {.type = FrameType::reply});                // not for a gateway to say
  h.send("w", {.type = FrameType::request});              // nor this for a worker
  h.send("g", {.type = FrameType::request, .count = 3});  // three records announced, none there
  EXPECT_EQ(h.balancer.counts().malformed.value(), 103u);
  EXPECT_EQ(h.balancer.take_notes().size(), 2u);  // One for each of them.
  h.pass(1min, {"g", "w"});
  h.balancer.on_frame(Side::frontend, "g", "nonsense", h.now);
  EXPECT_EQ(h.balancer.take_notes().size(), 1u);
  h.request("g", {record(1)});
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 1u);  // And it works on.
}

TEST_F(BalancerSessionsTest, HellosOfTheWrongRoleOrWithoutANameAreRefused) {
  std::string frame;
  messaging::write_header({.type = FrameType::hello, .aux = 5}, frame);
  for (const std::string& body :
       {std::string(), std::string("\1"), std::string("\2g"), "\1" + std::string(201, 'x')}) {
    h.balancer.on_frame(Side::frontend, "g", frame + body, h.now);
  }
  EXPECT_EQ(h.balancer.counts().malformed.value(), 4u);
  EXPECT_TRUE(h.balancer.out().empty());
}

TEST_F(BalancerSessionsTest, PeersAreBounded) {
  Harness small({.peers_max = 3});
  for (int i = 0; i < 5; ++i) small.gateway("g" + std::to_string(i));
  EXPECT_EQ(small.session("g4"), 0u);
  small.worker("w", 1);
  EXPECT_NE(small.session("w"), 0u);  // Workers are counted apart.
}

}  // namespace
}  // namespace depot::load_balancer
