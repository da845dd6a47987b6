// The one table of what the gateway answers to; `depot-gateway --print-routes` prints it, and a
// test compares it with docs/openapi.yaml both ways.
//
// Threads: the table is constant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "customer_gateway/exchange.hpp"
#include "http/server.hpp"

namespace depot::customer_gateway {

using RouteHandler = void (*)(const Visit& visit);

struct Route {
  http::Method method;
  std::string_view pattern;  // "/v1/orders/{order_id}/cancel": at most one {parameter}
  RouteHandler handler;
};

std::span<const Route> routes();

// What a path means: the route; or the methods that the path has ("GET, HEAD, PUT"), "" for 404.
// HEAD finds its GET.
struct Match {
  const Route* route = nullptr;
  std::string parameter;
  std::string allow;
};
Match match_route(std::span<const Route> table, http::Method method, std::string_view path);

// "%3A" -> ":", as in paths; with `form`, "+" -> " " too. nullopt for a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool form = false);
// The fields of a query or of an x-www-form-urlencoded body, in order; nullopt where one is broken.
using Form = std::vector<std::pair<std::string, std::string>>;
std::optional<Form> parse_form(std::string_view text);

std::string print_routes();  // "GET /v1/orders/{order_id}\n"...

// The handlers, by what they are about.
namespace api {
void post_account(const Visit&);
void get_account(const Visit&);
void patch_account(const Visit&);
void delete_account(const Visit&);
void post_session(const Visit&);
void delete_session(const Visit&);
void put_card(const Visit&);
void delete_card(const Visit&);
void get_manufacturers(const Visit&);
void get_catalogue(const Visit&);
void get_catalogue_item(const Visit&);
void get_cart(const Visit&);
void post_cart_line(const Visit&);
void put_cart_line(const Visit&);
void delete_cart_line(const Visit&);
void post_order(const Visit&);
void get_orders(const Visit&);
void get_order(const Visit&);
void post_order_cancel(const Visit&);
void get_cycle(const Visit&);
void get_livez(const Visit&);
void get_readyz(const Visit&);
void get_openapi(const Visit&);
}  // namespace api

}  // namespace depot::customer_gateway
