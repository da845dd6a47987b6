#include "messaging/link_state.hpp"

#include <gtest/gtest.h>

namespace depot::messaging {
namespace {

using namespace std::chrono_literals;
using Due = LinkState::Due;
using Heard = LinkState::Heard;

constexpr TimePoint kStart{1h};  // Tests own the clock; nothing here sleeps.

LinkState greeting() { return LinkState(100ms, 1s); }

Header from_balancer(FrameType type, std::uint32_t session = 7, std::uint32_t limit = 0) {
  return {.type = type, .session = session, .credit_limit = limit};
}

LinkState welcomed(std::uint32_t limit = 0) {
  LinkState state = greeting();
  EXPECT_EQ(state.due(kStart), Due::hello);
  state.said(FrameType::hello, true, kStart);
  EXPECT_EQ(state.hear(from_balancer(FrameType::welcome, 7, limit), kStart), Heard::welcomed);
  return state;
}

TEST(LinkStateTest, SaysHelloEvery200MsUntilWelcome) {
  LinkState state = greeting();
  EXPECT_EQ(state.due(kStart), Due::hello);
  state.said(FrameType::hello, true, kStart);
  EXPECT_EQ(state.due(kStart + 199ms), Due::nothing);
  EXPECT_EQ(state.due(kStart + 200ms), Due::hello);
}

TEST(LinkStateTest, RepeatsAHelloThatCouldNotBeSentAtTheNextTick) {
  LinkState state = greeting();
  EXPECT_EQ(state.due(kStart), Due::hello);
  state.said(FrameType::hello, false, kStart);
  EXPECT_EQ(state.due(kStart + 1ms), Due::hello);
}

TEST(LinkStateTest, WelcomeOpensTheSessionAndASecondOneMeansNothing) {
  LinkState state = welcomed();
  EXPECT_TRUE(state.open());
  EXPECT_EQ(state.session(), 7u);
  EXPECT_EQ(state.hear(from_balancer(FrameType::welcome), kStart), Heard::ignored);
}

TEST(LinkStateTest, WelcomeToAnotherSessionReplacesTheOldOne) {
  LinkState state = welcomed(10);
  state.count_sent();
  EXPECT_EQ(state.hear(from_balancer(FrameType::welcome, 8, 5), kStart), Heard::replaced);
  EXPECT_EQ(state.session(), 8u);
  EXPECT_EQ(state.credit(), 5u);  // Counting starts anew.
}

TEST(LinkStateTest, PingsAfter100MsInWhichNothingElseWasSent) {
  LinkState state = welcomed();
  state.hear(from_balancer(FrameType::ping), kStart + 50ms);
  EXPECT_EQ(state.due(kStart + 99ms), Due::nothing);
  EXPECT_EQ(state.due(kStart + 100ms), Due::ping);
  state.said(FrameType::ping, true, kStart + 100ms);
  EXPECT_EQ(state.due(kStart + 199ms), Due::nothing);
  state.said(FrameType::request, true, kStart + 150ms);
  EXPECT_EQ(state.due(kStart + 249ms), Due::nothing);
}

TEST(LinkStateTest, FindsTheBalancerDeadAfterASecondOfSilence) {
  LinkState state = welcomed();
  for (auto t = 100ms; t < 1s; t += 100ms) {
    EXPECT_EQ(state.due(kStart + t), Due::ping);
    state.said(FrameType::ping, true, kStart + t);
  }
  EXPECT_EQ(state.due(kStart + 999ms), Due::nothing);
  EXPECT_EQ(state.due(kStart + 1s), Due::reopen);
  EXPECT_FALSE(state.open());
  EXPECT_EQ(state.session(), 0u);
  EXPECT_EQ(state.due(kStart + 1s), Due::hello);
}

TEST(LinkStateTest, AnyFrameOfTheSessionIsALifeSign) {
  for (const FrameType type : {FrameType::ping, FrameType::pong, FrameType::reply,
                               FrameType::request, FrameType::credit}) {
    LinkState state = welcomed();
    state.due(kStart + 400ms);
    state.hear(from_balancer(type), kStart + 800ms);
    state.due(kStart + 800ms);
    state.due(kStart + 1200ms);
    EXPECT_NE(state.due(kStart + 1600ms), Due::reopen);
    EXPECT_EQ(state.due(kStart + 1800ms), Due::reopen);
  }
}

TEST(LinkStateTest, AStopOfOurOwnIsNotTheBalancersSilence) {
  LinkState state = welcomed();
  state.due(kStart + 100ms);
  EXPECT_NE(state.due(kStart + 5s), Due::reopen);  // We were stopped for 4.9 s.
  EXPECT_NE(state.due(kStart + 5400ms), Due::reopen);
  EXPECT_NE(state.due(kStart + 5800ms), Due::reopen);
  EXPECT_EQ(state.due(kStart + 6s), Due::reopen);  // And still nothing: now it is.
}

TEST(LinkStateTest, RequestsAreTimelyForHalfTheSilenceBehindTheStampThatTheyCarry) {
  LinkState state = welcomed();
  EXPECT_FALSE(state.timely(kStart)) << "nothing was heard of us yet";
  Header request = from_balancer(FrameType::request);
  request.aux = stamp_of(kStart - 100ms);
  state.hear(request, kStart);
  EXPECT_TRUE(state.timely(kStart + 399ms));
  EXPECT_FALSE(state.timely(kStart + 400ms));
  request.aux = stamp_of(kStart + 300ms);
  state.hear(request, kStart + 400ms);
  EXPECT_TRUE(state.timely(kStart + 400ms));
  EXPECT_FALSE(state.timely(kStart)) << "from the future: none of ours";
  state.hear(from_balancer(FrameType::welcome, 8), kStart + 400ms);
  EXPECT_FALSE(state.timely(kStart + 400ms)) << "another session";
}

TEST(LinkStateTest, AFailedSendEndsTheSession) {
  LinkState state = welcomed(10);
  state.said(FrameType::request, false, kStart);
  EXPECT_EQ(state.credit(), 0u);
  EXPECT_EQ(state.due(kStart), Due::reopen);
}

TEST(LinkStateTest, ResetAndByeEndTheSessionOnTheSameSocket) {
  for (const FrameType type : {FrameType::reset, FrameType::bye}) {
    LinkState state = welcomed();
    EXPECT_EQ(state.hear(from_balancer(type), kStart), Heard::lost);
    EXPECT_EQ(state.due(kStart), Due::hello);
  }
}

TEST(LinkStateTest, FramesOfAnOlderSessionMeanNothing) {
  LinkState state = welcomed();
  for (const FrameType type :
       {FrameType::reset, FrameType::bye, FrameType::reply, FrameType::drain}) {
    EXPECT_EQ(state.hear(from_balancer(type, 6), kStart), Heard::ignored);
  }
  EXPECT_TRUE(state.open());
  LinkState fresh = greeting();
  EXPECT_EQ(fresh.hear(from_balancer(FrameType::reply), kStart), Heard::ignored);
  EXPECT_EQ(fresh.hear(from_balancer(FrameType::welcome, 0), kStart), Heard::ignored);
}

TEST(LinkStateTest, CreditIsAbsoluteAndCountsModulo2To32) {
  LinkState state = welcomed(2);
  EXPECT_EQ(state.credit(), 2u);
  state.count_sent();
  state.count_sent();
  EXPECT_EQ(state.credit(), 0u);
  // The same grant again changes nothing; a higher one adds its difference.
  state.hear(from_balancer(FrameType::reply, 7, 2), kStart);
  EXPECT_EQ(state.credit(), 0u);
  state.hear(from_balancer(FrameType::reply, 7, 5), kStart);
  EXPECT_EQ(state.credit(), 3u);
  // A grant taken back below what was sent is no credit, not four billion.
  state.hear(from_balancer(FrameType::credit, 7, 1), kStart);
  EXPECT_EQ(state.credit(), 0u);
  // And 2^32 - 1 is "one less than none".
  state.hear(from_balancer(FrameType::credit, 7, 0xFFFFFFFF), kStart);
  EXPECT_EQ(state.credit(), 0u);
}

TEST(LinkStateTest, KnowsWhetherTheBalancerHasAWorkerAsItSaidLast) {
  LinkState state = greeting();
  Header header = from_balancer(FrameType::welcome);
  header.flags = kFlagBackendDown;
  EXPECT_EQ(state.hear(header, kStart), Heard::welcomed);
  EXPECT_TRUE(state.backend_down());
  state.hear(from_balancer(FrameType::credit), kStart);
  EXPECT_FALSE(state.backend_down());
}

TEST(LinkStateTest, ADrainingBalancerGetsNoRequests) {
  LinkState state = welcomed(10);
  EXPECT_EQ(state.hear(from_balancer(FrameType::drain, 7, 10), kStart), Heard::drain);
  EXPECT_TRUE(state.draining());
  EXPECT_EQ(state.credit(), 0u);
  EXPECT_EQ(state.hear(from_balancer(FrameType::reply, 7, 20), kStart), Heard::records);
  EXPECT_EQ(state.credit(), 0u);
}

TEST(LinkStateTest, ALeavingLinkDoesNotGreetAgain) {
  LinkState state = welcomed();
  state.leave();
  EXPECT_TRUE(state.open());
  state.hear(from_balancer(FrameType::bye), kStart);
  EXPECT_EQ(state.due(kStart + 1h), Due::nothing);
  EXPECT_EQ(state.hear(from_balancer(FrameType::welcome, 9), kStart), Heard::ignored);
}

TEST(LinkStateTest, CountsTheRequestsOfTheSession) {
  LinkState state = welcomed();
  Header header = from_balancer(FrameType::request);
  header.count = 64;
  header.credit_limit = 64;
  EXPECT_EQ(state.hear(header, kStart), Heard::records);
  EXPECT_EQ(state.hear(header, kStart), Heard::ignored) << "the same frame again";
  header.credit_limit = 192;
  EXPECT_EQ(state.hear(header, kStart), Heard::records);
  EXPECT_EQ(state.received(), 192u) << "64 were lost on the way";
  header.credit_limit = 128;
  EXPECT_EQ(state.hear(header, kStart), Heard::ignored) << "they were not: but overtaken";
  EXPECT_EQ(state.hear(from_balancer(FrameType::ping, 7, 200), kStart), Heard::ignored);
  EXPECT_EQ(state.received(), 200u);
}

}  // namespace
}  // namespace depot::messaging
