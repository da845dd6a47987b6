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

// What the functions do they do as their caller, so each role has what those do that it calls, and
// no more: everywhere the commands that read, on its keys; and each command that writes on the keys
// that it is for, by a selector of its own. UsersTest, and the tests of the functions, which each
// call as the role that calls it, say when one is missing.
constexpr std::string_view kCalls =
    "-@all +fcall +fcall_ro +ping +info|memory +info|server +time"
    " +get +mget +getrange +strlen +exists +pttl"
    " +hget +hmget +hexists +hkeys +hvals +hlen +hgetall +hscan +hrandfield"
    " +xrange +xrevrange +xread +srandmember +zcard +zscore +zrange +zrangebyscore";

using Names = std::initializer_list<std::string_view>;

// "order" stands for order:{s0}:<id> and order:{s0}.
std::string keys(std::string_view permission, Names names) {
  std::string text;
  for (const std::string_view name : names) text += fmt::format(" {}{}:{{s0}}*", permission, name);
  return text;
}

// What is read; those of each purchase first, since Redis tries one after the other.
std::string reads(Names names) { return std::string(kCalls) + keys("%R~", names); }
std::string writes(std::string_view commands, Names names) {
  return fmt::format(" ({}{})", commands, keys("~", names));
}

std::string worker_rules() {
  return reads({"session", "order",    "cycle",  "stock", "heads",      "buyer",    "cart",
                "refused", "bought",   "minute", "names", "orderstate", "orders",   "account",
                "emails",  "attempts", "known",  "done",  "accepted",   "enrolled", "feed",
                "ledger",  "cycles",   "packs",  "pack",  "agreed",     "disputed"}) +
         writes("+hset", {"stock", "heads", "refused", "bought", "buyer", "emails"}) +
         writes("+mset", {"order", "cart"}) + writes("+append", {"orders"}) +
         writes("+xadd", {"ledger", "feed"}) +
         writes("+xdel +xsetid", {"ledger"}) +  // A batch whose last entry fails is taken back.
         writes("+set", {"session", "cart", "account", "orderstate", "known", "done", "minute"}) +
         writes("+del", {"session", "cart", "account", "attempts"}) +
         writes("+hdel", {"buyer", "emails"}) + writes("+incr +pexpire", {"attempts"}) +
         writes("+expireat", {"refused"});
}

std::string hub_rules() {
  return reads({"feed",     "ledger",   "heads",     "manufacturers", "stock",    "names",
                "cycle",    "cycles",   "planned",   "meta",          "answered", "silent",
                "accepted", "enrolled", "settling",  "towork",        "topack",   "stuck",
                "packs",    "pack",     "agreed",    "disputed",      "resolved", "troubles",
                "troubled", "order",    "settledto", "orderstate"}) +
         writes("+xadd", {"ledger", "feed"}) +
         writes("+hset", {"heads", "stock", "names", "manufacturers", "accepted", "answered",
                          "meta", "cycles", "topack", "stuck", "packs", "agreed", "disputed",
                          "troubles", "settledto"}) +
         writes("+set", {"cycle", "planned", "silent", "pack", "orderstate"}) +
         writes("+del", {"planned", "answered"}) +
         writes("+hdel", {"topack", "stuck", "disputed", "troubles"}) +
         writes("+zadd +zrem", {"settling", "troubled"}) + writes("+sadd +srem", {"towork"});
}

std::string rules(RedisRole role) {
  switch (role) {
    case RedisRole::worker:
      return worker_rules();
    case RedisRole::hub:
      return hub_rules();
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
