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

constexpr Route kRoutes[] = {
    {http::Method::get, "/v1/manufacturer/offers", get_own_offers, true},
    {http::Method::get, "/v1/manufacturer/sales", get_sales, true},
};

}  // namespace

std::span<const Route> manufacturer_routes() { return kRoutes; }

}  // namespace depot::customer_gateway
