#include "tests/support/customer.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <stdexcept>

namespace depot::test {
namespace json = boost::json;

std::string unique(const std::string& prefix) {
  static std::atomic<int> count{0};
  return prefix + "-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

protocol::PlaceOrder asked_for(const Lines& lines, protocol::OrderMode mode) {
  protocol::PlaceOrder asked;
  asked.mode = mode;
  for (const auto& [offer, quantity] : lines) {
    asked.lines.push_back({.offer = offer, .quantity = quantity, .seen_price = {}});
  }
  std::ranges::sort(asked.lines, {}, &protocol::OrderLine::offer);
  asked.fingerprint = protocol::fingerprint_of(asked);
  return asked;
}

std::string order_body(const Lines& lines, const std::string& mode) {
  json::array items;
  for (const auto& [offer, quantity] : lines) {
    items.push_back(json::object{{"offer_id", offer}, {"quantity", quantity}});
  }
  return json::serialize(json::object{{"mode", mode}, {"lines", items}});
}

std::string log_in_body(const std::string& email, const std::string& password) {
  return json::serialize(json::object{{"email", email}, {"password", password}});
}

Customer::Customer(int port, bool with_card)
    : client_(port), email_(unique("customer") + "@example.test") {
  const json::object body{{"email", email_},
                          {"password", kPassword},
                          {"first_name", "Test"},
                          {"last_name", "Customer"}};
  const HttpReply reply = client_.request("POST", "/v1/accounts", json::serialize(body));
  if (reply.status != 201) {
    throw std::runtime_error("sign-up: " + std::to_string(reply.status) + " " + reply.body);
  }
  id_ = reply.json().at("customer_id").as_string();
  token_ = reply.json().at("token").as_string();
  if (!with_card) return;
  const HttpReply card = attach_card();
  if (card.status != 200) {
    throw std::runtime_error("card: " + std::to_string(card.status) + " " + card.body);
  }
}

HttpReply Customer::request(std::string_view method, std::string_view target, std::string_view body,
                            Headers headers) {
  headers.emplace_back("Authorization", "Bearer " + token_);
  return client_.request(method, target, body, headers);
}

HttpReply Customer::attach_card(const std::string& number, const std::string& code) {
  const json::object body{{"number", number}, {"exp_month", 12}, {"exp_year", 2035}, {"cvc", code}};
  return request("PUT", "/v1/account/card", json::serialize(body));
}

HttpReply Customer::buy(const Lines& lines, const std::string& key, const std::string& mode) {
  return request("POST", "/v1/orders", order_body(lines, mode), {{"Idempotency-Key", key}});
}

HttpReply Customer::buy_cart(std::int64_t cart_version, const std::string& key,
                             const std::string& mode) {
  const json::object body{{"mode", mode}, {"cart_version", cart_version}};
  return request("POST", "/v1/orders", json::serialize(body), {{"Idempotency-Key", key}});
}

HttpReply Customer::add_to_cart(const std::string& offer, std::int64_t quantity) {
  const json::object body{{"offer_id", offer}, {"quantity", quantity}};
  return request("POST", "/v1/cart/lines", json::serialize(body));
}

std::vector<json::value> Customer::orders() {
  std::vector<json::value> all;
  std::string target = "/v1/orders?limit=100";
  while (true) {
    const HttpReply reply = request("GET", target);
    if (reply.status != 200) throw std::runtime_error("orders: " + reply.body);
    const json::value page = reply.json();
    for (const json::value& order : page.at("items").as_array()) all.push_back(order);
    if (page.at("next_cursor").is_null()) return all;
    target = "/v1/orders?limit=100&cursor=" + std::string(page.at("next_cursor").as_string());
  }
}

HttpReply Customer::buy_surely(const Lines& lines, const std::string& key, const std::string& mode,
                               std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::string last;
  while (std::chrono::steady_clock::now() < end) {
    try {
      HttpReply reply = buy(lines, key, mode);
      if (reply.status < 500 && reply.status != 429) return reply;
      last = std::to_string(reply.status) + " " + reply.body;
    } catch (const WireError& error) {
      last = error.what();
    }
    poll(nullptr, 0, 20);  // A client's back-off, not a wait for anything.
  }
  throw std::runtime_error("no definite answer for " + key + "; the last was: " + last);
}

std::int64_t available(int port, const std::string& offer) {
  HttpClient client(port);
  const HttpReply reply = client.request("GET", "/v1/catalogue/" + offer);
  return reply.status == 200 ? reply.json().at("available").as_int64() : -1;
}

}  // namespace depot::test
