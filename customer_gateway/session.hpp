// Who a request comes from: the token in its cookie or Authorization header, and whether a browser
// may have been made to send it by another site.
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

// The bearer's token, else the cookie's. nullopt for none, and for what is not a token.
std::optional<Token> token_of(const http::Request& request);

// Set-Cookie of a new session, and of its end.
std::string session_cookie(std::string_view token);
std::string ended_session_cookie();

// What decides about an unsafe request. A browser that says cross-site, or an Origin that is not
// the host asked: no. Neither header: no browser, yes.
struct OriginHeaders {
  std::string_view sec_fetch_site, origin, host;
};
bool same_origin(const OriginHeaders& headers);

// False for an unsafe request that another site may have made a browser send. A bearer's token is
// never sent by a browser on its own.
bool request_allowed(const http::Request& request);

}  // namespace depot::customer_gateway
