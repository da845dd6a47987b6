#include "customer_gateway/manufacturer_views.hpp"

#include <span>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "customer_gateway/json.hpp"
#include "protocol/statement_text.hpp"

namespace depot::customer_gateway {

void write(JsonWriter& json, const ManufacturerView& manufacturer) {
  json.object("manufacturer_id", manufacturer.id, "name", manufacturer.name);
}

void write(JsonWriter& json, const OwnOfferView& view) {
  const protocol::OwnOffer& offer = view.offer;
  json.object("offer_id", offer.offer, "sku", sku_of(offer.offer), "name", view.name, "unit_price",
              Minor{offer.unit_price}, "wanted", offer.wanted, "offered", offer.offered, "sold",
              offer.sold, "cut", offer.cut, "available", view.available(), "shortage",
              view.shortage(), "refused", offer.refused);
}

void write(JsonWriter& json, const OwnOfferList& list) { json.list(list.offers, list.next_cursor); }

void write(JsonWriter& json, const SaleView& view) {
  const protocol::Sale& sale = view.sale;
  json.object("entry", std::to_string(sale.epoch) + "-" + std::to_string(sale.number), "kind",
              name_of(sale.kind), "at", rfc3339_of_ms(sale.time_ms), "order_id", sale.order, "sku",
              sale.sku, "name", view.name, "quantity", sale.quantity, "unit_price",
              Minor{sale.unit_price});
}

void write(JsonWriter& json, const SaleList& list) { json.list(list.sales, list.next_cursor); }

namespace {

struct SummaryView {
  const protocol::StatementSummary& row;
};
void write(JsonWriter& json, const SummaryView& view) {
  const protocol::StatementSummary& row = view.row;
  json.object("cycle_id", row.cycle, "state", name_of(row.state), "units", row.units, "gross",
              Minor{row.gross}, "fee", Minor{row.fee}, "net", Minor{row.net}, "answer",
              protocol::name_of_answer(row.agrees));
}

struct OfferRowView {
  const protocol::StatementOffer& row;
};
void write(JsonWriter& json, const OfferRowView& view) {
  const protocol::StatementOffer& row = view.row;
  json.object("sku", row.sku, "opening", row.opening, "increases", row.increases, "cuts", row.cuts,
              "sold", row.sold, "cancelled", row.cancelled, "unsold", row.unsold);
}
struct SaleRowView {
  const protocol::StatementSale& row;
};
void write(JsonWriter& json, const SaleRowView& view) {
  json.object("sku", view.row.sku, "unit_price", Minor{view.row.unit_price}, "units",
              view.row.units, "money", Minor{view.row.money});
}
struct DemandRowView {
  const protocol::StatementDemand& row;
};
void write(JsonWriter& json, const DemandRowView& view) {
  json.object("sku", view.row.sku, "refused", view.row.refused, "shortage", view.row.shortage);
}

template <typename View, typename Row>
std::vector<View> views(const std::vector<Row>& rows, std::size_t rows_max = SIZE_MAX) {
  std::vector<View> all;
  for (const Row& row : std::span(rows).first(std::min(rows.size(), rows_max))) {
    all.push_back({row});
  }
  return all;
}

}  // namespace

void write(JsonWriter& json, const StatementList& list) {
  json.list(views<SummaryView>(list.statements), list.next_cursor);
}

void write(JsonWriter& json, const StatementView& view, std::size_t rows_max) {
  const protocol::Statement& pack = view.answered.statement;
  json.object("cycle_id", pack.cycle, "manufacturer_id", pack.manufacturer, "offers",
              views<OfferRowView>(pack.offers, rows_max), "sales",
              views<SaleRowView>(pack.sales, rows_max), "units", pack.units, "gross",
              Minor{pack.gross}, "fee_rate", pack.fee_rate, "fee", Minor{pack.fee}, "net",
              Minor{pack.net}, "ledger_from", protocol::to_text(pack.from), "ledger_to",
              protocol::to_text(pack.to), "sha256", to_hex(hash_of(pack)), "demand",
              views<DemandRowView>(pack.demand, rows_max), "answer",
              protocol::name_of_answer(view.answered.agrees));
}

}  // namespace depot::customer_gateway
