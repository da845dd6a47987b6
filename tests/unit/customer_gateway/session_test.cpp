#include "customer_gateway/session.hpp"

#include <gtest/gtest.h>

namespace depot::customer_gateway {
namespace {

TEST(SessionTest, CookieIsFoundAmongOthers) {
  EXPECT_EQ(cookie_value("sid=abc", "sid"), "abc");
  EXPECT_EQ(cookie_value("a=1; sid=abc; b=2", "sid"), "abc");
  EXPECT_EQ(cookie_value("a=1;sid=abc ", "sid"), "abc");
  EXPECT_EQ(cookie_value("sid=", "sid"), "");
  EXPECT_EQ(cookie_value("xsid=abc; sid2=x", "sid"), std::nullopt);
  EXPECT_EQ(cookie_value("sid", "sid"), std::nullopt);
  EXPECT_EQ(cookie_value(";;; ;", "sid"), std::nullopt);
  EXPECT_EQ(cookie_value("", "sid"), std::nullopt);
}

TEST(SessionTest, CookieIsForTheServerOnly) {
  EXPECT_EQ(session_cookie("t", false), "sid=t; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_EQ(ended_session_cookie(false), "sid=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

TEST(SessionTest, SecureCookieIsTheHostsOwn) {
  EXPECT_EQ(session_cookie("t", true), "__Host-sid=t; Path=/; HttpOnly; SameSite=Lax; Secure");
  const std::string token = Token{"AAAAAAAAAAAAAAAA", make_token_secret()}.text();
  const std::string plain = "sid=" + token, secure = "__Host-sid=" + token;
  for (const auto& [cookie, wants, found] : {std::tuple(plain, false, true),
                                             {plain, true, false},
                                             {secure, true, true},
                                             {secure, false, false}}) {
    const http::Request::Field fields[] = {{"Cookie", cookie}};
    EXPECT_EQ(token_of({.fields = fields}, wants).has_value(), found) << cookie << wants;
  }
}

TEST(SessionTest, AManufacturersTokenIsNoCustomersAndHasACookieOfItsOwn) {
  const std::string maker = ManufacturerToken{"tea-co", make_token_secret()}.text();
  const std::string customer = Token{"AAAAAAAAAAAAAAAA", make_token_secret()}.text();
  EXPECT_EQ(session_cookie("t", false, kManufacturerCookie),
            "manufacturer=t; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_EQ(ended_session_cookie(true, kManufacturerCookie),
            "__Host-manufacturer=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
  struct Row {
    std::string_view header;
    std::string value;
    bool secure, is_customer, is_maker;
  };
  const Row rows[] = {
      {"Authorization", "Bearer " + maker, false, false, true},
      {"Authorization", "Bearer " + customer, false, true, false},
      {"Authorization", "Basic " + maker, false, false, false},
      {"Cookie", "sid=" + customer + "; manufacturer=" + maker, false, true, true},
      {"Cookie", "sid=" + maker + "; manufacturer=" + customer, false, false, false},
      {"Cookie", "manufacturer=" + maker, true, false, false},
      {"Cookie", "__Host-manufacturer=" + maker, true, false, true},
      {"Cookie", "__Host-manufacturer=" + maker, false, false, false},
  };
  for (const Row& row : rows) {
    const http::Request::Field fields[] = {{row.header, row.value}};
    const http::Request request{.fields = fields};
    EXPECT_EQ(token_of(request, row.secure).has_value(), row.is_customer) << row.value;
    EXPECT_EQ(manufacturer_token_of(request, row.secure).has_value(), row.is_maker) << row.value;
  }
}

TEST(NamedAddressTest, IsTheLastThatTheProxyNames) {
  struct Row {
    std::vector<http::Request::Field> fields;
    std::string wanted;
  };
  const std::vector<Row> rows = {
      {{{"x-forwarded-for", "203.0.113.9"}}, "203.0.113.9"},
      {{{"X-Forwarded-For", "198.51.100.1,203.0.113.9"}}, "203.0.113.9"},
      {{{"X-Forwarded-For", "198.51.100.1, 203.0.113.9:4711"}}, "203.0.113.9"},
      {{{"X-Forwarded-For", "198.51.100.1"}, {"X-Forwarded-For", "203.0.113.9"}}, "203.0.113.9"},
      {{{"X-Forwarded-For", "[2001:db8:1:2::9]:4711"}}, "2001:db8:1:2::"},
      {{{"X-Forwarded-For", "unknown"}}, ""},
      {{{"X-Forwarded-For", ""}}, ""},
      {{{"X-Forwarded-For", "203.0.113.9,"}}, ""},
      {{{"X-Real-IP", "203.0.113.9"}}, ""},
  };
  for (const Row& row : rows) {
    const http::Request request{.address = "127.0.0.1", .fields = row.fields};
    EXPECT_EQ(named_address(request, "X-Forwarded-For").value_or(""), row.wanted);
  }
}

}  // namespace
}  // namespace depot::customer_gateway
