// The client against our own server, and against bytes that no good server sends.
#include "http/client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <thread>

#include "tests/support/wait.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http::test {
namespace {

using namespace std::chrono_literals;
using depot::test::wait_until;

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

// Accepts one connection, waits for the end of a head, sends `bytes`, closes.
class CannedServer {
 public:
  explicit CannedServer(std::string bytes) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ::listen(listener_, 1);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, reply = std::move(bytes)] {
      const int peer = ::accept(listener_, nullptr, nullptr);
      char in[4096];
      std::string seen;
      while (seen.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::recv(peer, in, sizeof(in), 0);
        if (got <= 0) break;
        seen.append(in, static_cast<std::size_t>(got));
      }
      ::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL);
      ::close(peer);
    });
  }
  ~CannedServer() {
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(FetchTest, SendsAndReceives) {
  RunningServer server;
  const auto answer = fetch(at(server.port()), "POST", "/a?b=1", {{"X-A", "1"}}, "hello");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->header("content-type"), "text/plain");
  EXPECT_EQ(answer->body, "POST /a?b=1 hello");
  EXPECT_EQ(fetch("localhost:" + std::to_string(server.port()), "GET", "/")->status, 200);
}

TEST(FetchTest, LargeBodiesBothWays) {
  RunningServer server({.body_bytes_max = 5'000'000});
  const std::string body(4'000'000, 'b');
  const auto answer = fetch(at(server.port()), "POST", "/a", {}, body);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "POST /a? " + body);
}

TEST(FetchTest, HeadHasNoBody) {
  RunningServer server;
  const auto answer = fetch(at(server.port()), "HEAD", "/size/500");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->header("content-length"), "500");
  EXPECT_EQ(answer->body, "");
}

TEST(FetchTest, NothingHappenedWhereNobodyListens) {
  std::uint16_t gone = 0;
  {
    const RunningServer server;
    gone = server.port();
  }
  for (const std::string& where : {at(gone), std::string("unix:/nonexistent/a.sock"),
                                   std::string("nonsense"), std::string("256.0.0.1:80")}) {
    const auto answer = fetch(where, "GET", "/");
    ASSERT_FALSE(answer) << where;
    EXPECT_EQ(answer.error().code, ErrorCode::not_executed) << where;
    EXPECT_NE(answer.error().message.find(where), std::string::npos) << answer.error().message;
  }
}

TEST(FetchTest, NoAnswerInTimeIsUnknown) {
  RunningServer server;
  const auto answer = fetch(at(server.port()), "GET", "/hold", {}, "", 100ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unknown);
}

struct Canned {
  std::string name;
  std::string bytes;
  std::optional<std::string> body;  // nullopt: the outcome is unknown
};

class CannedTest : public testing::TestWithParam<Canned> {};

TEST_P(CannedTest, IsReadOrUnknown) {
  const Canned& row = GetParam();
  CannedServer server(row.bytes);
  const auto answer = fetch(at(server.port()), "GET", "/", {}, "", 3s);
  ASSERT_EQ(static_cast<bool>(answer), row.body.has_value());
  if (row.body) {
    EXPECT_EQ(answer->body, *row.body);
    EXPECT_EQ(answer->status, 200);
  } else {
    EXPECT_EQ(answer.error().code, ErrorCode::unknown);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, CannedTest,
    testing::ValuesIn(std::vector<Canned>{
        {"Length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
        {"Chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
         "ok"},
        {"ToTheEnd", "HTTP/1.1 200 OK\r\n\r\nok", "ok"},
        {"BehindContinue",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
        {"Nothing", "", std::nullopt},
        {"CutInHead", "HTTP/1.1 200 OK\r\nContent-", std::nullopt},
        {"CutInBody", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", std::nullopt},
        {"Garbage", "SSH-2.0-OpenSSH\r\n\r\n", std::nullopt},
        {"TooLarge", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", std::nullopt}}),
    [](const auto& test) { return test.param.name; });

// A Connection and its loop, driven by the test.
struct Driver {
  boost::asio::io_context io{1};
  Connection connection;
  explicit Driver(const std::string& where, std::chrono::milliseconds timeout = 5s)
      : connection(io, where, timeout) {}
  Result<ClientResponse> ask(std::string_view target) {
    std::optional<Result<ClientResponse>> answer;
    connection.request("GET", target, "X-A: 1\r\n", "", [&](auto result) { answer = result; });
    EXPECT_FALSE(answer) << "called back inside request()";
    io.restart();  // It stopped if the last request left nothing to wait for.
    while (!answer && io.run_one() > 0) {
    }
    return *answer;
  }
};

TEST(ConnectionTest, IsKeptFromRequestToRequest) {
  RunningServer server;
  Driver driver(at(server.port()));
  for (int i = 0; i < 50; ++i) {
    const auto answer = driver.ask("/" + std::to_string(i));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "GET /" + std::to_string(i) + "? ");
  }
  EXPECT_EQ(server.stats().connections_total, 1u);
}

TEST(ConnectionTest, AsksForTheNextInsideTheCallback) {
  RunningServer server;
  boost::asio::io_context io(1);
  Connection connection(io, at(server.port()));
  int answers = 0;
  std::function<void(Result<ClientResponse>)> next = [&](const auto& answer) {
    ASSERT_TRUE(answer);
    if (++answers < 20) connection.request("GET", "/", "", "", next);
  };
  connection.request("GET", "/", "", "", next);
  while (answers < 20 && io.run_one() > 0) {
  }
  EXPECT_EQ(answers, 20);
  EXPECT_EQ(server.stats().connections_total, 1u);
}

TEST(ConnectionTest, ReconnectsAfterTheServerHasClosed) {
  RunningServer server({.idle_timeout = 100ms});
  Driver driver(at(server.port()));
  ASSERT_TRUE(driver.ask("/"));
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.stats().connections_now == 0; }, "it is closed"));
  const auto looks_again = std::chrono::steady_clock::now() + 1100ms;
  ASSERT_TRUE(wait_until(
      5s, [&] { return std::chrono::steady_clock::now() > looks_again; }, "it has been idle"));
  const auto answer = driver.ask("/again");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(server.stats().connections_total, 2u);
}

TEST(ConnectionTest, ATimeoutEndsTheRequestAndTheNextIsOnANewConnection) {
  RunningServer server;
  Driver driver(at(server.port()), 200ms);
  const auto late = driver.ask("/hold");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::unknown);
  ASSERT_TRUE(wait_until(
      5s, [&] { return server.held("/hold"); }, "it was handled"));
  server.release("/hold");  // Its answer must not become the next one's.
  const auto answer = driver.ask("/next");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "GET /next? ");
}

TEST(ConnectionTest, DestroyedItCallsNobody) {
  RunningServer server;
  boost::asio::io_context io(1);
  bool called = false;
  {
    Connection connection(io, at(server.port()));
    connection.request("GET", "/hold", "", "", [&](const auto&) { called = true; });
    while (!server.held("/hold")) io.poll_one();
  }
  io.run();  // Ends by itself: nothing is left to wait for.
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace depot::http::test
