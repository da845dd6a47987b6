// The API for manufacturers, who come with a token of their own.
#include "customer_gateway/api.hpp"
#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway {
namespace {

void get_own_offers(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  visit.operations.list_own_offers(visit.who(), query->limit, query->cursor,
                                   json_reply<OwnOfferList>(visit));
}

void get_sales(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  visit.operations.list_sales(visit.who(), query->limit, query->cursor,
                              json_reply<SaleList>(visit));
}

void get_statements(const Visit& visit) {
  const auto query = read_list_query(visit);
  if (!query) return;
  visit.operations.list_statements(visit.who(), query->limit, query->cursor,
                                   json_reply<StatementList>(visit));
}

void get_statement(const Visit& visit) {
  visit.operations.get_statement(visit.who(), visit.parameter, json_reply<StatementView>(visit));
}

constexpr Route kManufacturerRoutes[] = {
    {http::Method::get, "/v1/manufacturer/offers", get_own_offers, true},
    {http::Method::get, "/v1/manufacturer/sales", get_sales, true},
    {http::Method::get, "/v1/manufacturer/statements", get_statements, true},
    {http::Method::get, "/v1/manufacturer/statements/{cycle_id}", get_statement},
};

}  // namespace

std::span<const Route> manufacturer_routes() { return kManufacturerRoutes; }

}  // namespace depot::customer_gateway
