#include "customer_gateway/routes.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/fatal.hpp"
#include "customer_gateway/gateway.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;

TEST(RoutesTest, PathsFindTheirRoute) {
  struct Row {
    Method method;
    const char *path, *pattern, *parameter, *allow;  // pattern "": none
  };
  const Row rows[] = {
      {Method::post, "/v1/orders", "/v1/orders", "", ""},
      {Method::get, "/v1/orders", "/v1/orders", "", ""},
      {Method::head, "/v1/orders", "/v1/orders", "", ""},
      {Method::get, "/v1/orders/abc", "/v1/orders/{order_id}", "abc", ""},
      {Method::post, "/v1/orders/abc/cancel", "/v1/orders/{order_id}/cancel", "abc", ""},
      {Method::get, "/v1/catalogue/m%3Aa", "/v1/catalogue/{offer_id}", "m:a", ""},
      {Method::get, "/v1/catalogue/a%2Fb", "/v1/catalogue/{offer_id}", "a/b", ""},
      {Method::put, "/v1/orders", "", "", "POST, GET, HEAD"},
      {Method::other, "/v1/orders", "", "", "POST, GET, HEAD"},
      {Method::get, "/v1/orders/abc/cancel", "", "", "POST"},
      {Method::post, "/v1/account", "", "", "GET, HEAD, PATCH, DELETE"},
      {Method::get, "/v1/orders/", "", "", ""},
      {Method::get, "/v1/orders/a/b", "", "", ""},
      {Method::get, "/v1/orders/%zz", "", "", ""},
      {Method::get, "/v1/orders/%2", "", "", ""},
      {Method::get, "/V1/orders", "", "", ""},
      {Method::post, "/v1/orders//cancel", "", "", ""},
      {Method::post, "/v1/orders/cancel", "", "", "GET, HEAD"},
      {Method::get, "/../../etc/passwd", "", "", ""},
      {Method::get, "", "", "", ""},
      {Method::options, "*", "", "", ""},
  };
  for (const Row& row : rows) {
    const Match match = match_route(routes(), row.method, row.path);
    EXPECT_EQ(match.route ? match.route->pattern : "", row.pattern) << row.path;
    EXPECT_EQ(match.parameter, row.parameter) << row.path;
    EXPECT_EQ(match.allow, row.allow) << row.path;
  }
}

TEST(RoutesTest, TableHasNoTwins) {
  std::set<std::pair<Method, std::string_view>> seen;
  for (const Route& route : routes()) {
    EXPECT_TRUE(seen.emplace(route.method, route.pattern).second) << route.pattern;
    EXPECT_NE(route.handler, nullptr);
  }
  EXPECT_NE(print_routes().find("POST /v1/orders/{order_id}/cancel\n"), std::string::npos);
}

TEST(RoutesTest, FormsAreDecoded) {
  const auto form = parse_form("a=1&b=x+y%20%C3%A9&c&=d&&e=1=2");
  ASSERT_TRUE(form);
  const Form expected = {{"a", "1"}, {"b", "x y \xc3\xa9"}, {"c", ""}, {"", "d"}, {"e", "1=2"}};
  EXPECT_EQ(*form, expected);
  EXPECT_EQ(parse_form(""), Form{});
  EXPECT_EQ(parse_form("a=%"), std::nullopt);
  EXPECT_EQ(parse_form("a=%4"), std::nullopt);
  EXPECT_EQ(parse_form("%gg=1"), std::nullopt);
  EXPECT_EQ(percent_decode("a+b"), "a+b") << "a plus is a plus in a path";
}

TEST(RoutesTest, LaterInstancesTakeTheNextPorts) {
  EXPECT_EQ(listen_address("127.0.0.1:8080", "gateway"), "127.0.0.1:8080");
  EXPECT_EQ(listen_address("127.0.0.1:8080", "gateway-1"), "127.0.0.1:8080");
  EXPECT_EQ(listen_address("127.0.0.1:8080", "gateway-3"), "127.0.0.1:8082");
  EXPECT_EQ(listen_address("[::1]:80", "gateway-2"), "[::1]:81");
  EXPECT_EQ(listen_address("127.0.0.1:0", "gateway-2"), "127.0.0.1:0");
}

// SO_REUSEPORT lets threads share a port, and would let strangers share it too.
TEST(GatewayTest, PortOfAnotherGatewayIsRefusedByName) {
  test::TempDir dir;
  Config config;
  config.runtime_dir = dir / "run";
  config.gateway.listen = "127.0.0.1:0";
  config.gateway.io_threads = 2;
  make_runtime_dir(config);
  Log log({.level = LogLevel::error}, "test");
  messaging::Context context;
  Metrics metrics, other_metrics;
  Gateway gateway(context, config, "gateway-1", metrics, log);
  EXPECT_NE(gateway.not_ready(), "");
  config.gateway.listen = "127.0.0.1:" + std::to_string(gateway.port());
  try {
    Gateway twin(context, config, "gateway-1", other_metrics, log);
    FAIL() << "two gateways share a port";
  } catch (const StartupError& error) {
    EXPECT_NE(std::string(error.what()).find(config.gateway.listen), std::string::npos);
    EXPECT_EQ(error.exit_code(), kExitUnavailable);
  }
}

}  // namespace
}  // namespace depot::customer_gateway
