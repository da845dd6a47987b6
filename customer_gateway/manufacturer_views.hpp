// What a manufacturer sees of its own: its offers in the current cycle, and its sales.
//
// Threads: values.
// Source:  docs/openapi.yaml, /v1/manufacturer/.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "customer_gateway/views.hpp"
#include "protocol/manufacturers.hpp"
#include "protocol/statement.hpp"

namespace depot::customer_gateway {

struct ManufacturerView {
  std::string id, name;
};

struct OwnOfferView {
  protocol::OwnOffer offer;
  std::string name;
  std::int64_t available() const { return offer.offered - offer.sold - offer.cut; }
  // Sold, and no longer wanted on sale: goods that it owes.
  std::int64_t shortage() const { return std::max<std::int64_t>(0, offer.sold - offer.wanted); }
};
struct OwnOfferList {
  ManufacturerView manufacturer;  // for the page; not in the JSON
  std::vector<OwnOfferView> offers;
  std::string next_cursor;  // "" at the end
};

struct SaleView {
  protocol::Sale sale;
  std::string name;
};
struct SaleList {
  std::vector<SaleView> sales;
  std::string next_cursor;  // "" at the end
};

struct StatementList {
  std::vector<protocol::StatementSummary> statements;
  std::string next_cursor;  // "" at the end
};
struct StatementView {
  protocol::AnsweredStatement answered;
};

// Each as the JSON of the API.
void write(JsonWriter& json, const ManufacturerView& manufacturer);
void write(JsonWriter& json, const OwnOfferView& offer);
void write(JsonWriter& json, const OwnOfferList& list);
void write(JsonWriter& json, const SaleView& sale);
void write(JsonWriter& json, const SaleList& list);
void write(JsonWriter& json, const StatementList& list);
// `rows_max`: of each of its lists.
void write(JsonWriter& json, const StatementView& statement, std::size_t rows_max = SIZE_MAX);

}  // namespace depot::customer_gateway
