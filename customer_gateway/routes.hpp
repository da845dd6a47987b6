// The one table of what the gateway answers to; `depot-gateway --print-routes` prints it, and a
// test compares it with docs/openapi.yaml both ways.
//
// Threads: any; the table is constant.
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
  bool takes_query = false;  // Below /v1/ the others refuse one.
};

std::span<const Route> routes();  // In the order of looking: the API first, in it
                                  // /v1/catalogue/stream before /v1/catalogue/{offer_id}.

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

// The parts of the table, each beside its handlers.
std::span<const Route> stream_routes();
std::span<const Route> api_routes();
std::span<const Route> manufacturer_routes();
std::span<const Route> goods_pages();
std::span<const Route> cart_pages();
std::span<const Route> order_pages();
std::span<const Route> account_pages();
std::span<const Route> manufacturer_pages();
std::span<const Route> common_pages();

// The failure as a page, for a browser that asked for one; false for a program.
bool show_failure(const Visit& visit, const Failure& failure);

}  // namespace depot::customer_gateway
