#include "customer_gateway/routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "customer_gateway/pages.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;

constexpr Route kRoutes[] = {
    {Method::post, "/v1/orders", api::post_order},
    {Method::get, "/v1/orders", api::get_orders},
    {Method::get, "/v1/orders/{order_id}", api::get_order},
    {Method::post, "/v1/orders/{order_id}/cancel", api::post_order_cancel},
    {Method::get, "/v1/catalogue", api::get_catalogue},
    {Method::get, "/v1/catalogue/{offer_id}", api::get_catalogue_item},
    {Method::get, "/v1/manufacturers", api::get_manufacturers},
    {Method::get, "/v1/cart", api::get_cart},
    {Method::post, "/v1/cart/lines", api::post_cart_line},
    {Method::put, "/v1/cart/lines/{offer_id}", api::put_cart_line},
    {Method::delete_, "/v1/cart/lines/{offer_id}", api::delete_cart_line},
    {Method::post, "/v1/accounts", api::post_account},
    {Method::post, "/v1/sessions", api::post_session},
    {Method::delete_, "/v1/sessions/current", api::delete_session},
    {Method::get, "/v1/account", api::get_account},
    {Method::patch, "/v1/account", api::patch_account},
    {Method::delete_, "/v1/account", api::delete_account},
    {Method::put, "/v1/account/card", api::put_card},
    {Method::delete_, "/v1/account/card", api::delete_card},
    {Method::get, "/v1/cycle", api::get_cycle},
    {Method::get, "/livez", api::get_livez},
    {Method::get, "/readyz", api::get_readyz},
    {Method::get, "/openapi.yaml", api::get_openapi},
    {Method::get, "/", pages::page<pages::get_catalogue>},
    {Method::get, "/signup", pages::page<pages::get_signup>},
    {Method::post, "/signup", pages::page<pages::post_signup>},
    {Method::get, "/login", pages::page<pages::get_login>},
    {Method::post, "/login", pages::page<pages::post_login>},
    {Method::post, "/logout", pages::page<pages::post_logout>},
    {Method::get, "/account", pages::page<pages::get_account>},
    {Method::post, "/account", pages::page<pages::post_account>},
    {Method::post, "/account/delete", pages::page<pages::post_account_delete>},
    {Method::post, "/account/card", pages::page<pages::post_card>},
    {Method::post, "/account/card/remove", pages::page<pages::post_card_remove>},
    {Method::get, "/cart", pages::page<pages::get_cart>},
    {Method::post, "/cart/add", pages::page<pages::post_cart_add>},
    {Method::post, "/cart/set", pages::page<pages::post_cart_set>},
    {Method::post, "/cart/remove", pages::page<pages::post_cart_remove>},
    {Method::post, "/cart/buy", pages::page<pages::post_cart_buy>},
    {Method::get, "/orders", pages::page<pages::get_orders>},
    {Method::get, "/orders/{order_id}", pages::page<pages::get_order>},
    {Method::post, "/orders/{order_id}/cancel", pages::page<pages::post_order_cancel>},
    {Method::get, "/problems/{name}", pages::page<pages::get_problem>},
    {Method::get, "/assets/{hash}/depot.css", pages::get_css},
    {Method::get, "/assets/{hash}/icon.svg", pages::get_icon},
};

// What {parameter} stands for, still encoded; nullopt where the path is not of the pattern.
std::optional<std::string_view> fits(std::string_view pattern, std::string_view path) {
  const std::size_t open = pattern.find('{');
  if (open == std::string_view::npos) {
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  }
  const std::string_view suffix = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= open + suffix.size() || !path.starts_with(pattern.substr(0, open)) ||
      !path.ends_with(suffix)) {
    return std::nullopt;
  }
  path = path.substr(open, path.size() - open - suffix.size());
  return path.find('/') == std::string_view::npos ? std::optional(path) : std::nullopt;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match_route(std::span<const Route> table, Method method, std::string_view path) {
  Match match;
  const Method wanted = method == Method::head ? Method::get : method;
  const auto allow = [&](std::string_view name) {
    (match.allow += match.allow.empty() ? "" : ", ") += name;
  };
  for (const Route& route : table) {
    const auto parameter = fits(route.pattern, path);
    if (!parameter) continue;
    const auto decoded = percent_decode(*parameter);
    if (!decoded) continue;
    if (route.method == wanted) return {&route, *decoded, {}};
    allow(name_of(route.method));
    if (route.method == Method::get) allow(name_of(Method::head));
  }
  return match;
}

std::optional<std::string> percent_decode(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += form && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    unsigned byte = 0;
    const char* digits = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) {
      return std::nullopt;
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::optional<Form> parse_form(std::string_view text) {
  Form fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return std::nullopt;
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

std::string print_routes() {
  std::string text;
  for (const Route& route : kRoutes) {
    ((text += name_of(route.method)) += ' ') += route.pattern;
    text += '\n';
  }
  return text;
}

}  // namespace depot::customer_gateway
