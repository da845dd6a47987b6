// A browser without scripts, and the shop that it looks at.
//
// Threads: one.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"

namespace depot::test {

using Form = std::vector<std::pair<std::string, std::string>>;

inline std::string encoded(const Form& form) {
  std::string out;
  char escape[4];
  for (const auto& [name, value] : form) {
    (out += out.empty() ? "" : "&") += name + "=";
    for (const unsigned char c : value) {
      std::snprintf(escape, sizeof(escape), "%%%02X", c);
      out += escape;
    }
  }
  return out;
}

// Keeps the session's cookie and the last page.
class Browser {
 public:
  explicit Browser(int port) : client_(port) {}

  HttpReply get(const std::string& path) { return keep(client_.request("GET", path, "", head())); }
  HttpReply post(const std::string& path, const Form& form) {
    Headers headers = head();
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    headers.emplace_back("Sec-Fetch-Site", "same-origin");
    return keep(client_.request("POST", path, encoded(form), headers));
  }
  // The value of the first field of that name in the last page.
  std::string field(const std::string& name) const {
    return behind("name=\"" + name + "\" value=\"");
  }
  std::string behind(const std::string& mark) const {
    const std::size_t at = page_.find(mark);
    if (at == std::string::npos) return "";
    return page_.substr(at + mark.size(), page_.find('"', at + mark.size()) - at - mark.size());
  }
  void sign_up(bool with_card = true) {
    email_ = unique("page") + "@example.test";
    const auto reply = post("/signup", {{"email", email_},
                                        {"password", kPassword},
                                        {"first_name", "Ada"},
                                        {"last_name", "Lovelace"},
                                        {"next", field("next")},
                                        {"offer_id", field("offer_id")},
                                        {"quantity", field("quantity")}});
    ASSERT_EQ(reply.status, 303) << reply.body;
    if (with_card) attach_card();
  }
  HttpReply attach_card(const std::string& number = "4242 4242 4242 4242",
                        const std::string& code = "737") {
    return post("/account/card", {{"number", number},
                                  {"exp_month", "12"},
                                  {"exp_year", "2035"},
                                  {"cvc", code},
                                  {"next", field("next")}});
  }
  HttpReply add(const std::string& offer, int quantity) {
    return post("/cart/add", {{"offer_id", offer}, {"quantity", std::to_string(quantity)}});
  }
  // Presses the button of the cart that the last page shows.
  HttpReply buy(const std::string& mode = "all_or_nothing") {
    return post("/cart/buy",
                {{"key", field("key")}, {"cart_version", field("cart_version")}, {"mode", mode}});
  }
  const std::string& email() const { return email_; }
  Headers head() const {
    Headers headers{{"Accept", "text/html"}};
    std::string cookies;
    for (const auto& [name, value] : cookies_) {
      cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
    }
    if (!cookies.empty()) headers.emplace_back("Cookie", cookies);
    return headers;
  }

 private:
  HttpReply keep(HttpReply reply) {
    for (const auto& [name, cookie] : reply.headers) {
      if (name != "set-cookie") continue;
      const std::size_t equals = cookie.find('='), end = cookie.find(';');
      const std::string key = cookie.substr(0, equals);
      cookies_[key] = cookie.substr(equals + 1, end - equals - 1);
      if (cookie.ends_with("; Max-Age=0")) cookies_.erase(key);
    }
    if (!reply.body.empty()) page_ = reply.body;
    return reply;
  }
  HttpClient client_;
  std::map<std::string, std::string> cookies_;
  std::string page_, email_;
};

class PagesTest : public testing::Test {
 protected:
  void start() {
    cluster_.start();
    cluster_.import({{.manufacturer = "alder",
                      .sku = "mug",
                      .offered = 10,
                      .unit_price = "5.00",
                      .name = "Mug"},
                     {.manufacturer = "alder", .sku = "lamp", .offered = 1, .name = "Lamp <b>&'x'"},
                     {.manufacturer = "beech",
                      .sku = "mug",
                      .offered = 50,
                      .unit_price = "6.00",
                      .name = "Mug"}});
  }
  std::int64_t left(const std::string& offer) { return available(cluster_.port(), offer); }

  Cluster cluster_{{"gateway.request_budget", "1500ms"}};
};

}  // namespace depot::test
