// As whom a process logs in to Redis, and with what. Each role has a user of its own there, which
// may do what its commands and functions need (store/users.hpp).
//
// Threads: values.
// Errors:  StartupError naming the file, where a secret cannot be read or others can read it, too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace depot {

enum class RedisRole : std::uint8_t {
  worker,   // customers' and manufacturers' requests
  hub,      // offers, the feed, the cycle; no account, session or cart
  operate,  // depot up and the commands
  audit,    // reads everything, writes nothing
};
inline constexpr RedisRole kRedisRoles[] = {RedisRole::worker, RedisRole::hub, RedisRole::operate,
                                            RedisRole::audit};
std::string_view name_of(RedisRole role);  // its user's name, "operator" for operate

// A Redis, and the user there. The secret is read anew by every connection.
struct RedisLogin {
  std::string url;               // unix:///path or redis://host:port
  std::string user = {};         // "": the default user
  std::string secret_file = {};  // in its first line
};

std::string read_secret(const std::string& path);

}  // namespace depot
