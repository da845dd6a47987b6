#include "customer_gateway/session.hpp"

#include <algorithm>

#include "http/address.hpp"

namespace depot::customer_gateway {

namespace {

std::string full_name(std::string_view cookie, bool secure) {
  return (secure ? "__Host-" : "") + std::string(cookie);
}

// The text of the bearer's token, else of the cookie's; "" for none.
std::string_view token_text(const http::Request& request, std::string_view cookie, bool secure) {
  const std::string_view authorization = request.header("authorization");
  if (!authorization.empty()) {
    constexpr std::string_view kScheme = "bearer ";
    if (!http::equal_folded(authorization.substr(0, kScheme.size()), kScheme)) return {};
    return authorization.substr(kScheme.size());
  }
  return cookie_value(request.header("cookie"), full_name(cookie, secure)).value_or("");
}

}  // namespace

std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    std::string_view pair = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
      std::string_view value = pair.substr(name.size() + 1);
      return value.substr(0, value.find_last_not_of(" \t") + 1);
    }
  }
  return std::nullopt;
}

std::optional<Token> token_of(const http::Request& request, bool secure) {
  return parse_token(token_text(request, kCustomerCookie, secure));
}

std::optional<ManufacturerToken> manufacturer_token_of(const http::Request& request, bool secure) {
  return parse_manufacturer_token(token_text(request, kManufacturerCookie, secure));
}

std::optional<std::string> named_address(const http::Request& request, std::string_view header) {
  std::string_view value;
  for (const http::Request::Field& field : request.fields) {
    if (http::equal_folded(field.name, header)) value = field.value;
  }
  return http::customer_part(value.substr(value.find_last_of(", \t") + 1));  // npos + 1 is 0.
}

std::string make_cookie(std::string_view name, std::string_view value, bool secure,
                        std::optional<int> max_age) {
  std::string cookie(name);
  cookie.append("=").append(value).append("; Path=/; HttpOnly; SameSite=Lax");
  if (secure) cookie += "; Secure";
  if (max_age) cookie += "; Max-Age=" + std::to_string(*max_age);
  return cookie;
}

std::string session_cookie(std::string_view token, bool secure, std::string_view name) {
  return make_cookie(full_name(name, secure), token, secure);
}

std::string ended_session_cookie(bool secure, std::string_view name) {
  return make_cookie(full_name(name, secure), "", secure, 0);
}

}  // namespace depot::customer_gateway
