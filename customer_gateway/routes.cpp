#include "customer_gateway/routes.hpp"

#include <algorithm>
#include <charconv>

namespace depot::customer_gateway {
namespace {

using http::Method;

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

std::span<const Route> routes() {
  static const std::vector<Route> all = [] {
    std::vector<Route> table;
    for (const auto part :
         {stream_routes(), api_routes(), manufacturer_routes(), goods_pages(), cart_pages(),
          order_pages(), account_pages(), manufacturer_pages(), common_pages()}) {
      table.insert(table.end(), part.begin(), part.end());
    }
    return table;
  }();
  return all;
}

Match match_route(std::span<const Route> table, Method method, std::string_view path) {
  Match match;
  const Method wanted = method == Method::head ? Method::get : method;
  const auto allow = [&](std::string_view name) {
    if (match.allow.find(name) != std::string::npos) return;  // of two patterns
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
  for (const Route& route : routes()) {
    ((text += name_of(route.method)) += ' ') += route.pattern;
    text += '\n';
  }
  return text;
}

}  // namespace depot::customer_gateway
