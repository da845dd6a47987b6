// Where a Redis is: "unix:///path" or "redis://host:port". Internal to store/.
//
// Threads: a value.
// Errors:  throws StartupError, naming the url.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "base/fatal.hpp"

namespace depot::store {

struct RedisAddress {
  std::string path;  // of a unix socket; "" for tcp
  std::string host;
  int port = 0;
};

inline RedisAddress parse_redis_url(const std::string& url) {
  constexpr std::string_view kUnix = "unix://", kTcp = "redis://";
  constexpr std::size_t kUnixPathMax = 107;  // sockaddr_un
  RedisAddress address;
  if (url.starts_with(kUnix)) {
    address.path = url.substr(kUnix.size());
    if (!address.path.empty() && address.path.size() <= kUnixPathMax) return address;
  } else if (const auto colon = url.rfind(':'); url.starts_with(kTcp) && colon > kTcp.size()) {
    address.host = url.substr(kTcp.size(), colon - kTcp.size());
    const char* end = url.data() + url.size();
    const auto [last, error] = std::from_chars(url.data() + colon + 1, end, address.port);
    const bool in_range = address.port >= 1 && address.port <= 65'535;
    if (error == std::errc{} && last == end && in_range) return address;
  }
  throw StartupError("redis.url '" + url +
                         "': expected redis://host:port, or unix:///path with a " +
                         "path of at most 107 bytes",
                     kExitConfig);
}

}  // namespace depot::store
