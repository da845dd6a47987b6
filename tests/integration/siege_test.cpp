// Those who stay at the door: who replays a session, guesses a password or a name, holds
// connections open.
//
// Source:  docs/openapi.yaml, "Signing in"; OWASP ASVS 5.0, 6.3, 7.2 and 7.4; slowhttptest's modes
//          -H, -B, -X and -R.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <thread>

#include "tests/integration/pages.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace json = boost::json;

std::string cookie_in(const HttpReply& reply) {
  const std::string cookie = reply.header("set-cookie");
  return cookie.substr(0, cookie.find(';'));
}

class SessionsTest : public testing::Test {
 protected:
  void SetUp() override { cluster_.start(); }
  // The statuses of GET /v1/account at both gateways, by header and by cookie.
  std::set<int> statuses(const std::string& token) {
    std::set<int> all;
    for (int gateway = 0; gateway < 2; ++gateway) {
      for (const Headers& headers :
           {Headers{{"Authorization", "Bearer " + token}}, Headers{{"Cookie", "sid=" + token}}}) {
        all.insert(
            HttpClient(cluster_.port(gateway)).request("GET", "/v1/account", "", headers).status);
      }
    }
    return all;
  }
  HttpReply log_in(const std::string& email, const std::string& password, Headers headers = {}) {
    headers.emplace_back("Sec-Fetch-Site", "same-origin");
    return HttpClient(cluster_.port())
        .request("POST", "/v1/sessions", log_in_body(email, password), headers);
  }
  Cluster cluster_{{"gateway.count", "2"}};
};

const std::set<int> kAlive = {200}, kDead = {401};

TEST_F(SessionsTest, ALogInMakesAnIdOfItsOwnAndEndsTheOneThatItCameWith) {
  Customer planter(cluster_.port(), false), customer(cluster_.port(), false);
  for (const std::string door : {"/v1/sessions", "/login", "/v1/accounts", "/signup"}) {
    SCOPED_TRACE(door);
    // Of one who signs in the session that somebody has planted, or his own of before.
    const std::string planted(log_in(planter.email(), kPassword).json().at("token").as_string());
    const std::string email = door == "/login" || door == "/v1/sessions"
                                  ? customer.email()
                                  : unique("siege") + "@example.test";
    const json::object account{
        {"email", email}, {"password", kPassword}, {"first_name", "A"}, {"last_name", "B"}};
    const bool api = door.starts_with("/v1/");
    const std::string body = door == "/v1/sessions" ? log_in_body(email, kPassword)
                             : api                  ? json::serialize(account)
                                                    : encoded({{"email", email},
                                                               {"password", kPassword},
                                                               {"first_name", "A"},
                                                               {"last_name", "B"}});
    const HttpReply in =
        HttpClient(cluster_.port())
            .request(
                "POST", door, body,
                {{"Cookie", "sid=" + planted},
                 {"Origin", "http://localhost"},
                 {"Content-Type", api ? "application/json" : "application/x-www-form-urlencoded"}});
    ASSERT_EQ(in.status, api ? 201 : 303) << in.body;
    const std::string fresh = cookie_in(in).substr(sizeof("sid=") - 1);
    EXPECT_NE(fresh, planted);
    EXPECT_EQ(statuses(planted), kDead);
    EXPECT_EQ(statuses(fresh), kAlive);
  }
  EXPECT_EQ(statuses(planter.token()), kAlive) << "another session is not concerned";
  // A log-in that fails ends nothing, and a dead session is in nobody's way.
  const Headers own = {{"Cookie", "sid=" + planter.token()}};
  EXPECT_EQ(log_in(planter.email(), "not the one", own).status, 401);
  EXPECT_EQ(statuses(planter.token()), kAlive);
  EXPECT_EQ(log_in(planter.email(), kPassword, own).status, 201);
  EXPECT_EQ(statuses(planter.token()), kDead);
  EXPECT_EQ(log_in(planter.email(), kPassword, own).status, 201);
}

TEST_F(SessionsTest, AnEndedSessionIsDeadAtEveryGateway) {
  Customer customer(cluster_.port(), false);
  const std::string second(log_in(customer.email(), kPassword).json().at("token").as_string());
  EXPECT_EQ(statuses(second), kAlive);
  ASSERT_EQ(customer
                .request("PATCH", "/v1/account",
                         R"({"password": "another good one", "current_password": ")" +
                             std::string(kPassword) + "\"}")
                .status,
            200);
  EXPECT_EQ(statuses(second), kDead);
  EXPECT_EQ(statuses(customer.token()), kAlive);
  ASSERT_EQ(customer.request("DELETE", "/v1/sessions/current").status, 204);
  EXPECT_EQ(statuses(customer.token()), kDead);
  // Neither comes back with a later session.
  EXPECT_EQ(log_in(customer.email(), "another good one").status, 201);
  EXPECT_EQ(statuses(second), kDead);
  EXPECT_EQ(statuses(customer.token()), kDead);
}

TEST(GuessingTest, IsThrottledByAccountAndTheOwnerComesBackWhenRetryAfterSays) {
  constexpr int kFailuresMax = 3;
  Cluster cluster{{"accounts.failed_logins_per_account_max", std::to_string(kFailuresMax)},
                  {"accounts.login_window", "4s"}};
  cluster.start();
  Customer owner(cluster.port(), false);
  HttpClient client(cluster.port());
  const auto log_in = [&](const std::string& password) {
    return client.request("POST", "/v1/sessions", log_in_body(owner.email(), password));
  };
  const auto began = Clock::now();
  int wrong = 0;
  HttpReply last;
  for (int i = 0; i < 30; ++i) {
    last = log_in("guess " + std::to_string(i));
    wrong += last.status == 401;
    ASSERT_THAT(last.status, testing::AnyOf(401, 429));
  }
  const bool in_one_window = Clock::now() - began < 4s;
  EXPECT_TRUE(wrong == kFailuresMax || !in_one_window) << wrong;
  ASSERT_EQ(last.status, 429);
  const int wait = std::stoi(last.header("retry-after"));
  EXPECT_GE(wait, 1);
  EXPECT_LE(wait, 4);
  const bool early = log_in(kPassword).status == 429;
  EXPECT_TRUE(early || Clock::now() - began >= 4s);
  // Neither guesses nor what the owner tries meanwhile make it longer: else this would never end.
  EXPECT_TRUE(wait_until(
      30s, [&] { return log_in(kPassword).status == 201; }, "the owner is let in"));
  EXPECT_EQ(log_in("a guess").status, 401) << "counted from none again";
}

TEST(GuessingTest, FromElsewhereTheOwnerIsNotLockedOut) {
  Cluster cluster{{"accounts.failed_logins_per_account_max", "3"},
                  {"gateway.client_address_header", "X-Forwarded-For"}};
  cluster.start();
  Customer owner(cluster.port(), false);
  HttpClient client(cluster.port());
  const auto log_in = [&](const std::string& from, const std::string& password) {
    return client
        .request("POST", "/v1/sessions", log_in_body(owner.email(), password),
                 {{"X-Forwarded-For", from}})
        .status;
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(log_in("203.0.113.9", "a guess"), 401);
  EXPECT_EQ(log_in("203.0.113.9", kPassword), 429);
  EXPECT_EQ(log_in("198.51.100.1, 203.0.113.9", kPassword), 429) << "what a client puts there";
  EXPECT_EQ(log_in("203.0.113.9, 198.51.100.1", kPassword), 201);
}

TEST(GuessingTest, IsThrottledByAddressWhateverTheAccount) {
  Cluster cluster{{"accounts.failed_logins_per_address_max", "5"}};
  cluster.start();
  Customer owner(cluster.port(), false);
  HttpClient client(cluster.port());
  const auto log_in = [&](const std::string& email, const std::string& password) {
    return client.request("POST", "/v1/sessions", log_in_body(email, password));
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(log_in(unique("nobody") + "@example.test", "spray").status, 401);
  }
  const HttpReply refused = log_in(owner.email(), kPassword);
  EXPECT_EQ(refused.problem(), "rate_limited");
  const int wait = std::stoi(refused.header("retry-after"));
  EXPECT_GT(wait, 14 * 60) << "the window's default is 15 minutes";
  EXPECT_LE(wait, 15 * 60);
  EXPECT_EQ(owner.request("GET", "/v1/account").status, 200) << "a session goes on";
}

TEST(GuessingTest, ASignUpSaysOnlySoOftenThatAnEmailIsTaken) {
  Cluster cluster{{"accounts.taken_emails_told_per_address_max", "5"},
                  {"gateway.client_address_header", "X-Forwarded-For"}};
  cluster.start();
  Customer owner(cluster.port(), false);
  HttpClient client(cluster.port());
  const Headers from = {{"X-Forwarded-For", "203.0.113.9"}};
  const auto sign_up = [&](const std::string& email, const Headers& headers) {
    const json::object account{
        {"email", email}, {"password", kPassword}, {"first_name", "A"}, {"last_name", "B"}};
    return client.request("POST", "/v1/accounts", json::serialize(account), headers);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sign_up(owner.email(), from).problem(), "email_taken");
  for (const std::string& email : {owner.email(), unique("nobody") + "@example.test"}) {
    const HttpReply refused = sign_up(email, from);
    EXPECT_EQ(refused.problem(), "rate_limited");
    EXPECT_GT(std::stoi(refused.header("retry-after")), 0);
  }
  const json::object other{{"email", "else@example.test"}, {"current_password", kPassword}};
  EXPECT_EQ(owner.request("PATCH", "/v1/account", json::serialize(other), from).problem(),
            "rate_limited");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(sign_up(owner.email(), {}).problem(), "email_taken") << "a script of this machine";
  }
}

TEST(GuessingTest, AnUnknownNameIsAsAWrongPasswordInAllThatIsSeen) {
  constexpr int kAsked = 15;
  Cluster cluster{{"accounts.failed_logins_per_account_max", "1000"},
                  {"accounts.failed_logins_per_address_max", "1000"},
                  {"gateway.request_budget", "60s"},
                  {"accounts.password_passes", "2"},  // As by default: what there is to be seen.
                  {"accounts.password_memory", "19MiB"}};
  cluster.start();
  Customer owner(cluster.port(), false);
  HttpClient client(cluster.port());
  std::map<std::string, std::vector<Clock::duration>> times;
  std::map<std::string, std::set<std::string>> seen;
  for (int i = 0; i < kAsked; ++i) {
    for (const std::string& email : {owner.email(), unique("nobody") + "@example.test"}) {
      const std::string who = email == owner.email() ? "wrong" : "unknown";
      const auto began = Clock::now();
      const HttpReply reply =
          client.request("POST", "/v1/sessions", log_in_body(email, "not the one"));
      times[who].push_back(Clock::now() - began);
      std::string all = std::to_string(reply.status) + reply.body;
      for (const auto& [name, value] : reply.headers) {
        if (name != "date") all.append("\n").append(name).append(": ").append(value);
      }
      seen[who].insert(all);
      EXPECT_EQ(reply.status, 401) << reply.body;
    }
  }
  EXPECT_EQ(seen["wrong"].size(), 1u);
  EXPECT_EQ(seen["wrong"], seen["unknown"]);
  for (auto& [who, each] : times) std::sort(each.begin(), each.end());
  const auto wrong = times["wrong"][kAsked / 2], unknown = times["unknown"][kAsked / 2];
  EXPECT_LT(wrong, unknown * 2);
  EXPECT_LT(unknown, wrong * 2);
  Browser browser(cluster.port());
  const auto page = [&](const std::string& email) {
    const HttpReply reply = browser.post("/login", {{"email", email}, {"password", "not it"}});
    std::string body = reply.body;
    const std::size_t at = body.find(email);
    return std::to_string(reply.status) +
           (at == std::string::npos ? body : body.erase(at, email.size()));
  };
  EXPECT_EQ(page(owner.email()), page("nobody@example.test"));
}

// One connection of a slow client; it comes back as often as it is cut off.
struct Slow {
  enum Mode { heads, bodies, reads, ranges } mode;
  std::optional<Wire> wire = {};
  int ended = 0;

  std::string_view begin() const {
    static const std::string range = [] {
      std::string many = "GET /openapi.yaml HTTP/1.1\r\nHost: h\r\nRange: bytes=0-";
      for (int i = 0; i < 1'000; ++i) many += ",5-" + std::to_string(i + 5);
      return many + "\r\n\r\n";
    }();
    static const std::string page = [] {  // More than the kernel takes for one that reads nothing.
      std::string many;
      for (int i = 0; i < 110; ++i) many += "GET /openapi.yaml HTTP/1.1\r\nHost: h\r\n\r\n";
      return many;
    }();
    switch (mode) {
      case heads:
        return "GET /v1/catalogue HTTP/1.1\r\nHost: h\r\nX-Slow: ";
      case bodies:
        return "POST /v1/sessions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
               "Content-Length: 100000\r\n\r\n{";
      case reads:
        return page;
      case ranges:
        return range;
    }
    return "";
  }
  void turn(int port) {
    if (!wire) {
      wire.emplace(port);
      const int small = 4096;
      ::setsockopt(wire->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      wire->send(begin());
      return;
    }
    char bytes[512];
    const bool reading = mode == ranges;
    const ssize_t got =
        ::recv(wire->fd(), bytes, sizeof bytes, MSG_DONTWAIT | (reading ? 0 : MSG_PEEK));
    bool cut = got == 0 || (got < 0 && errno != EAGAIN);
    if (mode == heads || mode == bodies) {
      cut = cut || ::send(wire->fd(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
    }
    // A peer that is cut off with answers unread learns of it by its poll.
    pollfd item{wire->fd(), 0, 0};
    cut = cut || (::poll(&item, 1, 0) == 1 && (item.revents & (POLLHUP | POLLERR)) != 0);
    if (!cut) return;
    ++ended;
    wire.reset();
  }
};

TEST(SlowClientsTest, AHundredHoldNobodyUp) {
  constexpr int kSlow = 100, kGood = 5;
  constexpr auto kLast = 10s;
  Cluster cluster{{"gateway.header_deadline", "2s"},
                  {"gateway.body_deadline", "2s"},
                  {"gateway.write_deadline", "2s"},
                  {"gateway.idle_timeout", "3s"}};
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 1'000'000}});
  const int port = cluster.port();
  const std::vector<pid_t> before = cluster.pids("depot-gateway");
  const std::string whole = HttpClient(port).request("GET", "/openapi.yaml").body;
  const HttpReply part =
      HttpClient(port).request("GET", "/openapi.yaml", "", {{"Range", "bytes=0-,0-1,1-2"}});
  EXPECT_EQ(part.status, 200) << "ranges are not served, so many are no more work than one";
  EXPECT_EQ(part.body, whole);

  std::atomic<bool> stop{false};
  std::vector<Slow> slow;
  for (int i = 0; i < kSlow; ++i) slow.push_back({static_cast<Slow::Mode>(i % 4)});
  std::thread besiegers([&] {
    while (!stop) {
      for (Slow& each : slow) each.turn(port);
      poll(nullptr, 0, 50);  // Their pace, not a wait for anything.
    }
  });
  std::vector<std::vector<Clock::duration>> took(kGood);
  std::vector<std::thread> good;
  for (auto& mine : took) {
    good.emplace_back([&mine, port, end = Clock::now() + kLast] {
      Customer customer(port);
      while (Clock::now() < end) {
        for (int what = 0; what < 3; ++what) {
          const auto began = Clock::now();
          const HttpReply reply = what == 0   ? customer.request("GET", "/v1/catalogue")
                                  : what == 1 ? customer.cart()
                                              : customer.buy({{"m1:a", 1}}, unique("key"));
          mine.push_back(Clock::now() - began);
          EXPECT_LT(reply.status, 300) << reply.body;
        }
        poll(nullptr, 0, 20);  // As a client thinks.
      }
    });
  }
  for (std::thread& each : good) each.join();
  stop = true;
  besiegers.join();

  std::vector<Clock::duration> all;
  for (const auto& mine : took) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  EXPECT_GT(all.size(), 500u);
  EXPECT_LT(all[all.size() * 99 / 100], 1s);
  std::map<int, int> ended;
  for (const Slow& each : slow) ended[each.mode] += each.ended;
  EXPECT_GT(ended[Slow::heads], 0);
  EXPECT_GT(ended[Slow::bodies], 0);
  EXPECT_TRUE(wait_until(
      15s, [&] { return cluster.metric("depot_http_connections") == 0; },
      "all are cut off, those that read nothing too"));
  EXPECT_EQ(cluster.pids("depot-gateway"), before);
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
