// The engine against an HTTP server whose answers the test chooses: what it repeats, what it
// counts.

#include "bench/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "http/server.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::bench {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;
namespace json = boost::json;

http::Response reply(int status, const std::string& body) {
  http::Response response;
  response.status = status;
  response.body = body;
  return response;
}

// Answers orders by `answer(key, how many requests had this key before)`.
class Gateway {
 public:
  using Answer = std::function<http::Response(const std::string& key, int before)>;
  explicit Gateway(Answer answer) : answer_(std::move(answer)) {
    thread_ = std::jthread([this] { io_.run(); });
  }
  ~Gateway() { io_.stop(); }

  std::string where() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  // Read these when the load has ended.
  std::map<std::string, int> requests;  // by key
  std::vector<std::string> paths;

  static http::Response placed(const std::string& customer, const std::string& key, int units) {
    const std::string order = order_id_for(customer, key);
    return reply(201, R"({"order_id":")" + order + R"(","total":{"amount_minor":)" +
                          std::to_string(units * 100) +
                          R"(,"currency":"EUR"},"lines":[{"offer_id":"m:a","unit_price":)" +
                          R"({"amount_minor":100},"quantity":)" + std::to_string(units) + "}]}");
  }
  static http::Response problem(int status, const std::string& name) {
    return reply(status, R"({"type":"/problems/)" + name + "\"}");
  }

 private:
  void handle(const http::Request& request, http::Responder responder) {
    paths.push_back(std::string(request.method_text) + " " + std::string(request.path));
    if (request.path == "/v1/orders") {
      const std::string key(request.header("idempotency-key"));
      return responder.send(answer_(key, requests[key]++));
    }
    if (request.path == "/v1/account/card") return responder.send(reply(200, "{}"));
    if (request.path == "/v1/cart/lines") {
      return responder.send(reply(200, R"({"cart_version":)" + std::to_string(++cart_) +
                                           R"(,"lines":[{"offer_id":"m:c","quantity":3,)" +
                                           R"("seen_price":{"amount_minor":100}}]})"));
    }
    if (request.path == "/v1/catalogue") return responder.send(reply(200, "{}"));
    const std::string email(json::parse(request.body).at("email").as_string());
    if (request.path == "/v1/accounts" && email.starts_with("known")) {
      return responder.send(problem(409, "email_taken"));
    }
    responder.send(reply(201, R"({"customer_id":")" + customer() + R"(","token":"t"})"));
  }

 public:
  static std::string customer() { return "customer-0000000"; }

 private:
  Answer answer_;
  int cart_ = 0;
  boost::asio::io_context io_{1};
  http::Server server_{io_, {}, [this](const http::Request& request, http::Responder responder) {
                         handle(request, std::move(responder));
                       }};
  std::jthread thread_;
};

class ListSource : public Source {
 public:
  explicit ListSource(std::vector<Order> orders) : orders_(std::move(orders)) {}
  std::optional<Order> next(std::size_t, const Order*) override {
    const std::size_t at = at_++;
    return at < orders_.size() ? std::optional(orders_[at]) : std::nullopt;
  }

 private:
  std::vector<Order> orders_;
  std::atomic<std::size_t> at_{0};
};

std::vector<Order> orders(int count) {
  std::vector<Order> out;
  for (int i = 0; i < count; ++i) {
    out.push_back({.shopper = 0, .key = "k" + std::to_string(i), .lines = {{"m:a", 2, {}}}});
  }
  return out;
}

Tally run(const EngineOptions& options, int count) {
  ListSource source(orders(count));
  const std::vector<Shopper> shoppers = {{Gateway::customer(), "Authorization: Bearer t\r\n"}};
  Progress progress("test", "orders", static_cast<std::uint64_t>(count));
  return buy(options, shoppers, source, progress);
}

TEST(EngineTest, PlacesEachOrderOnceAndCountsUnitsAndMoney) {
  Gateway gateway([](const std::string& key, int) {
    return key == "k7" ? Gateway::problem(409, "insufficient_stock")
                       : Gateway::placed(Gateway::customer(), key, 2);
  });
  const Tally tally = run({.gateways = {gateway.where()}, .lanes = 4, .threads = 2}, 20);
  EXPECT_EQ(tally.placed, 19u);
  EXPECT_EQ(tally.units, 38u);
  EXPECT_EQ(tally.money_minor, 3'800);
  EXPECT_THAT(tally.refused, ElementsAre(Pair("insufficient_stock", 1)));
  EXPECT_EQ(tally.failed_total(), 0u);
  EXPECT_EQ(tally.latency.count(), 20u);
  EXPECT_EQ(gateway.requests.size(), 20u);
  for (const auto& [key, count] : gateway.requests) EXPECT_EQ(count, 1) << key;
}

TEST(EngineTest, LooksAroundAndBuysTheCartWhereTheOrderSaysSo) {
  Gateway gateway(
      [](const std::string& key, int) { return Gateway::placed(Gateway::customer(), key, 2); });
  Order order = orders(1).front();
  order.lines.push_back({"m:b", 1, {}});
  order.looks = {"/v1/catalogue?limit=24"};
  order.by_cart = true;
  ListSource source({order});
  const std::vector<Shopper> shoppers = {{Gateway::customer(), "Authorization: Bearer t\r\n"}};
  Progress progress("test", "orders", 1);
  const Tally tally = buy({.gateways = {gateway.where()}, .lanes = 1}, shoppers, source, progress);
  EXPECT_EQ(tally.placed, 1u);
  EXPECT_EQ(tally.other_requests, 3u);
  EXPECT_EQ(tally.failed_total(), 0u);
  EXPECT_THAT(gateway.paths, ElementsAre("GET /v1/catalogue", "POST /v1/cart/lines",
                                         "POST /v1/cart/lines", "POST /v1/orders"));
}

TEST(EngineTest, LatencyCountsFromWhenTheOrderWasDueAndIsKeptOverTime) {
  Gateway gateway(
      [](const std::string& key, int) { return Gateway::placed(Gateway::customer(), key, 2); });
  std::vector<Order> late = orders(2);
  for (Order& order : late) order.not_before = steady_now() - std::chrono::seconds(3);
  ListSource source(std::move(late));
  const std::vector<Shopper> shoppers = {{Gateway::customer(), "Authorization: Bearer t\r\n"}};
  Progress progress("test", "orders", 2);
  const Tally tally =
      buy({.gateways = {gateway.where()}, .lanes = 1, .window = std::chrono::hours(1)}, shoppers,
          source, progress);
  EXPECT_GE(tally.latency_ms(0), 3'000);
  ASSERT_EQ(tally.over_time.windows().size(), 1u);
  EXPECT_EQ(tally.over_time.windows()[0].answers, 2u);
  EXPECT_EQ(tally.over_time.windows()[0].latency.count(), 2u);
}

TEST(EngineTest, SaysItAgainWithTheSameKeyUntilTheAnswerIsDefinite) {
  Gateway gateway([](const std::string& key, int before) {
    if (before == 0) return Gateway::problem(503, "unavailable");
    if (before == 1) return Gateway::problem(504, "timeout");
    if (before == 2) {
      http::Response broken = reply(500, "not JSON");
      broken.close = true;
      return broken;
    }
    return Gateway::placed(Gateway::customer(), key, 1);
  });
  const Tally tally = run({.gateways = {gateway.where()}, .lanes = 2}, 2);
  EXPECT_EQ(tally.placed, 2u);
  EXPECT_EQ(tally.retries, 6u);
  EXPECT_THAT(gateway.requests, UnorderedElementsAre(Pair("k0", 4), Pair("k1", 4)));
}

TEST(EngineTest, GivesUpAtItsBoundAndNamesTheReason) {
  Gateway gateway([](const std::string&, int) { return Gateway::problem(503, "unavailable"); });
  const Tally tally = run({.gateways = {gateway.where()}, .lanes = 1, .give_up = Millis(50)}, 1);
  EXPECT_EQ(tally.placed, 0u);
  EXPECT_THAT(tally.failed, ElementsAre(Pair("unavailable", 1)));
}

TEST(EngineTest, CountsAnUnreachableGatewayAsFailed) {
  const Tally tally = run({.gateways = {"127.0.0.1:1"}, .lanes = 1, .give_up = Millis(0)}, 1);
  EXPECT_EQ(tally.failed_total(), 1u);
}

TEST(EngineTest, SendsCopiesAtOnceAndExpectsOneAnswer) {
  Gateway honest([](const std::string& key, int before) {
    http::Response response = Gateway::placed(Gateway::customer(), key, 1);
    if (before > 0) response.headers.emplace_back("Idempotency-Replayed", "true");
    return response;
  });
  const Tally tally = run({.gateways = {honest.where()}, .lanes = 2, .copies = 3}, 5);
  EXPECT_EQ(tally.placed, 5u);
  EXPECT_EQ(tally.units, 5u);
  EXPECT_EQ(tally.repeats, 10u);
  for (const auto& [key, count] : honest.requests) EXPECT_EQ(count, 3) << key;

  Gateway fickle([](const std::string& key, int before) {
    return before == 1 ? Gateway::problem(409, "insufficient_stock")
                       : Gateway::placed(Gateway::customer(), key, 1);
  });
  EXPECT_GT(run({.gateways = {fickle.where()}, .lanes = 1, .copies = 3}, 1).failed_total(), 0u);
}

TEST(EngineTest, NoticesAnAnswerWithAnotherOrdersId) {
  Gateway gateway([](const std::string&, int) {
    return Gateway::placed(Gateway::customer(), "another key", 1);
  });
  const Tally tally = run({.gateways = {gateway.where()}, .lanes = 1}, 1);
  EXPECT_EQ(tally.placed, 0u);
  EXPECT_EQ(tally.failed_total(), 1u);
}

TEST(EngineTest, StopsWhenAskedTo) {
  Gateway gateway(
      [](const std::string& key, int) { return Gateway::placed(Gateway::customer(), key, 1); });
  StopSignal stop{SIGUSR2};
  stop.request();
  const Tally none = run({.gateways = {gateway.where()}, .lanes = 1, .stop = &stop}, 3);
  EXPECT_EQ(none.placed + none.refused_total() + none.failed_total(), 0u);
}

TEST(EngineTest, WritesEveryAttemptIntoTheHistory) {
  Gateway gateway([](const std::string& key, int before) {
    if (key == "k1") return Gateway::problem(409, "insufficient_stock");
    return before == 0 ? Gateway::problem(503, "unavailable")
                       : Gateway::placed(Gateway::customer(), key, 1);
  });
  const test::TempDir folder;
  run({.gateways = {gateway.where()}, .lanes = 1, .histories = folder / "."}, 2);
  std::ifstream file(folder / "clients-0.jsonl");
  std::vector<std::string> said;
  for (std::string line; std::getline(file, line);) {
    const json::value row = json::parse(line);
    EXPECT_EQ(row.at("client").as_string(), Gateway::customer());
    EXPECT_EQ(row.at("fingerprint").as_string().size(), 32u);
    EXPECT_LE(row.at("t_invoke_ns").as_int64(), row.at("t_done_ns").as_int64());
    said.push_back(std::string(row.at("key").as_string()) + " " +
                   std::string(row.at("class").as_string()));
    if (row.at("status") == 201) {
      EXPECT_EQ(row.at("order_id").as_string(), order_id_for(Gateway::customer(), "k0"));
      EXPECT_EQ(json::serialize(row.at("bought")), R"([["m:a",1,100]])");
      EXPECT_EQ(row.at("total"), 100);
    }
    EXPECT_EQ(json::serialize(row.at("lines")), R"([["m:a",2]])");
  }
  EXPECT_THAT(said, ElementsAre("k0 unknown", "k0 done", "k1 no"));
}

TEST(EngineTest, WritesIntoTheHistoryWhatStoodInTheCartThatWasBought) {
  Gateway gateway(
      [](const std::string& key, int) { return Gateway::placed(Gateway::customer(), key, 2); });
  Order order = orders(1).front();
  order.mode = protocol::OrderMode::available;
  order.by_cart = true;
  ListSource source({order});
  const std::vector<Shopper> shoppers = {{Gateway::customer(), "Authorization: Bearer t\r\n"}};
  Progress progress("test", "orders", 1);
  const test::TempDir folder;
  buy({.gateways = {gateway.where()}, .lanes = 1, .histories = folder / "."}, shoppers, source,
      progress);
  std::ifstream file(folder / "clients-0.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const json::value row = json::parse(line);
  EXPECT_EQ(row.at("mode"), "available");
  EXPECT_EQ(row.at("cart_version"), 1);
  EXPECT_EQ(json::serialize(row.at("lines")), R"([["m:c",3,100]])");
}

TEST(SignUpTest, SignsUpNewCustomersLogsInKnownOnesAndGivesEachACard) {
  Gateway gateway([](const std::string&, int) { return http::Response{}; });
  const std::vector<std::string> emails = {"new@x.example", "known@x.example"};
  const auto shoppers = sign_up({.gateways = {gateway.where()}}, emails);
  ASSERT_EQ(shoppers.size(), 2u);
  EXPECT_EQ(shoppers[1].customer, Gateway::customer());
  EXPECT_THAT(gateway.paths,
              UnorderedElementsAre("POST /v1/accounts", "PUT /v1/account/card", "POST /v1/accounts",
                                   "POST /v1/sessions", "PUT /v1/account/card"));
}

TEST(SignUpTest, SaysWhichCustomerCouldNotBeSignedUp) {
  const std::vector<std::string> emails = {"new@x.example"};
  try {
    sign_up({.gateways = {"127.0.0.1:1"}, .give_up = Millis(0)}, emails);
    FAIL() << "signed up with nobody";
  } catch (const StartupError& error) {
    EXPECT_EQ(error.exit_code(), kExitUnavailable);
    EXPECT_THAT(error.what(), testing::HasSubstr("sign-up of new@x.example"));
  }
}

}  // namespace
}  // namespace depot::bench
