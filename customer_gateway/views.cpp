#include "customer_gateway/views.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "customer_gateway/catalogue.hpp"
#include "customer_gateway/json.hpp"

namespace depot::customer_gateway {
namespace {

// The names of an offer; its ids where the catalogue does not know it (yet).
template <typename T>
void name_line(T& line, std::string_view offer, const Catalogue& catalogue) {
  const std::optional<ItemView> item = catalogue.find(offer);
  line.name = item ? item->name : sku_of(offer);
  line.manufacturer_name = item ? item->manufacturer_name : manufacturer_of(offer);
}

}  // namespace

CartView view_of(const protocol::Cart& cart, const Catalogue& catalogue) {
  CartView view{.version = cart.version};
  for (const protocol::CartLine& line : cart.lines) {
    CartLineView& row = view.lines.emplace_back(CartLineView{line, {}, {}});
    name_line(row, line.offer, catalogue);
    const bool gone = line.problem == protocol::LineProblem::withdrawn ||
                      line.problem == protocol::LineProblem::sold_out;
    const bool less = line.problem == protocol::LineProblem::short_ ||
                      line.problem == protocol::LineProblem::limit;
    const std::int64_t units = less ? std::min(line.quantity, line.available) : line.quantity;
    if (!gone) view.total += units * line.unit_price;
  }
  return view;
}

OrderView view_of(const protocol::OrderView& order, const Catalogue& catalogue) {
  const protocol::OrderRow& row = order.row;
  OrderView view{.order_id = order.order_id,
                 .placed_at_ms = row.placed_at_ms,
                 .cycle_id = row.cycle,
                 .status = order.status()};
  for (const protocol::PlacedLine& line : row.lines) {
    OrderLineView& shown = view.lines.emplace_back();
    shown.offer_id = make_offer_id(row.parts.at(line.part).manufacturer, line.sku);
    shown.quantity = line.quantity;
    shown.unit_price = line.unit_price;
    shown.status = order.statuses.at(line.part);
    name_line(shown, shown.offer_id, catalogue);
    view.total += line.quantity * line.unit_price;
  }
  for (const auto& verdict : row.refused) view.refused.push_back(view_of(verdict, catalogue));
  return view;
}

FaultView view_of(const protocol::LineVerdict& verdict, const Catalogue& catalogue) {
  FaultView view{verdict, {}, {}, catalogue.alternatives(verdict.offer)};
  name_line(view, verdict.offer, catalogue);
  return view;
}

void write(JsonWriter& json, const ItemView& item) {
  json.object("offer_id", item.offer_id, "manufacturer_id", item.manufacturer_id,
              "manufacturer_name", item.manufacturer_name, "sku", item.sku, "name", item.name,
              "unit_price", Minor{item.unit_price}, "available", item.available);
}

void write(JsonWriter& json, const SignedIn& signed_in) {
  json.object("customer_id", signed_in.customer_id, "token", signed_in.token);
}

void write(JsonWriter& json, const AccountView& view) {
  const protocol::Account& account = view.account;
  json.object("customer_id", view.customer_id, "email", account.email, "first_name",
              account.first_name, "last_name", account.last_name, "card", account.card);
}

void write(JsonWriter& json, const CartLineView& view) {
  json.open('{');
  write_fields(json, view);
  json.close('}');
}

void write_fields(JsonWriter& json, const CartLineView& view) {
  const protocol::CartLine& line = view.line;
  const bool fine = line.problem == protocol::LineProblem::none;
  json.fields("offer_id", line.offer, "name", view.name, "manufacturer_name",
              view.manufacturer_name, "quantity", line.quantity, "unit_price",
              Minor{line.unit_price}, "seen_price", Minor{line.seen_price}, "available",
              line.available, "problem",
              fine ? std::nullopt : std::optional(name_of(line.problem)));
}

void write(JsonWriter& json, const CartView& cart) {
  json.object("cart_version", cart.version, "lines", cart.lines, "total", Minor{cart.total});
}

void write(JsonWriter& json, const OrderLineView& line) {
  json.object("offer_id", line.offer_id, "name", line.name, "manufacturer_name",
              line.manufacturer_name, "quantity", line.quantity, "unit_price",
              Minor{line.unit_price}, "status", name_of(line.status));
}

void write(JsonWriter& json, const OrderView& order) {
  json.open('{').fields("order_id", order.order_id, "placed_at", rfc3339_of_ms(order.placed_at_ms),
                        "cycle_id", order.cycle_id, "status", name_of(order.status), "total",
                        Minor{order.total}, "lines", order.lines);
  if (!order.refused.empty()) json.fields("refused", order.refused);
  json.close('}');
}

void write(JsonWriter& json, const OrderList& list) { json.list(list.orders, list.next_cursor); }

void write(JsonWriter& json, const Alternative& other) {
  json.object("offer_id", other.offer_id, "manufacturer_name", other.manufacturer_name,
              "unit_price", Minor{other.unit_price}, "available", other.available);
}

void write(JsonWriter& json, const FaultView& fault) {
  const protocol::LineVerdict& verdict = fault.verdict;
  json.object("offer_id", verdict.offer, "requested", verdict.requested, "available",
              verdict.available, "problem", name_of(verdict.problem), "alternatives",
              fault.alternatives);
}

void write(JsonWriter& json, const FieldError& error) {
  json.object("pointer", error.pointer, "detail", error.detail);
}

}  // namespace depot::customer_gateway

namespace depot::protocol {

using customer_gateway::JsonWriter;

void write(JsonWriter& json, const Card& card) {
  json.object("brand", card.brand, "last4", card.last4, "exp_month", card.exp_month, "exp_year",
              card.exp_year);
}

void write(JsonWriter& json, const Cycle& cycle) {
  json.object("cycle_id", cycle.id, "state", name_of(cycle.state), "opens_at",
              rfc3339_of_ms(cycle.opens_at_ms), "closes_at", rfc3339_of_ms(cycle.closes_at_ms));
}

}  // namespace depot::protocol
