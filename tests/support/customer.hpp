// A customer who uses the HTTP API: signs up, has a card, fills a cart, buys.
//
// Threads: one.
// Errors:  std::runtime_error where a step that prepares a test (sign-up, card) fails; the answers
// of
//          the others are returned for the test to judge.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "protocol/orders.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {

using Lines = std::vector<std::pair<std::string, std::int64_t>>;  // offer id, quantity

std::string unique(const std::string& prefix);  // "prefix-<pid>-<n>"
// What a history says that was asked for by such lines, no offer twice.
protocol::PlaceOrder asked_for(const Lines& lines,
                               protocol::OrderMode mode = protocol::OrderMode::all_or_nothing);
std::string order_body(const Lines& lines, const std::string& mode = "all_or_nothing");
std::string log_in_body(const std::string& email, const std::string& password);

class Customer {
 public:
  // Signs up with an e-mail of its own; attaches a valid test card unless told not to.
  explicit Customer(int port, bool with_card = true);

  HttpReply request(std::string_view method, std::string_view target, std::string_view body = "",
                    Headers headers = {});
  HttpReply attach_card(const std::string& number = "4242424242424242",
                        const std::string& code = "737");
  HttpReply buy(const Lines& lines, const std::string& key,
                const std::string& mode = "all_or_nothing");
  HttpReply buy_cart(std::int64_t cart_version, const std::string& key,
                     const std::string& mode = "all_or_nothing");
  HttpReply add_to_cart(const std::string& offer, std::int64_t quantity);
  HttpReply cart() { return request("GET", "/v1/cart"); }
  std::vector<boost::json::value> orders();  // all pages

  // As buy(), repeated with the same key until there is a definite answer (not 5xx, not a broken
  // connection), as HTTP_API asks of clients. Fails the wait after `patience`.
  HttpReply buy_surely(const Lines& lines, const std::string& key,
                       const std::string& mode = "all_or_nothing",
                       std::chrono::seconds patience = std::chrono::seconds(30));

  const std::string& id() const { return id_; }
  const std::string& email() const { return email_; }
  const std::string& token() const { return token_; }
  void use_gateway(int port) { client_ = HttpClient(port); }  // the session is valid at all of them

 private:
  HttpClient client_;
  std::string email_, id_, token_;
};

inline constexpr const char* kPassword = "correct horse battery";
inline constexpr std::int64_t kPlenty = 1'000'000;  // units that no test sells out

// What GET /v1/catalogue/{offer} says: units available and unit price; -1 where it is not there.
std::int64_t available(int port, const std::string& offer);

}  // namespace depot::test
