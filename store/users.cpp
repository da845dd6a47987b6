#include "store/users.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/crypto.hpp"
#include "base/fatal.hpp"

namespace depot::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSecretBytes = 32;

// What the functions do they do as their caller, so each role has the commands and the keys of
// those it calls. Whoever may write a key may read it, but for the ledgers: nobody edits those.
constexpr std::string_view kCalls =
    "-@all +fcall +fcall_ro +ping +info|memory +info|server +time"
    " +get +mget +set +mset +getrange +strlen +append +exists +del +expireat +pexpire +pttl +incr"
    " +hget +hmget +hset +hdel +hexists +hkeys +hvals +hlen +hgetall +hscan +hrandfield"
    " +xadd +xdel +xsetid +xrange +xrevrange +xread +sadd +srem +srandmember"
    " +zadd +zrem +zcard +zscore +zrange +zrangebyscore";

// "order" stands for order:{s0}:<id> and order:{s0}.
std::string keys(std::string_view permission, std::initializer_list<std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += fmt::format(" {}{}:{{s0}}*", permission, name);
  return text;
}

std::string rules(RedisRole role) {
  const std::string shared =
      keys("~", {"stock", "heads", "ledger", "feed", "orderstate", "bought"});
  switch (role) {
    case RedisRole::worker:
      return std::string(kCalls) + shared +
             keys("~", {"order", "orders", "refused", "session", "buyer", "account", "emails",
                        "cart", "attempts", "known", "done", "minute"}) +
             keys("%R~", {"cycle", "cycles", "meta", "names", "manufacturers", "enrolled",
                          "accepted", "packs", "pack", "agreed", "disputed", "resolved"});
    case RedisRole::hub:
      return std::string(kCalls) + shared +
             keys("~", {"cycle",  "cycles",   "planned",       "answered", "silent",
                        "meta",   "names",    "manufacturers", "accepted", "settling",
                        "towork", "topack",   "stuck",         "packs",    "pack",
                        "agreed", "disputed", "troubles",      "troubled", "settledto"}) +
             keys("%R~", {"order", "enrolled", "resolved"});
    case RedisRole::operate:
      return "+@all -@dangerous -@admin +info +keys +config|get +acl|getuser +bgrewriteaof ~*";
    case RedisRole::audit:
      return "-@all +@read -@dangerous +multi +exec +ping +info %R~*";
  }
  return "-@all";
}

std::string file_of(const std::string& folder, RedisRole role) {
  return folder + "/" + std::string(name_of(role));
}

void make_secret(const std::string& path) {
  if (fs::exists(path)) return;
  std::array<std::uint8_t, kSecretBytes> bytes;
  random_bytes(bytes);
  const std::string text =
      to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + "\n";
  const std::string fresh = path + ".new";  // Whole, or not there.
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == std::ssize(text) &&
                       fsync(fd) == 0 && rename(fresh.c_str(), path.c_str()) == 0;
  const int failure = errno;
  if (fd >= 0) close(fd);
  if (written) return;
  throw StartupError(path + ": cannot be written: " + std::strerror(failure), kExitConfig);
}

}  // namespace

void make_secrets(const std::string& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (!failure) fs::permissions(folder, fs::perms::owner_all, failure);
  if (failure) {
    throw StartupError(folder + ": cannot be made: " + failure.message(), kExitConfig);
  }
  for (const RedisRole role : kRedisRoles) make_secret(file_of(folder, role));
}

std::string user_lines(const std::string& folder) {
  // Off, so that nobody logs in as it, but with every permission: Redis 7.0.15 replays its
  // append-only file as this user and silently drops the transactions that it may not do, which
  // are all that a function wrote.
  std::string lines = "user default off ~* &* +@all\n";
  for (const RedisRole role : kRedisRoles) {
    lines += fmt::format("user {} on #{} {}\n", name_of(role),
                         to_hex(sha256(read_secret(file_of(folder, role)))), rules(role));
  }
  return lines;
}

}  // namespace depot::store
