// Orders and the cycle as JSON.
#include <charconv>

#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway::api {
namespace {

void read_lines(const boost::json::array& values, const Currency& currency,
                std::vector<FieldError>& errors, std::vector<protocol::OrderLine>& lines) {
  lines.reserve(values.size());
  for (const boost::json::value& value : values) {
    JsonFields fields(value, "/lines/" + std::to_string(lines.size()), errors);
    protocol::OrderLine& line = lines.emplace_back();
    line.offer = fields.text("offer_id");
    line.quantity = fields.integer("quantity");
    line.seen_price = fields.optional_money("unit_price", currency);
    fields.end();
  }
}

Done<OrderView> placed_reply(const Visit& visit) {
  return [exchange = visit.exchange](Answer<OrderView> answer) {
    if (!answer) return exchange->fail(answer.error());
    std::vector<std::pair<std::string, std::string>> headers = {
        {"Location", "/v1/orders/" + answer->order_id}};
    if (answer->replayed) headers.emplace_back("Idempotency-Replayed", "true");
    exchange->send_json(201, *answer, std::move(headers));
  };
}

}  // namespace

void post_order(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  OrderEntry order;
  order.mode = fields.optional_text("mode").value_or(order.mode);
  order.cart_version = fields.optional_integer("cart_version");
  const boost::json::array* lines = fields.optional_array("lines");
  if (lines) read_lines(*lines, visit.operations.config().currency, body.errors(), order.lines);
  if (body.errors().empty() && (lines != nullptr) == order.cart_version.has_value()) {
    body.errors().push_back({"", "Give either lines or cart_version."});
  }
  if (!accept_json(visit, body, fields)) return;
  visit.operations.place_order(visit.who(), visit.request.optional_header("idempotency-key"),
                               std::move(order), placed_reply(visit));
}

void get_orders(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  std::optional<std::int64_t> before;
  if (!query->cursor.empty()) {
    const char* end = query->cursor.data() + query->cursor.size();
    const auto parsed = std::from_chars(query->cursor.data(), end, before.emplace());
    if (parsed.ec != std::errc() || parsed.ptr != end || *before < 0) {
      return visit.fail(protocol::Problem::malformed, "cursor: none of ours.");
    }
  }
  visit.operations.list_orders(visit.who(), static_cast<int>(query->limit), before,
                               json_reply<OrderList>(visit));
}

void get_order(const Visit& visit) {
  visit.operations.get_order(visit.who(), visit.parameter, json_reply<OrderView>(visit));
}

void post_order_cancel(const Visit& visit) {
  visit.operations.cancel_order(visit.who(), visit.parameter, json_reply<OrderView>(visit));
}

void get_cycle(const Visit& visit) {
  visit.operations.get_cycle(visit.who(), json_reply<protocol::Cycle>(visit));
}

}  // namespace depot::customer_gateway::api
