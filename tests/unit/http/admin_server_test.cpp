#include "http/admin_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "base/fatal.hpp"
#include "http/client.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace depot::http {
namespace {

using depot::test::TempDir;

struct AdminTest : testing::Test {
  Metrics metrics;
  std::atomic<bool> ready = false;
  std::atomic<int> drains = 0;
  AdminHooks hooks() {
    return {.not_ready = [this] { return ready ? "" : "no worker has said hello"; },
            .drain = [this] { ++drains; },
            .status = [] { return std::string(R"({"workers":2})"); }};
  }
};

TEST_F(AdminTest, TellsOfLifeReadinessAndStatus) {
  const TempDir folder;
  const std::string where = "unix:" + (folder / "a.sock");
  metrics.counter("depot_tests_total", "Tests.").add(7);
  const AdminServer admin(where, metrics, hooks());

  EXPECT_EQ(fetch(where, "GET", "/livez")->status, 200);
  const auto not_ready = fetch(where, "GET", "/readyz");
  EXPECT_EQ(not_ready->status, 503);
  EXPECT_NE(not_ready->body.find("no worker has said hello"), std::string::npos);
  EXPECT_NE(not_ready->header("retry-after"), "");
  ready = true;
  EXPECT_EQ(fetch(where, "GET", "/readyz")->status, 200);
  EXPECT_EQ(fetch(where, "GET", "/status")->body, R"({"workers":2})");
  const auto text = fetch(where, "GET", "/metrics");
  EXPECT_EQ(text->header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(text->body.find("depot_tests_total 7"), std::string::npos);
}

TEST_F(AdminTest, DrainsByPostOnly) {
  const AdminServer admin("127.0.0.1:0", metrics, hooks());
  const std::string where = "127.0.0.1:" + std::to_string(admin.port());
  const auto refused = fetch(where, "GET", "/drain");
  EXPECT_EQ(refused->status, 405);
  EXPECT_EQ(refused->header("allow"), "POST");
  EXPECT_EQ(drains, 0);
  EXPECT_EQ(fetch(where, "POST", "/drain")->status, 202);
  EXPECT_EQ(drains, 1);
  EXPECT_EQ(fetch(where, "POST", "/livez")->status, 405);
}

TEST_F(AdminTest, APageOfAnotherSiteDrainsNothing) {
  const AdminServer admin("127.0.0.1:0", metrics, hooks());
  for (const char* told : {"Sec-Fetch-Site: cross-site", "Origin: http://evil.example"}) {
    test::RawPeer peer(admin.port());
    peer.send(std::string("POST /drain HTTP/1.1\r\nHost: localhost\r\n") + told + "\r\n\r\n");
    EXPECT_EQ(peer.answer().status, 403) << told;
  }
  EXPECT_EQ(drains, 0);
}

TEST_F(AdminTest, ANameThatWasMadeToMeanThisMachineReadsNothing) {
  const AdminServer admin("127.0.0.1:0", metrics, hooks());
  const std::vector<std::pair<std::string, int>> rows = {
      {"localhost", 200},      {"LocalHost:9080", 200},  {"127.0.0.1:9080", 200},
      {"[::1]:9080", 200},     {"[::1]", 200},           {"evil.example:9080", 403},
      {"127.0.0.1.evil", 403}, {"localhost.evil:1", 403}};
  for (const auto& [host, status] : rows) {
    test::RawPeer peer(admin.port());
    peer.send("GET /livez HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(peer.answer().status, status) << host;
  }
}

TEST_F(AdminTest, OtherPostsAreAnsweredLaterFromAnyThread) {
  AdminHooks with_posts = hooks();
  std::vector<std::jthread> threads;
  with_posts.post = [&](std::string path, const AdminHooks::Answer& answer) {
    threads.emplace_back([path = std::move(path), answer] {
      answer({.status = 200, .body = "done " + path});
      answer({.status = 500});  // Once is enough.
    });
  };
  const AdminServer admin("127.0.0.1:0", metrics, with_posts);
  const std::string where = "127.0.0.1:" + std::to_string(admin.port());
  EXPECT_EQ(fetch(where, "POST", "/ship/x")->body, "done /ship/x");
  EXPECT_EQ(fetch(where, "POST", "/accept")->body, "done /accept");
  EXPECT_EQ(fetch(where, "GET", "/accept")->status, 404);
  EXPECT_EQ(fetch(where, "POST", "/drain")->status, 202);
  threads.clear();  // Joins: an answer needs the server.
}

TEST_F(AdminTest, EndsWhileAPostIsNotAnswered) {
  AdminHooks with_posts = hooks();
  AdminHooks::Answer kept;
  std::promise<void> asked;
  with_posts.post = [&](const std::string&, AdminHooks::Answer answer) {
    kept = std::move(answer);
    asked.set_value();
  };
  std::optional<AdminServer> admin(std::in_place, "127.0.0.1:0", metrics, with_posts);
  const std::string where = "127.0.0.1:" + std::to_string(admin->port());
  const std::jthread client([&] { EXPECT_FALSE(fetch(where, "POST", "/accept")); });
  asked.get_future().wait();
  admin.reset();
}

TEST_F(AdminTest, OtherPathsAreNotFound) {
  const AdminServer plain("127.0.0.1:0", metrics, {});
  const std::string where = "127.0.0.1:" + std::to_string(plain.port());
  EXPECT_EQ(fetch(where, "GET", "/ops")->status, 404);
  EXPECT_EQ(fetch(where, "GET", "/status")->status, 404);
  EXPECT_EQ(fetch(where, "GET", "/readyz")->status, 200);
}

TEST_F(AdminTest, ServesThePagesOfItsHookByGetOnlyAndKeepsItsOwnPaths) {
  AdminHooks with_pages = hooks();
  std::atomic<int> drawn = 0;
  with_pages.pages = [&](std::string_view path) -> std::optional<Response> {
    ++drawn;
    if (path != "/ops" && path != "/livez") return std::nullopt;
    return Response{.content_type = "text/html", .body = "<p>"};
  };
  const AdminServer admin("127.0.0.1:0", metrics, std::move(with_pages));
  const std::string where = "127.0.0.1:" + std::to_string(admin.port());
  EXPECT_EQ(fetch(where, "GET", "/ops")->body, "<p>");
  EXPECT_EQ(fetch(where, "GET", "/ops")->header("content-type"), "text/html");
  EXPECT_EQ(fetch(where, "HEAD", "/ops")->status, 200);
  EXPECT_EQ(drawn, 3);
  const auto refused = fetch(where, "POST", "/ops");
  EXPECT_EQ(refused->status, 405);
  EXPECT_EQ(refused->header("allow"), "GET, HEAD");
  EXPECT_EQ(drawn, 3) << "a page is drawn for nobody";
  EXPECT_EQ(fetch(where, "POST", "/other")->status, 405);
  EXPECT_NE(fetch(where, "GET", "/livez")->body, "<p>");
  EXPECT_EQ(fetch(where, "GET", "/other")->status, 404);
}

TEST_F(AdminTest, ATakenAddressIsNamed) {
  const AdminServer admin("127.0.0.1:0", metrics, {});
  const std::string where = "127.0.0.1:" + std::to_string(admin.port());
  EXPECT_THROW(AdminServer(where, metrics, {}), StartupError);
}

}  // namespace
}  // namespace depot::http
