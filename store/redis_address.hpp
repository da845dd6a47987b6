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

inline RedisAddress parse_redis_url(std::string_view url) {
  constexpr std::string_view kUnix = "unix://", kTcp = "redis://";
  constexpr std::size_t kUnixPathMax = 107;  // sockaddr_un
  const auto bad = [&url](std::string_view why) {
    return StartupError("redis.url '" + std::string(url) + "': " + std::string(why));
  };
  if (url.starts_with(kUnix)) {
    url.remove_prefix(kUnix.size());
    if (url.empty() || url.size() > kUnixPathMax) {
      throw bad("a unix socket's path has 1 to 107 bytes");
    }
    return {.path = std::string(url), .host = {}, .port = 0};
  }
  if (!url.starts_with(kTcp)) throw bad("expected unix:///path or redis://host:port");
  url.remove_prefix(kTcp.size());
  const std::size_t colon = url.rfind(':');
  RedisAddress address{.path = {}, .host = std::string(url.substr(0, colon)), .port = 6379};
  if (colon != std::string_view::npos) {
    const std::string_view digits = url.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || address.port < 1 ||
        address.port > 65535) {
      throw bad("the port is a number from 1 to 65535");
    }
  }
  if (address.host.empty()) throw bad("the host is missing");
  return address;
}

}  // namespace depot::store
