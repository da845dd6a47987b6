#include "customer_gateway/views.hpp"

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

std::string rfc3339(std::int64_t ms) { return to_rfc3339(WallTime(std::chrono::milliseconds(ms))); }

void write(JsonWriter& json, const CartLineView& view, std::string_view currency) {
  const protocol::CartLine& line = view.line;
  json.begin_object()
      .string("offer_id", line.offer)
      .string("name", view.name)
      .string("manufacturer_name", view.manufacturer_name)
      .integer("quantity", line.quantity);
  json.key("unit_price").money(line.unit_price, currency);
  json.key("seen_price").money(line.seen_price, currency);
  json.integer("available", line.available).key("problem");
  line.problem == protocol::LineProblem::none ? json.null() : json.string(name_of(line.problem));
  json.end_object();
}

void write(JsonWriter& json, const OrderLineView& line, std::string_view currency) {
  json.begin_object()
      .string("offer_id", line.offer_id)
      .string("name", line.name)
      .string("manufacturer_name", line.manufacturer_name)
      .integer("quantity", line.quantity);
  json.key("unit_price").money(line.unit_price, currency);
  json.string("status", name_of(line.status)).end_object();
}

void write(JsonWriter& json, const Alternative& other, std::string_view currency) {
  json.begin_object()
      .string("offer_id", other.offer_id)
      .string("manufacturer_name", other.manufacturer_name);
  json.key("unit_price").money(other.unit_price, currency);
  json.integer("available", other.available).end_object();
}

template <typename Rows>
void write_rows(JsonWriter& json, std::string_view name, const Rows& rows,
                std::string_view currency) {
  json.key(name).begin_array();
  for (const auto& row : rows) write(json, row, currency);
  json.end_array();
}

}  // namespace

CartView view_of(const protocol::Cart& cart, const Catalogue& catalogue) {
  CartView view{.version = cart.version};
  for (const protocol::CartLine& line : cart.lines) {
    CartLineView& row = view.lines.emplace_back(CartLineView{line, {}, {}});
    name_line(row, line.offer, catalogue);
    const bool gone = line.problem == protocol::LineProblem::withdrawn ||
                      line.problem == protocol::LineProblem::sold_out;
    if (!gone) view.total += line.quantity * line.unit_price;
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

void write(JsonWriter& json, const ItemView& item, std::string_view currency) {
  json.begin_object()
      .string("offer_id", item.offer_id)
      .string("manufacturer_id", item.manufacturer_id)
      .string("manufacturer_name", item.manufacturer_name)
      .string("sku", item.sku)
      .string("name", item.name);
  json.key("unit_price").money(item.unit_price, currency);
  json.integer("available", item.available).end_object();
}

void write(JsonWriter& json, const SignedIn& signed_in, std::string_view) {
  json.begin_object()
      .string("customer_id", signed_in.customer_id)
      .string("token", signed_in.token)
      .end_object();
}

void write(JsonWriter& json, const AccountView& view, std::string_view currency) {
  json.begin_object()
      .string("customer_id", view.customer_id)
      .string("email", view.account.email)
      .string("first_name", view.account.first_name)
      .string("last_name", view.account.last_name)
      .key("card");
  view.account.card ? write(json, *view.account.card, currency) : void(json.null());
  json.end_object();
}

void write(JsonWriter& json, const protocol::Card& card, std::string_view) {
  json.begin_object()
      .string("brand", card.brand)
      .string("last4", card.last4)
      .integer("exp_month", card.exp_month)
      .integer("exp_year", card.exp_year)
      .end_object();
}

void write(JsonWriter& json, const CartView& cart, std::string_view currency) {
  json.begin_object().integer("cart_version", cart.version);
  write_rows(json, "lines", cart.lines, currency);
  json.key("total").money(cart.total, currency).end_object();
}

void write(JsonWriter& json, const OrderView& order, std::string_view currency) {
  json.begin_object()
      .string("order_id", order.order_id)
      .string("placed_at", rfc3339(order.placed_at_ms))
      .string("cycle_id", order.cycle_id)
      .string("status", name_of(order.status));
  json.key("total").money(order.total, currency);
  write_rows(json, "lines", order.lines, currency);
  if (!order.refused.empty()) write_rows(json, "refused", order.refused, currency);
  json.end_object();
}

void write(JsonWriter& json, const OrderList& list, std::string_view currency) {
  json.begin_object();
  write_rows(json, "items", list.orders, currency);
  json.end_list(list.next_cursor);
}

void write(JsonWriter& json, const protocol::Cycle& cycle, std::string_view) {
  json.begin_object()
      .string("cycle_id", cycle.id)
      .string("state", name_of(cycle.state))
      .string("opens_at", rfc3339(cycle.opens_at_ms))
      .string("closes_at", rfc3339(cycle.closes_at_ms))
      .end_object();
}

void write(JsonWriter& json, const FaultView& fault, std::string_view currency) {
  json.begin_object()
      .string("offer_id", fault.verdict.offer)
      .integer("requested", fault.verdict.requested)
      .integer("available", fault.verdict.available)
      .string("problem", name_of(fault.verdict.problem));
  write_rows(json, "alternatives", fault.alternatives, currency);
  json.end_object();
}

}  // namespace depot::customer_gateway
