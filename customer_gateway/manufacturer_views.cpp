#include "customer_gateway/manufacturer_views.hpp"

#include "base/clock.hpp"
#include "customer_gateway/json.hpp"

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
              name_of(sale.kind), "at",
              to_rfc3339(WallTime(std::chrono::milliseconds(sale.time_ms))), "order_id", sale.order,
              "sku", sale.sku, "name", view.name, "quantity", sale.quantity, "unit_price",
              Minor{sale.unit_price});
}

void write(JsonWriter& json, const SaleList& list) { json.list(list.sales, list.next_cursor); }

}  // namespace depot::customer_gateway
