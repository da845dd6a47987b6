// Accounts, sessions and carts over the API, as docs/openapi.yaml has them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cctype>
#include <map>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

TEST(AccountsTest, SessionsBeginAndEndAndAPasswordChangeEndsTheOthers) {
  Cluster cluster;
  cluster.start();
  Customer customer(cluster.port());
  HttpClient client(cluster.port());

  const HttpReply second =
      client.request("POST", "/v1/sessions", log_in_body(customer.email(), kPassword));
  ASSERT_EQ(second.status, 201) << second.body;
  const std::string token(second.json().at("token").as_string());
  EXPECT_NE(token, customer.token());
  const auto as_second = [&](std::string_view method, const std::string& target) {
    return client.request(method, target, "", {{"Authorization", "Bearer " + token}});
  };
  EXPECT_EQ(as_second("GET", "/v1/account").status, 200);

  const std::string change =
      R"({"password": "another good one", "current_password": ")" + std::string(kPassword) + "\"}";
  EXPECT_EQ(customer
                .request("PATCH", "/v1/account", R"({"password": "another good one",
                                                         "current_password": "wrong"})")
                .status,
            403);
  EXPECT_EQ(customer.request("PATCH", "/v1/account", R"({"current_password": "wrong"})").status,
            422)
      << "it would be taken for checked";
  ASSERT_EQ(customer.request("PATCH", "/v1/account", change).status, 200);
  EXPECT_EQ(as_second("GET", "/v1/account").status, 401) << "other sessions end";
  EXPECT_EQ(customer.request("GET", "/v1/account").status, 200) << "the one that asked goes on";
  EXPECT_EQ(client.request("POST", "/v1/sessions", log_in_body(customer.email(), kPassword)).status,
            401);

  EXPECT_EQ(customer.request("DELETE", "/v1/sessions/current").status, 204);
  EXPECT_EQ(customer.request("GET", "/v1/account").status, 401) << "a logged-out token is dead";
}

TEST(AccountsTest, EmailIsUniqueWhateverItsCaseAndLogInsTellNobodyWhoHasOne) {
  Cluster cluster;
  cluster.start();
  Customer customer(cluster.port());
  HttpClient client(cluster.port());
  std::string shouted = customer.email();
  for (char& c : shouted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const json::object again{
      {"email", shouted}, {"password", kPassword}, {"first_name", "A"}, {"last_name", "B"}};
  EXPECT_EQ(client.request("POST", "/v1/accounts", json::serialize(again)).problem(),
            "email_taken");
  EXPECT_EQ(client.request("POST", "/v1/sessions", log_in_body(shouted, kPassword)).status, 201);

  const HttpReply unknown =
      client.request("POST", "/v1/sessions", log_in_body("nobody@example.test", kPassword));
  const HttpReply wrong =
      client.request("POST", "/v1/sessions", log_in_body(customer.email(), "not the one"));
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(unknown.body, wrong.body);
  EXPECT_THAT(wrong.body, testing::HasSubstr("do not go together"));
}

TEST(AccountsTest, FailedLogInsAreThrottledPerAccount) {
  Cluster cluster{{"accounts.failed_logins_per_account_max", "3"}};
  cluster.start();
  Customer victim(cluster.port()), other(cluster.port());
  HttpClient client(cluster.port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(
        client.request("POST", "/v1/sessions", log_in_body(victim.email(), "a wrong one")).status,
        401);
  }
  const HttpReply throttled =
      client.request("POST", "/v1/sessions", log_in_body(victim.email(), "a wrong one"));
  EXPECT_EQ(throttled.status, 429) << throttled.body;
  EXPECT_EQ(throttled.problem(), "rate_limited");
  EXPECT_FALSE(throttled.header("retry-after").empty());
  EXPECT_EQ(client.request("POST", "/v1/sessions", log_in_body(other.email(), kPassword)).status,
            201);
  EXPECT_EQ(victim.request("GET", "/v1/account").status, 200) << "a session goes on meanwhile";
}

TEST(AccountsTest, DeletedAccountIsGoneAndItsSaleStaysInTheBooks) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10}});
  Customer customer(cluster.port());
  ASSERT_EQ(customer.buy({{"m1:a", 2}}, unique("key")).status, 201);
  EXPECT_EQ(customer.request("DELETE", "/v1/account", R"({"password": "wrong one"})").status, 403);
  const std::string body = R"({"password": ")" + std::string(kPassword) + "\"}";
  EXPECT_EQ(customer.request("DELETE", "/v1/account", body).status, 204);
  EXPECT_EQ(customer.request("GET", "/v1/orders").status, 401);
  HttpClient client(cluster.port());
  EXPECT_EQ(client.request("POST", "/v1/sessions", log_in_body(customer.email(), kPassword)).status,
            401);
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster.port(), "m1:a") == 8; }, "8 are left"));
  cluster.expect_clean_audit();
}

TEST(AccountsTest, CardGatesThePurchaseAndItsRemovalTakesTheRightAway) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10}});
  Customer customer(cluster.port(), false);
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).problem(), "card_required");
  ASSERT_EQ(customer.attach_card().status, 200);
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
  EXPECT_EQ(customer.request("DELETE", "/v1/account/card").status, 204);
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).problem(), "card_required");
  EXPECT_TRUE(customer.request("GET", "/v1/account").json().at("card").is_null());
}

TEST(AccountsTest, CookieOfAnotherSiteBuysNothing) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10}});
  Customer customer(cluster.port());
  const auto buy_with_cookie = [&](Headers headers) {
    headers.emplace_back("Cookie", "sid=" + customer.token());
    headers.emplace_back("Idempotency-Key", unique("key"));
    return HttpClient(cluster.port())
        .request("POST", "/v1/orders", order_body({{"m1:a", 1}}), headers);
  };
  EXPECT_EQ(buy_with_cookie({}).problem(), "forbidden") << "nothing says whose page it is";
  EXPECT_EQ(buy_with_cookie({{"Sec-Fetch-Site", "cross-site"}}).problem(), "forbidden");
  EXPECT_EQ(buy_with_cookie({{"Origin", "https://elsewhere.example"}}).problem(), "forbidden");
  EXPECT_EQ(buy_with_cookie({{"Sec-Fetch-Site", "same-origin"}}).status, 201);
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster.port(), "m1:a") == 9; }, "9 are left"));
}

TEST(AccountsTest, CartIsCheckedAgainOnEveryView) {
  Cluster cluster;
  cluster.start();
  const Offer dear{.manufacturer = "m1", .sku = "dear", .offered = 10, .unit_price = "1.00"};
  const Offer gone{.manufacturer = "m1", .sku = "gone", .offered = 10};
  const Offer scarce{.manufacturer = "m1", .sku = "scarce", .offered = 10};
  const Offer fine{.manufacturer = "m1", .sku = "fine", .offered = 10};
  cluster.import({dear, gone, scarce, fine});
  Customer customer(cluster.port());
  for (const Offer& offer : {dear, gone, scarce, fine}) {
    ASSERT_EQ(customer.add_to_cart(offer.id(), 5).status, 200);
  }
  Offer dearer = dear, scarcer = scarce;
  dearer.unit_price = "1.10";
  scarcer.offered = 3;
  cluster.import({dearer, scarcer, fine});  // what is not named is withdrawn

  std::map<std::string, std::string> problems;
  const json::value cart = customer.cart().json();
  for (const json::value& line : cart.at("lines").as_array()) {
    const json::value& problem = line.at("problem");
    problems[std::string(line.at("offer_id").as_string())] =
        problem.is_null() ? "" : std::string(problem.as_string());
  }
  const std::map<std::string, std::string> expected = {{"m1:dear", "price_changed"},
                                                       {"m1:gone", "withdrawn"},
                                                       {"m1:scarce", "short"},
                                                       {"m1:fine", ""}};
  EXPECT_EQ(problems, expected);

  EXPECT_EQ(customer.request("DELETE", "/v1/cart/lines/m1:gone").status, 200);
  EXPECT_EQ(customer.cart().json().at("lines").as_array().size(), 3u);
}

TEST(AccountsTest, CapPerCustomerAndOfferHoldsOverSeveralOrders) {
  Cluster cluster{{"limits.units_per_customer_and_offer_max", "5"}};
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 100}});
  Customer customer(cluster.port()), other(cluster.port());
  EXPECT_EQ(customer.buy({{"m1:a", 3}}, unique("key")).status, 201);
  EXPECT_EQ(customer.buy({{"m1:a", 3}}, unique("key")).problem(), "limit_exceeded");
  EXPECT_EQ(customer.buy({{"m1:a", 2}}, unique("key")).status, 201);
  EXPECT_EQ(other.buy({{"m1:a", 5}}, unique("key")).status, 201);
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
