// Limits at their last allowed value and one beyond it; deadlines by short configured values.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <ctime>

#include "tests/support/wait.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http::test {
namespace {

using namespace std::chrono_literals;
using depot::test::wait_until;
using Clock = std::chrono::steady_clock;

std::string head_of(std::size_t size) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nX-Fill: ";
  return start + std::string(size - start.size() - 4, 'f') + "\r\n\r\n";
}

std::string post_of(std::size_t size) {
  return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
         std::string(size, 'b');
}

std::string chunks_of(std::size_t size, std::size_t chunk) {
  std::string out = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  char line[32];
  for (std::size_t left = size; left > 0;) {
    const std::size_t now = std::min(left, chunk);
    std::snprintf(line, sizeof(line), "%zx\r\n", now);
    out += line + std::string(now, 'b') + "\r\n";
    left -= now;
  }
  return out + "0\r\n\r\n";
}

RawAnswer answer_to(RunningServer& server, const std::string& bytes) {
  RawPeer peer(server.port());
  peer.send(bytes);
  return peer.answer();
}

TEST(LimitsTest, HeadersUpToTheLimit) {
  RunningServer server;
  EXPECT_EQ(answer_to(server, head_of(16 * 1024)).status, 200);
  const RawAnswer refused = answer_to(server, head_of(16 * 1024 + 1));
  EXPECT_EQ(refused.status, 431);
  EXPECT_NE(refused.body.find("/problems/headers_too_large"), std::string::npos);
}

TEST(LimitsTest, AHeaderFloodEndsAtTheLimit) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 2'000; ++i) peer.send("X-Flood-" + std::to_string(i) + ": 1\r\n");
  EXPECT_EQ(peer.answer().status, 431);
}

TEST(LimitsTest, BodiesUpToTheLimit) {
  RunningServer server({.body_bytes_max = 100'000});
  EXPECT_EQ(answer_to(server, post_of(100'000)).status, 200);
  EXPECT_EQ(answer_to(server, chunks_of(100'000, 999)).status, 200);
  const RawAnswer refused = answer_to(server, post_of(100'001));
  EXPECT_EQ(refused.status, 413);
  EXPECT_NE(refused.body.find("/problems/too_large"), std::string::npos);
  EXPECT_EQ(answer_to(server, chunks_of(100'001, 999)).status, 413);
}

TEST(LimitsTest, ABodyTooLargeIsRefusedBeforeItIsSent) {
  RunningServer server({.body_bytes_max = 1'000});
  RawPeer peer(server.port());
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(peer.answer().status, 413);
}

TEST(LimitsTest, TheRefusalIsReadableWhileTheBodyIsStillSent) {
  RunningServer server;
  for (int i = 0; i < 20; ++i) {
    RawPeer peer(server.port());
    peer.send(post_of(900'000));
    ASSERT_EQ(peer.answer().status, 413);
  }
}

TEST(LimitsTest, ConnectionsBeyondTheLimitGet503) {
  RunningServer server({.connections_max = 2});
  RawPeer first(server.port());
  RawPeer second(server.port());
  first.send(kGet);
  second.send(kGet);
  EXPECT_EQ(first.answer().status, 200);
  EXPECT_EQ(second.answer().status, 200);
  {
    RawPeer third(server.port());
    third.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    const RawAnswer refused = third.answer();
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.header("Content-Type"), "application/problem+json");
    EXPECT_NE(refused.body.find("/problems/unavailable"), std::string::npos) << refused.body;
    EXPECT_FALSE(refused.header("Retry-After").empty());
    third.send("hello");  // What still arrives does not take the answer away.
    EXPECT_TRUE(third.closed());
  }
  first.send(kGet);
  EXPECT_EQ(first.answer().status, 200);
  EXPECT_EQ(server.stats().connections_total, 2u);
}

TEST(LimitsTest, ServersThatShareTheirCountsShareTheLimit) {
  const auto counts = std::make_shared<ConnectionCounts>();
  RunningServer one({.connections_max = 1, .counts = counts});
  RunningServer two({.connections_max = 1, .counts = counts});
  {
    RawPeer first(one.port());
    first.send(kGet);
    EXPECT_EQ(first.answer().status, 200);
    EXPECT_EQ(RawPeer(two.port()).answer().status, 503);
  }
  // Once the first has gone there is room again.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int status = 503;
  while (status == 503 && std::chrono::steady_clock::now() < end) {
    RawPeer next(two.port());
    next.send(kGet);
    status = next.answer().status;
  }
  EXPECT_EQ(status, 200);
}

TEST(LimitsTest, ConnectionsAreCountedByAddress) {
  ConnectionCounts counts;
  EXPECT_TRUE(counts.add("a", 3, 2));
  EXPECT_TRUE(counts.add("a", 3, 2));
  EXPECT_FALSE(counts.add("a", 3, 2)) << "of this address";
  EXPECT_TRUE(counts.add("b", 3, 2));
  EXPECT_FALSE(counts.add("c", 3, 2)) << "in all";
  counts.remove("a");
  EXPECT_TRUE(counts.add("c", 3, 2));
}

TEST(LimitsTest, LoopbackIsExemptFromTheLimitPerAddress) {
  RunningServer server({.connections_per_address_max = 1});
  RawPeer first(server.port());
  RawPeer second(server.port());
  second.send(kGet);
  EXPECT_EQ(second.answer().status, 200);
}

// Without descriptors nobody can be let in; once there are some, who waited is served, and the
// server has not burnt the time in between.
TEST(LimitsTest, WaitsForDescriptorsWithoutSpinning) {
  RunningServer server;
  RawPeer first(server.port());  // UBSan wants a descriptor for a type that it has not seen yet.
  first.send(kGet);
  EXPECT_EQ(first.answer().status, 200);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<int> fill;  // Every number below the peer's is used, and none above is allowed.
  int highest = 0;
  for (int fd = 0; fd < 1024; ++fd) highest = ::fcntl(fd, F_GETFD) >= 0 ? fd : highest;
  while (fill.empty() || fill.back() < highest) fill.push_back(::dup(0));
  const int peers = ::dup(0);
  ::close(peers);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(peers) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  {
    RawPeer peer(server.port());
    peer.send(kGet);
    const std::clock_t cpu = std::clock();
    const auto until = Clock::now() + 600ms;
    EXPECT_TRUE(wait_until(
        5s, [&] { return Clock::now() > until; }, "time passes"));
    EXPECT_EQ(server.stats().connections_total, 1u);
    EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 5);
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(peer.answer().status, 200);
  }
  for (const int fd : fill) ::close(fd);
}

struct Deadline {
  std::string name;
  ServerOptions options;
  std::string sent;
  bool reads;  // Whether the peer takes what it is sent.
};

class DeadlineTest : public testing::TestWithParam<Deadline> {};

TEST_P(DeadlineTest, EndsTheConnection) {
  const Deadline& row = GetParam();
  RunningServer server(row.options);
  RawPeer peer(server.port());
  peer.set_receive_buffer(4096);
  const auto start = Clock::now();
  peer.send(row.sent);
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.stats().connections_total == 1; }, "let in"));
  if (row.reads) {
    EXPECT_TRUE(peer.closed());
  }
  EXPECT_TRUE(wait_until(
      8s, [&] { return server.stats().connections_now == 0; }, "it is closed"));
  EXPECT_GE(Clock::now() - start, 200ms);
}

const std::vector<Deadline> kDeadlines = {
    {"NothingSent", {.idle_timeout = 200ms}, "", true},
    {"HeadNotFinished", {.header_deadline = 200ms}, "GET / HTTP/1.1\r\nHost:", true},
    {"BodyNotFinished",
     {.body_deadline = 200ms},
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
     true},
    {"ChunksNotFinished",
     {.body_deadline = 200ms},
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
     true},
    {"AnswerNotTaken",
     {.write_deadline = 200ms},
     "GET /size/50000000 HTTP/1.1\r\nHost: h\r\n\r\n",
     false},
};
INSTANTIATE_TEST_SUITE_P(All, DeadlineTest, testing::ValuesIn(kDeadlines),
                         [](const auto& test) { return test.param.name; });

TEST(SlowTest, TricklingAHeadDoesNotMoveItsDeadline) {
  RunningServer server({.header_deadline = 300ms});
  RawPeer peer(server.port());
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ";
  peer.send(head);
  // One byte for as long as it is taken: without a deadline this would never end.
  EXPECT_TRUE(wait_until(
      8s,
      [&] {
        peer.send("x");
        return server.stats().connections_now == 0;
      },
      "it is closed"));
}

TEST(SlowTest, AKeptConnectionIsIdleFromItsLastRequest) {
  RunningServer server({.idle_timeout = 600ms});
  RawPeer peer(server.port());
  for (const auto until = Clock::now() + 1500ms; Clock::now() < until;) {
    peer.send(kGet);
    ASSERT_EQ(peer.answer().status, 200);
  }
  EXPECT_TRUE(peer.closed());
}

TEST(SlowTest, AnAnswerThatTakesLongIsNobodysDeadline) {
  RunningServer server({.header_deadline = 100ms, .idle_timeout = 100ms});
  RawPeer peer(server.port());
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold"); }, "it is handled"));
  const auto until = Clock::now() + 900ms;  // Three sweeps and more.
  ASSERT_TRUE(wait_until(
      5s, [&] { return Clock::now() > until; }, "time passes"));
  server.release("/hold");
  EXPECT_EQ(peer.answer().body, "released /hold");
}

}  // namespace
}  // namespace depot::http::test
