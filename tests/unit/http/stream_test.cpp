// Answers that go on: their place in a pipeline, their end, and peers that read slowly or leave.
#include <gtest/gtest.h>

#include "tests/support/wait.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http::test {
namespace {

using namespace std::chrono_literals;
using depot::test::wait_until;

std::string get_of(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

testing::AssertionResult opened(RunningServer& server, const std::string& stream) {
  return wait_until(
      5s, [&] { return server.open(stream); }, stream + " is open");
}

testing::AssertionResult gone(RunningServer& server, const std::string& stream) {
  return wait_until(
      5s, [&] { return !server.open(stream) && server.stats().connections_now == 0; },
      stream + " is gone");
}

// Writes until the kernel takes no more, and a little more than that.
void fill(RunningServer& server, const std::string& stream) {
  while (server.unsent(stream) < 100'000) server.write(stream, std::string(50'000, 'f'));
}

TEST(StreamTest, HasNoLengthAndEndsWithItsConnection) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  const RawAnswer head = peer.answer();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.header("Content-Length"), "");
  EXPECT_EQ(head.header("Connection"), "close");
  server.write("/stream", "one;");
  server.write("/stream", "two;");
  EXPECT_TRUE(server.open("/stream"));
  server.end("/stream");
  EXPECT_EQ(peer.rest(), "begin;one;two;");
  EXPECT_EQ(server.stats().connections_now, 0u);
}

TEST(StreamTest, WaitsForItsTurnAndIsTheLastAnswer) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(get_of("/hold") + get_of("/stream") + get_of("/behind"));
  ASSERT_TRUE(opened(server, "/stream"));
  server.write("/stream", "one;");
  EXPECT_EQ(server.unsent("/stream"), 4u);
  server.release("/hold");
  EXPECT_EQ(peer.answer().body, "released /hold");
  EXPECT_EQ(peer.answer().header("Content-Type"), "text/event-stream");
  server.write("/stream", "two;");
  peer.send("POST /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  server.end("/stream");
  EXPECT_EQ(peer.rest(), "begin;one;two;");
  EXPECT_EQ(server.handled().back(), "GET /behind");
}

TEST(StreamTest, EndedBeforeItsTurnItIsWhole) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(get_of("/hold") + get_of("/stream"));
  ASSERT_TRUE(opened(server, "/stream"));
  server.write("/stream", "one;");
  server.end("/stream");
  server.release("/hold");
  EXPECT_EQ(peer.answer().body, "released /hold");
  EXPECT_EQ(peer.answer().status, 200);
  EXPECT_EQ(peer.rest(), "begin;one;");
}

TEST(StreamTest, BehindAnAnswerThatClosesItNeverBegins) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + get_of("/stream"));
  ASSERT_TRUE(opened(server, "/stream"));
  server.write("/stream", "one;");
  server.release("/hold");
  EXPECT_EQ(peer.answer().body, "released /hold");
  EXPECT_TRUE(peer.closed());
  EXPECT_TRUE(gone(server, "/stream"));
}

TEST(StreamTest, HeadHasTheSameHeadAndNoStream) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  const RawAnswer head = peer.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.header("Connection"), "close");
  EXPECT_TRUE(peer.closed());
  EXPECT_FALSE(server.open("/stream"));
}

TEST(StreamTest, APeersCloseIsNoticedAtOnceAndWhatItSendsIsNot) {
  RunningServer server({.header_deadline = 100ms, .idle_timeout = 100ms});
  {
    RawPeer peer(server.port());
    peer.send(get_of("/stream"));
    EXPECT_EQ(peer.answer().status, 200);
    peer.send("anything at all\r\n\r\n" + get_of("/more"));
    EXPECT_FALSE(wait_until(
        1s, [&] { return !server.open("/stream"); }, "neither time-out is for streams"));
    EXPECT_EQ(server.handled().size(), 1u);
  }
  EXPECT_TRUE(gone(server, "/stream"));
  server.write("/stream", "to nobody");
}

TEST(StreamTest, APeerThatOnlyStoppedSendingHasLeftToo) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(get_of("/hold") + get_of("/stream"));
  peer.shut_down_writing();
  ASSERT_TRUE(opened(server, "/stream"));
  server.release("/hold");
  EXPECT_TRUE(gone(server, "/stream"));
}

TEST(StreamTest, WhatASlowPeerDoesNotTakeIsCountedAndArrivesInTheEnd) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  EXPECT_EQ(peer.answer().status, 200);
  std::size_t written = 0;
  for (; server.unsent("/stream") < 100'000; written += 50'000) {
    ASSERT_LT(written, 2'000'000u) << "the kernel takes no more than a little";
    server.write("/stream", std::string(50'000, 'f'));
  }
  server.end("/stream");
  EXPECT_EQ(peer.rest().size(), std::string("begin;").size() + written);
}

TEST(StreamTest, APeerThatTakesNothingIsClosedAtTheWriteDeadline) {
  RunningServer server({.write_deadline = 200ms});
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  EXPECT_EQ(peer.answer().status, 200);
  fill(server, "/stream");
  EXPECT_TRUE(gone(server, "/stream"));
}

TEST(StreamTest, APeerThatTakesALittleNowAndThenIsKept) {
  RunningServer server({.write_deadline = 1s});
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  EXPECT_EQ(peer.answer().status, 200);
  for (int i = 0; i < 8; ++i) {  // 2 s
    fill(server, "/stream");
    const std::size_t before = server.unsent("/stream");
    ASSERT_TRUE(wait_until(
        5s,
        [&] {
          peer.take(20'000);
          return server.unsent("/stream") < before;
        },
        "some is taken"));
    EXPECT_FALSE(wait_until(
        250ms, [&] { return !server.open("/stream"); }, "it is closed"));
  }
}

TEST(StreamTest, EndedWithAPeerThatTakesNothingItClosesSoon) {
  RunningServer server({.write_deadline = 60s});
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  EXPECT_EQ(peer.answer().status, 200);
  fill(server, "/stream");
  server.end("/stream");
  EXPECT_TRUE(wait_until(
      5s, [&] { return server.stats().connections_now == 0; }, "it is closed"));
}

TEST(StreamTest, ADrainWaitsForTheOwnersLastWord) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  EXPECT_EQ(peer.answer().status, 200);
  std::atomic<bool> done = false;
  server.drain(done);
  server.write("/stream", "bye;");
  EXPECT_FALSE(done);
  server.end("/stream");
  EXPECT_EQ(peer.rest(), "begin;bye;");
  EXPECT_TRUE(wait_until(
      5s, [&] { return done.load(); }, "the drain is done"));
}

TEST(StreamTest, CountsInTheLimitsOfConnections) {
  RunningServer server({.connections_max = 1});
  RawPeer peer(server.port());
  peer.send(get_of("/stream"));
  EXPECT_EQ(peer.answer().status, 200);
  EXPECT_EQ(RawPeer(server.port()).answer().status, 503);
}

}  // namespace
}  // namespace depot::http::test
