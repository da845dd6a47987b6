// What customers write: the JSON bodies of requests, cards, and how goods are asked for.
//
// Promises: what is taken for JSON is JSON by Boost's own parser; an order written anew is the same
// order; a text that is written is read back.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/utf8.hpp"
#include "customer_gateway/card.hpp"
#include "customer_gateway/catalogue.hpp"
#include "customer_gateway/json.hpp"
#include "customer_gateway/locale.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace depot::fuzz {
namespace {

using namespace depot::customer_gateway;

const Currency kEuro;

struct Order {
  std::string mode;
  std::optional<std::int64_t> cart_version;
  std::vector<protocol::OrderLine> lines;
};

// As api.cpp reads it; nullopt where anything is wrong.
std::optional<Order> read_order(std::string_view text) {
  JsonBody body(text);
  Order order;
  order.mode = body.optional_text("mode").value_or("");
  order.cart_version = body.optional_integer("cart_version");
  if (const boost::json::array* lines = body.optional_array("lines")) {
    for (const boost::json::value& value : *lines) {
      JsonFields fields(value, "/lines/" + std::to_string(order.lines.size()), body.errors());
      protocol::OrderLine& line = order.lines.emplace_back();
      line.offer = fields.text("offer_id");
      line.quantity = fields.integer("quantity");
      line.seen_price = fields.optional_money("unit_price", kEuro);
      fields.end();
    }
  }
  body.end();
  return body.errors().empty() ? std::optional(order) : std::nullopt;
}

std::string write_order(const Order& order) {
  JsonWriter json(kEuro.code);
  json.open('{');
  json.fields("mode", order.mode);
  if (order.cart_version) json.fields("cart_version", *order.cart_version);
  json.key("lines");
  json.open('[');
  for (const protocol::OrderLine& line : order.lines) {
    json.open('{');
    json.fields("offer_id", line.offer, "quantity", line.quantity);
    if (line.seen_price) json.fields("unit_price", Minor{*line.seen_price});
    json.close('}');
  }
  json.close(']');
  json.close('}');
  return json.take();
}

void check_order(std::string_view text) {
  const std::optional<Order> order = read_order(text);
  if (!order) return;
  const std::string once = write_order(*order);
  const std::optional<Order> again = read_order(once);
  must(again.has_value() && write_order(*again) == once, "an order written anew is the same");
}

void check_fields(std::string_view text) {
  JsonBody body(text);
  if (!body.errors().empty()) return;
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 8;
  const auto value = boost::json::parse({text.data(), text.size()}, error, {}, options);
  must(!error && value.is_object(), "what is taken for JSON is JSON");
  must(is_utf8(text), "JSON is UTF-8");
  body.text("email");
  body.optional_text("password");
  body.integer("exp_month");
  body.optional_money("unit_price", kEuro);
  body.optional_array("lines");
  body.end();
  JsonWriter json;
  json.value(body.errors());
  must(boost::json::parse(json.take()).as_array().size() == body.errors().size(),
       "what is wrong is told in JSON");
}

void check_text(std::string_view text) {
  JsonWriter json;
  json.object("email", text, "number", std::int64_t{-1});
  const std::string written = json.take();
  JsonBody body(written);
  const std::string read = body.text("email");
  must(body.integer("number") == -1 && body.errors().empty(), "what is written is JSON");
  must(is_utf8(read), "what is written is UTF-8");
  must(!is_utf8(text) || read == text, "decode(encode(x)) == x");
}

void check_entry(Input& input) {
  CardEntry entry;
  entry.exp_month = input.byte() - 128;
  entry.exp_year = 1990 + input.byte();
  entry.cvc = input.part();
  entry.number = input.part();
  const auto card = check_card(entry, WallTime(std::chrono::milliseconds(1'800'000'000'000)));
  must(!card || (card->last4.size() == 4 && card->exp_month >= 1 && card->exp_month <= 12),
       "a card that is taken has an end, and four digits");
  const bool email = is_email(input.rest());
  must(!email || input.rest().size() <= 254, "an e-mail keeps to its limit");
  is_password(input.rest());
  const Language language = preferred_language(entry.cvc, input.rest());
  time_text(language, input.rest());
  decimal_text(language, entry.number);
}

void check_catalogue(Input& input) {
  static const Catalogue catalogue(
      {{"m1:a", "Kawa", 100, 5}, {"m2:a", "Kawa", 90, 0}, {"m1:b", "Łódka", 1, 7, true}},
      {{"m1", "First"}, {"m2", "Second"}});
  CatalogueQuery query;
  const std::uint8_t flags = input.byte();
  query.include_sold_out = flags & 1;
  query.grouped = flags & 2;
  query.limit = 1 + (flags >> 2) % 4;
  read_sort(input.part(), query);
  query.manufacturer = input.part();
  query.text = input.part();
  query.cursor = input.rest();
  std::size_t pages = 0;
  for (auto page = catalogue.list(query); page; page = catalogue.list(query)) {
    must(++pages <= 8, "a list ends");
    query.cursor = page->next_cursor;
    if (query.cursor.empty()) break;
  }
  must(pages == 0 || query.cursor.empty(), "our own cursors are good ones");
  catalogue.find(input.rest());
  catalogue.alternatives(input.rest());
  catalogue.offers_of("m1", input.rest(), query.limit);
  const std::string folded = fold_case(input.rest());
  must(fold_case(folded) == folded, "what is folded stays so");
}

}  // namespace
}  // namespace depot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  depot::fuzz::Input input(data, size);
  switch (input.byte() % 6) {
    case 0:
      depot::fuzz::check_text(input.rest());
      break;
    case 1:
      depot::fuzz::check_entry(input);
      break;
    case 2:
      depot::fuzz::check_catalogue(input);
      break;
    case 3:
      depot::fuzz::check_fields(input.rest());
      break;
    default:
      depot::fuzz::check_order(input.rest());
  }
  return 0;
}
