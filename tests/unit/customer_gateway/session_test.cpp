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
  EXPECT_EQ(session_cookie("t"), "sid=t; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_EQ(ended_session_cookie(), "sid=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

TEST(SessionTest, OnlyTheSameOriginMayChangeThings) {
  struct Row {
    OriginHeaders headers;
    bool allowed;
  };
  const Row rows[] = {
      {{"", "", "shop:8080"}, true},  // no browser
      {{"same-origin", "", "shop"}, true},
      {{"none", "", "shop"}, true},  // typed into the address bar
      {{"same-site", "", "shop"}, false},
      {{"cross-site", "", "shop"}, false},
      {{"cross-site", "http://shop", "shop"}, false},
      {{"same-origin", "http://evil", "shop"}, true},  // The browser knows better than a proxy.
      {{"", "http://shop:8080", "shop:8080"}, true},
      {{"", "https://SHOP:8080", "shop:8080"}, true},
      {{"", "http://shop", "shop:8080"}, false},
      {{"", "http://evil/shop:8080", "shop:8080"}, false},
      {{"", "http://shop:8080.evil", "shop:8080"}, false},
      {{"", "null", "null"}, false},
      {{"", "shop:8080", "shop:8080"}, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(same_origin(row.headers), row.allowed)
        << row.headers.sec_fetch_site << " " << row.headers.origin << " " << row.headers.host;
  }
}

}  // namespace
}  // namespace depot::customer_gateway
