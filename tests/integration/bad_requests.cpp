#include "tests/integration/bad_requests.hpp"

#include <utility>

namespace depot::test {

std::string line(const std::string& quantity, const std::string& offer) {
  return R"({"lines": [{"offer_id": )" + offer + R"(, "quantity": )" + quantity + "}]}";
}

namespace {

std::string many_lines(int count) {
  std::string body = R"({"lines": [)";
  for (int i = 0; i < count; ++i) {
    body += (i ? "," : "") + (R"({"offer_id":"m1:x)" + std::to_string(i) + R"(","quantity":1})");
  }
  return body + "]}";
}

const std::string kDeep = std::string(3'000, '[') + std::string(3'000, ']');
std::string account(const std::string& email, const std::string& password,
                    const std::string& first = R"("A")") {
  return R"({"email": )" + email + R"(, "password": )" + password + R"(, "first_name": )" + first +
         R"(, "last_name": "B"})";
}

std::string card(const std::string& number, int month = 12, int year = 2035) {
  return R"({"number": ")" + number + R"(", "exp_month": )" + std::to_string(month) +
         R"(, "exp_year": )" + std::to_string(year) + R"(, "cvc": "737"})";
}

// Requests to one path that are all refused alike.
BadRequest order(std::string name, std::string body) {
  return {.name = std::move(name), .body = std::move(body)};
}
BadRequest invalid(std::string name, std::string body, std::string problem = "invalid") {
  return {.name = std::move(name),
          .body = std::move(body),
          .status = 422,
          .problem = std::move(problem)};
}
BadRequest bad_account(std::string name, std::string body) {
  BadRequest row = invalid("account: " + name, std::move(body));
  row.who = Who::nobody;
  row.target = "/v1/accounts";
  return row;
}
BadRequest bad_card(std::string name, std::string body) {
  BadRequest row = invalid("card: " + name, std::move(body));
  row.method = "PUT";
  row.target = "/v1/account/card";
  return row;
}
BadRequest syntax(BadRequest row) {
  row.status = 400;
  row.problem = "malformed";
  return row;
}
BadRequest bad_list(std::string name, std::string target) {
  return {.name = "list: " + name, .method = "GET", .target = std::move(target)};
}

BadRequest stranger(std::string name, Headers headers) {
  return {.name = std::move(name),
          .who = Who::nobody,
          .body = line("1"),
          .status = 401,
          .problem = "unauthenticated",
          .headers = std::move(headers)};
}
BadRequest keyed(std::string name, Headers headers, std::string problem) {
  return {.name = std::move(name),
          .body = line("1"),
          .problem = std::move(problem),
          .headers = std::move(headers),
          .with_key = false};
}
BadRequest absent(std::string name, std::string method, std::string target) {
  return {.name = std::move(name) + " that is not there",
          .method = std::move(method),
          .target = std::move(target),
          .status = 404,
          .problem = "not_found"};
}
BadRequest not_allowed(std::string method, std::string target) {
  std::string name = method + " " + target;
  return {.name = std::move(name),
          .method = std::move(method),
          .target = std::move(target),
          .status = 405,
          .problem = "method_not_allowed"};
}

}  // namespace

std::vector<BadRequest> syntax_rows() {
  return {
      {.name = "empty body"},
      order("not JSON", "buy me a tea"),
      order("JSON cut short", R"({"lines": [{"offer_id": "m1:a")"),
      order("two documents", line("1") + "{}"),
      order("trailing comma", R"({"lines": [],})"),
      order("a comment", R"({/* hi */ "lines": []})"),
      order("an array", "[]"),
      order("a number", "17"),
      order("null", "null"),
      order("nested too deep", kDeep),
      order("NaN", line("NaN")),
      order("bad UTF-8", line("1", "\"m1:\xff\xfe\"")),
      order("overlong UTF-8", line("1", "\"m1:\xc0\xaf\"")),
      order("lone surrogate", line("1", R"("m1:\ud800")")),
      order("raw control character", line("1", "\"m1:\x01\"")),
      order("unknown field", R"({"lines": [], "coupon": "FREE"})"),
      order("unknown field of a line",
            R"({"lines": [{"offer_id": "m1:a", "quantity": 1, "price": 0}]})"),
      order("quantity as text", line(R"("1")")),
      order("quantity as fraction", line("1.5")),
      order("quantity null", line("null")),
      order("quantity true", line("true")),
      order("quantity missing", R"({"lines": [{"offer_id": "m1:a"}]})"),
      order("offer missing", R"({"lines": [{"quantity": 1}]})"),
      order("offer as number", line("1", "7")),
      order("lines as object", R"({"lines": {}})"),
      order("lines of text", R"({"lines": ["m1:a"]})"),
      order("neither lines nor cart", "{}"),
      order("both lines and cart",
            R"({"cart_version": 1, "lines": [{"offer_id": "m1:a", "quantity": 1}]})"),
      order("mode as number", R"({"mode": 1, "cart_version": 1})"),
      order("cart version as text", R"({"cart_version": "1"})"),
      order("price without currency",
            R"({"lines": [{"offer_id": "m1:a", "quantity": 1, "unit_price": 1}]})"),
      syntax(bad_account("password as number", account(R"("a@b.example")", "12345678"))),
      syntax(bad_account("field missing", R"({"email": "a@b.example"})")),
      syntax(bad_account("not an object", R"(["a@b.example"])")),
      syntax(bad_card("month as text", R"({"number": "4242424242424242", "exp_month": "12",
                                           "exp_year": 2035, "cvc": "737"})")),
      bad_list("limit is no number", "/v1/orders?limit=all"),
      bad_list("limit 0", "/v1/orders?limit=0"),
      bad_list("limit 101", "/v1/orders?limit=101"),
      bad_list("bad cursor", "/v1/orders?cursor=%00%ff"),
      bad_list("unknown sort", "/v1/catalogue?sort=mood"),
      bad_list("a parameter twice", "/v1/catalogue?limit=1&limit=1"),
      bad_list("two cursors", "/v1/orders?cursor=&cursor="),
      bad_list("a search that is not UTF-8", "/v1/catalogue?q=%ff"),
      bad_list("a query of what takes none", "/v1/cart?zz=1"),
      bad_list("a query of one offer", "/v1/catalogue/m1:a?zz=1"),
  };
}

std::vector<BadRequest> value_rows() {
  return {
      invalid("quantity 0", line("0")),
      invalid("quantity -1", line("-1")),
      invalid("quantity over the limit", line("1000001")),
      invalid("quantity 2^63-1", line("9223372036854775807")),
      invalid("quantity -2^63", line("-9223372036854775808")),
      invalid("sum of equal lines over the limit",
              R"({"lines": [{"offer_id": "m1:a", "quantity": 600000},
                             {"offer_id": "m1:a", "quantity": 600000}]})"),
      invalid("no lines", R"({"lines": []})"),
      invalid("unknown mode",
              R"({"mode": "greedy", "lines": [{"offer_id": "m1:a", "quantity": 1}]})"),
      invalid("another currency", R"({"lines": [{"offer_id": "m1:a", "quantity": 1,
                              "unit_price": {"amount_minor": 1000, "currency": "USD"}}]})"),
      invalid("equal offers with different prices",
              R"({"lines": [{"offer_id": "m1:a", "quantity": 1,
                              "unit_price": {"amount_minor": 1000, "currency": "EUR"}},
                             {"offer_id": "m1:a", "quantity": 1,
                              "unit_price": {"amount_minor": 1001, "currency": "EUR"}}]})"),
      invalid("unknown offer", line("1", R"("m1:nothing")"), "unknown_offer"),
      invalid("unknown manufacturer", line("1", R"("m9:a")"), "unknown_offer"),
      invalid("1025 lines", many_lines(1'025), "too_many_lines"),
      bad_account("no e-mail address", account(R"("nobody")", R"("long enough")")),
      bad_account("password of 7 bytes", account(R"("a@b.example")", R"("1234567")")),
      bad_account("password of 129 bytes",
                  account(R"("a@b.example")", "\"" + std::string(129, 'x') + "\"")),
      bad_account("empty name", account(R"("a@b.example")", R"("long enough")", R"("")")),
      bad_account("name with a line break",
                  account(R"("a@b.example")", R"("long enough")", R"("A\nB")")),
      bad_account("name of 201 bytes", account(R"("a@b.example")", R"("long enough")",
                                               "\"" + std::string(201, 'n') + "\"")),
      bad_card("Luhn", card("4242424242424241")),
      bad_card("12 digits", card("424242424242")),
      bad_card("letters", card("4242 4242 4242 424x")),
      bad_card("month 13", card("4242424242424242", 13)),
      bad_card("expired", card("4242424242424242", 1, 2020)),
      {.name = "cart: quantity 0",
       .target = "/v1/cart/lines",
       .body = R"({"offer_id": "m1:a", "quantity": 0})",
       .status = 422,
       .problem = "invalid"},
      {.name = "cart: unknown offer",
       .target = "/v1/cart/lines",
       .body = R"({"offer_id": "m1:nothing", "quantity": 1})",
       .status = 422,
       .problem = "unknown_offer"},
      {.name = "cart: more than there is",
       .target = "/v1/cart/lines",
       .body = R"({"offer_id": "m1:a", "quantity": 1001})",
       .status = 409,
       .problem = "insufficient_stock"},
  };
}

std::vector<BadRequest> door_rows() {
  const std::string one = line("1");
  const std::string known = "AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  return {
      stranger("no session", {}),
      stranger("a made-up token", {{"Authorization", "Bearer " + known}}),
      stranger("a token that is none", {{"Authorization", "Bearer ../../etc/passwd"}}),
      stranger("another scheme", {{"Authorization", "Basic YTpi"}}),
      stranger("a cookie that is none",
               {{"Cookie", "sid=\"; drop table"}, {"Sec-Fetch-Site", "same-origin"}}),
      keyed("no key", {}, "idempotency_key_missing"),
      keyed("empty key", {{"Idempotency-Key", ""}}, "idempotency_key_missing"),
      keyed("key of 256 characters", {{"Idempotency-Key", std::string(256, 'k')}}, "malformed"),
      keyed("two keys", {{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}}, "malformed"),
      keyed("key with a space inside", {{"Idempotency-Key", "two words"}}, "malformed"),
      keyed("key outside ASCII", {{"Idempotency-Key", "kl\xc3\xbc"}}, "malformed"),
      {.name = "no card",
       .who = Who::cardless,
       .body = one,
       .status = 402,
       .problem = "card_required"},
      {.name = "log-in of nobody",
       .who = Who::nobody,
       .target = "/v1/sessions",
       .body = R"({"email": "nobody@example.test", "password": "long enough"})",
       .status = 401,
       .problem = "unauthenticated"},
      absent("an order", "GET", "/v1/orders/AAAAAAAAAAAAAAAA"),
      absent("an order id that is none", "GET", "/v1/orders/%2e%2e%2f"),
      absent("cancelling an order", "POST", "/v1/orders/AAAAAAAAAAAAAAAA/cancel"),
      absent("an offer", "GET", "/v1/catalogue/m1:nothing"),
      absent("a path", "GET", "/v1/nothing"),
      absent("a path that climbs", "GET", "/../../etc/passwd"),
      not_allowed("DELETE", "/v1/catalogue"),
      not_allowed("PUT", "/v1/orders"),
      not_allowed("BREW", "/v1/orders"),
      not_allowed("TRACE", "/v1/orders"),
      absent("a host to connect to", "CONNECT", "localhost:80"),
      {.name = "cross-site with a cookie",
       .who = Who::nobody,
       .body = one,
       .status = 403,
       .problem = "forbidden",
       .headers = {{"Cookie", "sid=" + known},
                   {"Sec-Fetch-Site", "cross-site"},
                   {"Origin", "https://elsewhere.example"}}},
      {.name = "cross-site with a cookie and an empty Authorization",
       .who = Who::nobody,
       .body = one,
       .status = 403,
       .problem = "forbidden",
       .headers = {{"Cookie", "sid=" + known},
                   {"Authorization", ""},
                   {"Origin", "https://elsewhere.example"}}},
  };
}

std::vector<BadRequest> size_rows() {
  return {
      {.name = "a form instead of JSON",
       .body = "offer_id=m1:a&quantity=1",
       .status = 415,
       .problem = "unsupported_media_type",
       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}},
      {.name = "body of the limit + 1",
       .body = line("1") + std::string(128 * 1024 + 1 - line("1").size(), ' '),
       .status = 413,
       .problem = "too_large"},
      {.name = "one header over the limit",
       .method = "GET",
       .target = "/v1/catalogue",
       .status = 431,
       .problem = "headers_too_large",
       .headers = {{"X-Long", std::string(16 * 1024, 'x')}}},
      {.name = "a target over the limit",
       .method = "GET",
       .target = "/v1/catalogue?q=" + std::string(17 * 1024, 'q'),
       .status = 431,
       .problem = "headers_too_large"},
      {.name = "a flood of headers",
       .method = "GET",
       .target = "/v1/catalogue",
       .status = 431,
       .problem = "headers_too_large",
       .headers = Headers(2'000, {"X-Flood", "y"})},
  };
}

}  // namespace depot::test
