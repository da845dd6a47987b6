// Who a request comes from: the token of a customer or a manufacturer in its cookie or
// Authorization header, and the address.
//
// Threads: values.
// Source:  RFC 6265, RFC 6750; the algorithm of Go 1.25's net/http CrossOriginProtection.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "http/server.hpp"

namespace depot::customer_gateway {

// The value of one cookie in a Cookie header; nullopt when it is not there.
std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name);

inline constexpr std::string_view kCustomerCookie = "sid", kManufacturerCookie = "manufacturer";

// The bearer's token, else the cookie's. nullopt for none, and for what is not a token of the kind.
// `secure`, here and below: the cookie is __Host-sid, which browsers take and send by TLS only.
std::optional<Token> token_of(const http::Request& request, bool secure);
std::optional<ManufacturerToken> manufacturer_token_of(const http::Request& request, bool secure);

// Of the customer, as the last in `header` says, by http/address.hpp; nullopt where that is none.
std::optional<std::string> named_address(const http::Request& request, std::string_view header);

// Set-Cookie; without `max_age`, in seconds, it ends with the browser.
std::string make_cookie(std::string_view name, std::string_view value, bool secure,
                        std::optional<int> max_age = {});
// Of a new session, and of its end.
std::string session_cookie(std::string_view token, bool secure,
                           std::string_view name = kCustomerCookie);
std::string ended_session_cookie(bool secure, std::string_view name = kCustomerCookie);

}  // namespace depot::customer_gateway
