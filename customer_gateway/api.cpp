// The API: each route reads its request strictly, asks for the operation and writes JSON.
#include "customer_gateway/api.hpp"

#include <charconv>

#include "base/crypto.hpp"
#include "base/utf8.hpp"
#include "customer_gateway/documents.hpp"
#include "customer_gateway/routes.hpp"
#include "customer_gateway/session.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;
using protocol::Problem;
using protocol::RequestKind;

// 201 with the token, in the body and as a cookie.
Done<SignedIn> signed_in_reply(const Visit& visit) {
  const bool secure = visit.operations.config().gateway.secure_cookie;
  return [exchange = visit.exchange, secure](Answer<SignedIn> answer) {
    if (!answer && answer.error().problem == protocol::Problem::unauthenticated) {
      answer.error().detail = "This e-mail and password do not go together.";
    }
    if (!answer) return exchange->fail(answer.error());
    exchange->send_json(201, *answer, {{"Set-Cookie", session_cookie(answer->token, secure)}});
  };
}

Done<Nothing> no_content(const Visit& visit, std::string cookie = {}) {
  return [exchange = visit.exchange, cookie = std::move(cookie)](Answer<Nothing> answer) {
    if (!answer) return exchange->fail(answer.error());
    http::Response response{.status = 204};
    if (!cookie.empty()) response.headers.emplace_back("Set-Cookie", cookie);
    exchange->send(std::move(response));
  };
}

std::string ended_session(const Visit& visit) {
  return ended_session_cookie(visit.operations.config().gateway.secure_cookie);
}

// True when the body is JSON and all of it was asked for; else it has answered 415 or 400.
bool accept(const Visit& visit, JsonBody& body) {
  std::string_view type = visit.request.header("content-type");
  type = type.substr(0, type.find_first_of("; \t"));
  if (!http::equal_folded(type, "application/json")) {
    visit.fail(Problem::unsupported_media_type, "Send the body as application/json.");
    return false;
  }
  body.end();
  if (body.errors().empty()) return true;
  visit.exchange->fail({.problem = Problem::malformed,
                        .detail = "The body is not what this request takes.",
                        .errors = std::move(body.errors())});
  return false;
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<ListQuery> read_list_query(const Visit& visit,
                                         std::initializer_list<std::string_view> others) {
  const auto wrong = [&](std::string_view name) {
    visit.fail(Problem::malformed, "Query parameter, unknown or wrong: " + std::string(name));
    return std::nullopt;
  };
  const auto fields = parse_form(visit.request.query);
  if (!fields) return wrong("(escapes)");
  ListQuery query;
  auto& given = query.others;
  for (const auto& [name, value] : *fields) {
    const bool known =
        name == "limit" || name == "cursor" || std::ranges::find(others, name) != others.end();
    const bool plain = std::ranges::none_of(value, [](unsigned char c) { return c < 0x20; });
    if (!known || !plain || !is_utf8(value) || !given.emplace(name, value).second) {
      return wrong(name.substr(0, 64));
    }
  }
  query.cursor = given["cursor"];
  const bool limited = given.contains("limit");
  if (limited &&
      !(read_number(given["limit"], query.limit) && query.limit >= 1 && query.limit <= 100)) {
    return wrong("limit");
  }
  return query;
}

namespace {

void post_account(const Visit& visit) {
  JsonBody body(visit.request.body);
  protocol::CreateAccount account;
  account.email = body.text("email");
  account.password = body.text("password");
  account.first_name = body.text("first_name");
  account.last_name = body.text("last_name");
  if (!accept(visit, body)) return;
  visit.operations.sign_up(visit.who(), std::move(account), signed_in_reply(visit));
}

void post_session(const Visit& visit) {
  JsonBody body(visit.request.body);
  std::string email = body.text("email");
  std::string password = body.text("password");
  if (!accept(visit, body)) return;
  visit.operations.log_in(visit.who(), std::move(email), std::move(password),
                          signed_in_reply(visit));
}

void delete_session(const Visit& visit) {
  visit.operations.log_out(visit.who(), no_content(visit, ended_session(visit)));
}

void get_account(const Visit& visit) {
  visit.operations.get_account(visit.who(), json_reply<AccountView>(visit));
}

void patch_account(const Visit& visit) {
  JsonBody body(visit.request.body);
  protocol::ChangeAccount change;
  change.first_name = body.optional_text("first_name");
  change.last_name = body.optional_text("last_name");
  change.email = body.optional_text("email");
  change.password = body.optional_text("password");
  change.current_password = body.optional_text("current_password");
  if (!accept(visit, body)) return;
  visit.operations.change_account(visit.who(), std::move(change), json_reply<AccountView>(visit));
}

void delete_account(const Visit& visit) {
  JsonBody body(visit.request.body);
  std::string password = body.text("password");
  if (!accept(visit, body)) return;
  visit.operations.delete_account(visit.who(), std::move(password),
                                  no_content(visit, ended_session(visit)));
}

void put_card(const Visit& visit) {
  JsonBody body(visit.request.body);
  CardEntry entry;
  entry.number = body.text("number");
  entry.exp_month = body.integer("exp_month");
  entry.exp_year = body.integer("exp_year");
  entry.cvc = body.text("cvc");
  if (!accept(visit, body)) return;
  visit.operations.put_card(visit.who(), entry, json_reply<protocol::Card>(visit));
}

void delete_card(const Visit& visit) {
  visit.operations.delete_card(visit.who(), no_content(visit));
}

void get_cart(const Visit& visit) {
  visit.operations.get_cart(visit.who(), json_reply<CartView>(visit));
}

void change_cart(const Visit& visit, RequestKind kind, std::string offer, std::int64_t quantity) {
  visit.operations.change_cart(visit.who(), kind, std::move(offer), quantity,
                               json_reply<CartView>(visit));
}

void post_cart_line(const Visit& visit) {
  JsonBody body(visit.request.body);
  std::string offer = body.text("offer_id");
  const std::int64_t quantity = body.integer("quantity");
  if (accept(visit, body)) {
    change_cart(visit, RequestKind::add_cart_line, std::move(offer), quantity);
  }
}

void put_cart_line(const Visit& visit) {
  JsonBody body(visit.request.body);
  const std::int64_t quantity = body.integer("quantity");
  if (accept(visit, body)) {
    change_cart(visit, RequestKind::set_cart_line, visit.parameter, quantity);
  }
}

void delete_cart_line(const Visit& visit) {
  change_cart(visit, RequestKind::remove_cart_line, visit.parameter, 1);
}

void read_lines(const boost::json::array& values, const Currency& currency,
                std::vector<FieldError>& errors, std::vector<protocol::OrderLine>& lines) {
  lines.reserve(values.size());
  for (const boost::json::value& value : values) {
    JsonFields fields(value, "/lines/" + std::to_string(lines.size()), errors);
    const std::size_t place = lines.size();
    protocol::OrderLine& line = lines.emplace_back();
    line.place = place;
    line.offer = fields.text("offer_id");
    line.quantity = fields.integer("quantity");
    line.seen_price = fields.optional_money("unit_price", currency);
    fields.end();
  }
}

void post_order(const Visit& visit) {
  JsonBody body(visit.request.body);
  OrderEntry order;
  order.mode = body.optional_text("mode").value_or(order.mode);
  order.cart_version = body.optional_integer("cart_version");
  const boost::json::array* lines = body.optional_array("lines");
  if (lines) read_lines(*lines, visit.operations.config().currency, body.errors(), order.lines);
  if (body.errors().empty() && (lines != nullptr) == order.cart_version.has_value()) {
    body.errors().push_back({"", "Give either lines or cart_version."});
  }
  if (!accept(visit, body)) return;
  auto placed = [exchange = visit.exchange](Answer<OrderView> answer) {
    if (!answer) return exchange->fail(answer.error());
    std::vector<std::pair<std::string, std::string>> headers = {
        {"Location", "/v1/orders/" + answer->order_id}};
    if (answer->replayed) headers.emplace_back("Idempotency-Replayed", "true");
    exchange->send_json(201, *answer, std::move(headers));
  };
  static constexpr std::string_view kKey = "idempotency-key";
  const auto is_key = [](const auto& field) { return http::equal_folded(field.name, kKey); };
  if (std::ranges::count_if(visit.request.fields, is_key) > 1) {
    return visit.fail(Problem::malformed, "Send one Idempotency-Key.");
  }
  visit.operations.place_order(visit.who(), visit.request.optional_header(kKey), std::move(order),
                               std::move(placed));
}

void get_orders(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  std::optional<std::int64_t> before;
  if (!query->cursor.empty() && (!read_number(query->cursor, before.emplace()) || *before < 0)) {
    return visit.fail(Problem::malformed, "cursor: none of ours.");
  }
  visit.operations.list_orders(visit.who(), static_cast<int>(query->limit), before,
                               json_reply<OrderList>(visit));
}

// RequestKind::get_order or cancel_order.
template <RequestKind kind>
void on_order(const Visit& visit) {
  visit.operations.on_order(visit.who(), kind, visit.parameter, json_reply<OrderView>(visit));
}

void get_cycle(const Visit& visit) {
  visit.operations.get_cycle(visit.who(), json_reply<protocol::Cycle>(visit));
}

// Whether an If-None-Match names the tag, which has no comma in it.
bool names_tag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view tag = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    tag.remove_prefix(std::min(tag.find_first_not_of(" \t"), tag.size()));
    tag = tag.substr(0, tag.find_last_not_of(" \t") + 1);
    if (tag.starts_with("W/")) tag.remove_prefix(2);  // The comparison is the weak one.
    if (tag == etag || tag == "*") return true;
  }
  return false;
}

// Answers what `write` writes, or 304 where the client has this version already. The etag was taken
// before the values are read, so it can be older than they are, never newer.
template <typename Write>
void send_tagged(const Visit& visit, const std::string& etag, const Write& write) {
  http::Response response;
  response.headers = {{"ETag", etag}, {"Cache-Control", "no-cache"}};
  if (names_tag(visit.request.header("if-none-match"), etag)) {
    response.status = 304;
  } else {
    JsonWriter json(visit.exchange->currency());
    json.value(write);
    response.body = json.take();
  }
  visit.exchange->send(std::move(response));
}

void get_catalogue(const Visit& visit) {
  auto list = read_list_query(visit, {"manufacturer", "q", "sort", "include_sold_out"});
  if (!list) return;
  auto& [limit, cursor, others] = *list;
  const std::string &sort = others["sort"], &sold_out = others["include_sold_out"];
  CatalogueQuery query{.manufacturer = others["manufacturer"],
                       .text = others["q"],
                       .include_sold_out = sold_out == "true",
                       .limit = limit,
                       .cursor = cursor};
  const bool known = sold_out.empty() || sold_out == "true" || sold_out == "false";
  if (!known || !(sort.empty() || read_sort(sort, query))) {
    return visit.fail(Problem::malformed,
                      "sort: name, price, available or manufacturer, with - for descending; "
                      "include_sold_out: true or false.");
  }
  const std::string etag = visit.operations.etag();
  const auto catalogue = visit.operations.catalogue();
  const auto page = catalogue->list(query);
  if (!page) return visit.fail(Problem::malformed, "cursor: none of ours.");
  send_tagged(visit, etag, [&](JsonWriter& json) { json.list(page->items, page->next_cursor); });
}

void get_catalogue_item(const Visit& visit) {
  const std::string etag = visit.operations.etag();
  const auto catalogue = visit.operations.catalogue();
  const auto item = catalogue->find(visit.parameter);
  if (!item) return visit.fail(Problem::not_found, "There is no such offer.");
  send_tagged(visit, etag, [&](JsonWriter& json) { write(json, *item); });
}

void get_manufacturers(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  const auto after = from_hex(query->cursor);
  if (!after) return visit.fail(Problem::malformed, "cursor: none of ours.");
  const auto catalogue = visit.operations.catalogue();
  const auto& all = catalogue->manufacturers();
  std::vector<ManufacturerView> rows;
  auto at = all.upper_bound(*after);
  for (; at != all.end() && rows.size() < query->limit; ++at) {
    rows.push_back({at->first, at->second});
  }
  const std::string next_cursor = at != all.end() ? to_hex(rows.back().id) : "";
  visit.exchange->send_json(200, [&](JsonWriter& json) { json.list(rows, next_cursor); });
}

void get_livez(const Visit& visit) {
  visit.exchange->send_json(200, [](JsonWriter& json) { json.object("status", "live"); });
}

void get_readyz(const Visit& visit) {
  std::string reason = visit.board.not_ready();
  if (!reason.empty()) return visit.fail(Problem::unavailable, std::move(reason));
  visit.exchange->send_json(200, [](JsonWriter& json) { json.object("status", "ready"); });
}

void get_openapi(const Visit& visit) {
  http::Response response{.content_type = "application/yaml",
                          .headers = {{"Cache-Control", "no-cache"}}};
  response.body = embedded::documents().front().bytes;
  visit.exchange->send(std::move(response));
}

constexpr Route kApiRoutes[] = {
    {Method::post, "/v1/orders", post_order},
    {Method::get, "/v1/orders", get_orders, true},
    {Method::get, "/v1/orders/{order_id}", on_order<RequestKind::get_order>},
    {Method::post, "/v1/orders/{order_id}/cancel", on_order<RequestKind::cancel_order>},
    {Method::get, "/v1/catalogue", get_catalogue, true},
    {Method::get, "/v1/catalogue/{offer_id}", get_catalogue_item},
    {Method::get, "/v1/manufacturers", get_manufacturers, true},
    {Method::get, "/v1/cart", get_cart},
    {Method::post, "/v1/cart/lines", post_cart_line},
    {Method::put, "/v1/cart/lines/{offer_id}", put_cart_line},
    {Method::delete_, "/v1/cart/lines/{offer_id}", delete_cart_line},
    {Method::post, "/v1/accounts", post_account},
    {Method::post, "/v1/sessions", post_session},
    {Method::delete_, "/v1/sessions/current", delete_session},
    {Method::get, "/v1/account", get_account},
    {Method::patch, "/v1/account", patch_account},
    {Method::delete_, "/v1/account", delete_account},
    {Method::put, "/v1/account/card", put_card},
    {Method::delete_, "/v1/account/card", delete_card},
    {Method::get, "/v1/cycle", get_cycle},
    {Method::get, "/livez", get_livez},
    {Method::get, "/readyz", get_readyz},
    {Method::get, "/openapi.yaml", get_openapi},
};

}  // namespace

std::span<const Route> api_routes() { return kApiRoutes; }

}  // namespace depot::customer_gateway
