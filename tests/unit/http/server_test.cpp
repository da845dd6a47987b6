// Order, keep-alive and endings of the HTTP server, over raw sockets.
#include "http/server.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <ctime>

#include "tests/support/wait.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http::test {
namespace {

using namespace std::chrono_literals;
using depot::test::wait_until;

std::string request(const std::string& line, const std::string& extra = "",
                    const std::string& body = "") {
  const std::string length =
      body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return line + " HTTP/1.1\r\nHost: h\r\n" + extra + length + "\r\n" + body;
}

TEST(ServerTest, AnswersWithLengthAndDateAndNoServerName) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /a?b=c"));
  const RawAnswer answer = peer.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /a?b=c ");
  EXPECT_EQ(answer.header("Content-Length"), "11");
  std::tm date{};
  const std::string text = answer.header("Date");
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  ASSERT_TRUE(end != nullptr && *end == '\0') << text;
  EXPECT_NEAR(static_cast<double>(::timegm(&date)), static_cast<double>(std::time(nullptr)), 2.0);
  EXPECT_EQ(answer.header("Server"), "");
  EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(answer.header("Connection"), "");
}

TEST(ServerTest, HeadHasTheLengthAndNoBody) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("HEAD /size/500") + request("GET /next"));
  const RawAnswer answer = peer.answer(true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Length"), "500");
  EXPECT_EQ(peer.answer().body, "GET /next? ");
}

TEST(ServerTest, NoContentAndNotModifiedHaveNoLength) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /status/204") + request("GET /status/304") + request("GET /next"));
  for (const int status : {204, 304}) {
    const RawAnswer answer = peer.answer();
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.header("Content-Length"), "");
  }
  EXPECT_EQ(peer.answer().status, 200);
}

TEST(ServerTest, LineEndsInAHeaderValueMakeNoHeader) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /status/200"));
  const RawAnswer answer = peer.answer();
  EXPECT_EQ(answer.header("Set-Cookie"), "");
  EXPECT_EQ(answer.header("X-Bad"), "aSet-Cookie: sid=1");
}

TEST(ServerTest, KeepsOrClosesAsThePeerAsked) {
  struct Case {
    std::string head;
    std::string connection;
    bool closes;
  };
  RunningServer server;
  for (const Case& c :
       {Case{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "", false},
        Case{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close", true},
        Case{"GET / HTTP/1.0\r\n\r\n", "close", true},
        Case{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false}}) {
    RawPeer peer(server.port());
    peer.send(c.head);
    const RawAnswer answer = peer.answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Connection"), c.connection) << c.head;
    if (c.closes) {
      EXPECT_TRUE(peer.closed()) << c.head;
    } else {
      peer.send(c.head);
      EXPECT_EQ(peer.answer().status, 200) << c.head;
    }
  }
}

TEST(ServerTest, RequestsBehindTheLastOneAreNotHandled) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /last", "Connection: close\r\n") + request("POST /smuggled", "", "x"));
  EXPECT_EQ(peer.answers_to_end().size(), 1u);
  EXPECT_EQ(server.handled(), std::vector<std::string>{"GET /last"});
}

TEST(ServerTest, ContinueIsSaidOnceAndOnlyForABodyThatIsWaitedFor) {
  RunningServer server;
  RawPeer peer(server.port());
  const std::string whole = request("POST /a", "Expect: 100-continue\r\n", "hello");
  peer.send(whole.substr(0, whole.size() - 5));
  EXPECT_EQ(peer.answer().status, 100);
  peer.send("he");
  peer.send("llo");
  EXPECT_EQ(peer.answer().body, "POST /a? hello");
  peer.send(whole);  // With its body right behind it: nobody waits.
  EXPECT_EQ(peer.answer().body, "POST /a? hello");
}

TEST(ServerTest, ContinueWaitsForTheAnswersBeforeIt) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /hold") + "POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" +
            "Content-Length: 2\r\n\r\n");
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold"); }, "the first is handled"));
  server.release("/hold");
  EXPECT_EQ(peer.answer().body, "released /hold");
  EXPECT_EQ(peer.answer().status, 100);
  peer.send("ab");
  EXPECT_EQ(peer.answer().body, "POST /b? ab");
}

TEST(PipelineTest, SafeRequestsRunTogetherAndAreAnsweredInOrder) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /hold1") + request("GET /two") + request("GET /hold3") +
            request("GET /four"));
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.handled().size() == 4; }, "all four handled"));
  server.release("/hold3");
  server.release("/hold1");
  EXPECT_EQ(peer.answer().body, "released /hold1");
  EXPECT_EQ(peer.answer().body, "GET /two? ");
  EXPECT_EQ(peer.answer().body, "released /hold3");
  EXPECT_EQ(peer.answer().body, "GET /four? ");
}

TEST(PipelineTest, UnsafeRequestsRunOneAtATime) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /hold1") + request("POST /hold2", "", "a") +
            request("PUT /hold3", "", "b") + request("GET /four"));
  using Log = std::vector<std::string>;
  const auto handled = [&](Log expected) {
    return wait_until(
        5s, [&] { return server.handled() == expected; }, "the next is handled");
  };
  EXPECT_TRUE(handled({"GET /hold1"}));
  server.release("/hold1");
  EXPECT_TRUE(handled({"GET /hold1", "POST /hold2"}));
  server.release("/hold2");
  EXPECT_TRUE(handled({"GET /hold1", "POST /hold2", "PUT /hold3"}));
  server.release("/hold3");
  for (const char* body :
       {"released /hold1", "released /hold2", "released /hold3", "GET /four? "}) {
    EXPECT_EQ(peer.answer().body, body);
  }
}

TEST(PipelineTest, AChunkedUnsafeRequestWaitsToo) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /hold1") + request("POST /two", "Transfer-Encoding: chunked\r\n") +
            "5\r\nhello\r\n0\r\n\r\n" + request("GET /three"));
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold1"); }, "the first is handled"));
  EXPECT_EQ(server.handled().size(), 1u);
  server.release("/hold1");
  for (const char* body : {"released /hold1", "POST /two? hello", "GET /three? "}) {
    EXPECT_EQ(peer.answer().body, body);
  }
}

TEST(PipelineTest, NoMoreThanPipelineMaxAreHandledAtOnce) {
  RunningServer server({.pipeline_max = 3});
  RawPeer peer(server.port());
  std::string all;
  for (int i = 0; i < 8; ++i) all += request("GET /hold" + std::to_string(i));
  peer.send(all);
  for (int i = 0; i < 8; ++i) {
    const std::size_t now = static_cast<std::size_t>(std::min(8, i + 3));
    ASSERT_TRUE(wait_until(
        5s, [&] { return server.handled().size() >= now; }, "a slot is used"));
    EXPECT_EQ(server.handled().size(), now);
    server.release("/hold" + std::to_string(i));
    EXPECT_EQ(peer.answer().body, "released /hold" + std::to_string(i));
  }
}

TEST(PipelineTest, ManyRequestsOfOnePacketAreAllAnswered) {
  RunningServer server;
  RawPeer peer(server.port());
  std::string all;
  for (int i = 0; i < 1000; ++i) all += request("GET /" + std::to_string(i));
  peer.send(all);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(peer.answer().body, "GET /" + std::to_string(i) + "? ");
}

TEST(PipelineTest, LargeAnswersToASlowReaderArriveWhole) {
  RunningServer server;
  RawPeer peer(server.port());
  std::string all;
  for (int i = 0; i < 20; ++i) all += request("GET /size/300000");
  peer.send(all + request("GET /end"));
  // Nothing is read before the server has filled what the kernel takes and stopped handling.
  std::size_t before = 0;
  ASSERT_TRUE(wait_until(
      5s, [&] { return std::exchange(before, server.handled().size()) == server.handled().size(); },
      "the server stops"));
  EXPECT_LT(server.handled().size(), 21u);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(peer.answer().body == std::string(300'000, 'x')) << i;
  EXPECT_EQ(peer.answer().body, "GET /end? ");
}

TEST(TurnTest, TheHookComesBehindTheLastRequestOfATurn) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /hold1") + request("GET /hold2") + request("GET /hold3"));
  ASSERT_TRUE(wait_until(
      5s, [&] { return !server.turns().empty(); }, "a turn has ended"));
  // What came in one packet is one turn, and the hook has seen all of it.
  EXPECT_EQ(server.turns(), std::vector<std::size_t>{3});
}

TEST(ResponderTest, DroppedUnansweredItIs500) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /drop") + request("GET /next"));
  const RawAnswer answer = peer.answer();
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(peer.answer().status, 200);
}

TEST(ResponderTest, AnsweringAPeerThatHasGoneDoesNothing) {
  RunningServer server;
  {
    RawPeer peer(server.port());
    peer.send(request("GET /hold1") + request("POST /hold2", "", "x"));
    ASSERT_TRUE(wait_until(
        5s, [&] { return server.held("/hold1"); }, "it is handled"));
  }
  server.release("/hold1");
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold2"); }, "the second is handled"));
  server.release("/hold2");
  EXPECT_TRUE(wait_until(
      5s, [&] { return server.stats().connections_now == 0; }, "it is closed"));
  RawPeer next(server.port());
  next.send(request("GET /next"));
  EXPECT_EQ(next.answer().status, 200);
}

TEST(ResponderTest, APeerThatOnlyStoppedSendingGetsItsAnswer) {
  RunningServer server;
  RawPeer peer(server.port());
  peer.send(request("GET /hold"));
  peer.shut_down_writing();
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold"); }, "it is handled"));
  server.release("/hold");
  EXPECT_EQ(peer.answer().body, "released /hold");
  EXPECT_TRUE(peer.closed());
}

TEST(DrainTest, IdleConnectionsCloseAndOthersAfterTheirAnswer) {
  RunningServer server;
  RawPeer idle(server.port());
  idle.send(request("GET /"));
  EXPECT_EQ(idle.answer().status, 200);
  RawPeer busy(server.port());
  busy.send(request("POST /hold", "", "x") + request("POST /late", "", "x"));
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold"); }, "it is handled"));

  std::atomic<bool> done = false;
  server.drain(done);
  EXPECT_TRUE(idle.closed());
  EXPECT_THROW(RawPeer{server.port()}, std::runtime_error);
  EXPECT_FALSE(done);
  server.release("/hold");
  const RawAnswer last = busy.answer();
  EXPECT_EQ(last.body, "released /hold");
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(busy.closed());
  EXPECT_TRUE(wait_until(
      5s, [&] { return done.load(); }, "the drain is done"));
  EXPECT_EQ(server.handled().back(), "POST /hold");
}

TEST(DrainTest, WithNobodyConnectedItIsDoneAtOnce) {
  RunningServer server;
  std::atomic<bool> done = false;
  server.drain(done);
  EXPECT_TRUE(wait_until(
      5s, [&] { return done.load(); }, "the drain is done"));
}

TEST(RequestAllowedTest, OnlyTheSameOriginMayChangeThings) {
  struct Row {
    std::string_view site, origin, host;
    bool allowed;
  };
  const Row rows[] = {
      {"same-origin", "", "shop", true},
      {"none", "", "shop", true},  // typed into the address bar
      {"same-site", "", "shop", false},
      {"cross-site", "", "shop", false},
      {"cross-site", "http://shop", "shop", false},
      {"same-origin", "http://evil", "shop", true},  // It knows better than a proxy.
      {"", "http://shop:8080", "shop:8080", true},
      {"", "https://SHOP:8080", "shop:8080", true},
      {"", "http://shop", "shop:8080", false},
      {"", "http://evil/shop:8080", "shop:8080", false},
      {"", "http://shop:8080.evil", "shop:8080", false},
      {"", "null", "null", false},
      {"", "shop:8080", "shop:8080", false},
  };
  for (const Row& row : rows) {
    for (const std::string_view cookie : {"", "sid=x"}) {
      const Request::Field fields[] = {{"Sec-Fetch-Site", row.site},
                                       {"Origin", row.origin},
                                       {"Host", row.host},
                                       {"Cookie", cookie}};
      EXPECT_EQ(request_allowed({.method = Method::post, .fields = fields}), row.allowed)
          << row.site << " " << row.origin << " " << row.host << " " << cookie;
      EXPECT_TRUE(request_allowed({.method = Method::get, .fields = fields}));
    }
  }
}

TEST(RequestAllowedTest, ACookieMustComeWithASignOfTheSameOrigin) {
  for (const Method method : {Method::post, Method::put, Method::patch, Method::delete_}) {
    for (const std::string_view cookie : {"", "sid=x", "manufacturer=x", "lang=pl"}) {
      const Request::Field fields[] = {{"Host", "shop:8080"}, {"Cookie", cookie}};
      EXPECT_EQ(request_allowed({.method = method, .fields = fields}), cookie.empty()) << cookie;
    }
  }
}

TEST(RequestAllowedTest, OnlyATokenInAuthorizationSpeaksForAnotherOrigin) {
  for (const std::string_view value : {"", "Bearer x.y"}) {
    const Request::Field fields[] = {
        {"Authorization", value}, {"Origin", "http://evil"}, {"Host", "shop"}};
    EXPECT_EQ(request_allowed({.method = Method::post, .fields = fields}), !value.empty())
        << "an empty one leaves the cookie to speak";
  }
}

}  // namespace
}  // namespace depot::http::test
