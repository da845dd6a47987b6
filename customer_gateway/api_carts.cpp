// The cart as JSON.
#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway::api {

void get_cart(const Visit& visit) {
  visit.operations.get_cart(visit.who(), json_reply<CartView>(visit));
}

void post_cart_line(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  std::string offer = fields.text("offer_id");
  const std::int64_t quantity = fields.integer("quantity");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.add_cart_line(visit.who(), std::move(offer), quantity,
                                 json_reply<CartView>(visit));
}

void put_cart_line(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  const std::int64_t quantity = fields.integer("quantity");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.set_cart_line(visit.who(), visit.parameter, quantity,
                                 json_reply<CartView>(visit));
}

void delete_cart_line(const Visit& visit) {
  visit.operations.remove_cart_line(visit.who(), visit.parameter, json_reply<CartView>(visit));
}

}  // namespace depot::customer_gateway::api
