#include "control/keys_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "control/store_call.hpp"
#include "messaging/security.hpp"
#include "store/users.hpp"

namespace depot::control {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string path_of(const Config& config, const std::string& name, const char* ending) {
  return config.keys_dir + "/" + name + ending;
}

void write_new(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  const bool written =
      fd >= 0 && write(fd, text.data(), text.size()) == std::ssize(text) && fsync(fd) == 0;
  const int failure = errno;
  if (fd >= 0) close(fd);
  if (written) return;
  throw StartupError(failure == EEXIST ? path + " is there already; depot keys revoke removes it"
                                       : path + ": cannot be written: " + std::strerror(failure),
                     kExitFailed);
}

}  // namespace

bool is_key_name(std::string_view name) {
  const std::string_view role = messaging::role_of(name);
  return !role.empty() && is_name_part(name.substr(role.size() + 1));
}

std::string make_key(const Config& config, const std::string& name) {
  std::error_code failure;
  fs::create_directories(config.keys_dir, failure);
  if (!failure) fs::permissions(config.keys_dir, fs::perms::owner_all, failure);
  if (failure) {
    throw StartupError(config.keys_dir + ": cannot be made: " + failure.message(), kExitFailed);
  }
  const messaging::CurveKeys keys = messaging::make_curve_keys();
  const std::string secret = path_of(config, name, ".key");
  const std::string open_half = "public " + keys.public_key + "\n";
  write_new(secret, open_half + "secret " + keys.secret_key + "\n", 0600);
  write_new(path_of(config, name, ".pub"), open_half, 0644);
  return secret;
}

int run_keys_new(const Config& config, const KeysOptions& options) {
  const std::string secret = make_key(config, options.name);
  if (options.json) {
    return print_line(
        json::serialize(json::value{{"name", options.name},
                                    {"secret", secret},
                                    {"public", path_of(config, options.name, ".pub")}}));
  }
  return print_line(fmt::format(
      "{}\nThe secret key of {}, for the machine on which it runs; keep it as a password.", secret,
      options.name));
}

int run_keys_list(const Config& config, const KeysOptions& options) {
  std::map<std::string, std::string> keys;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(config.keys_dir, ignored)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() != ".pub" || !is_key_name(name)) continue;
    keys[name] = messaging::read_curve_keys(entry.path()).public_key;
  }
  json::array items;
  std::string text = fmt::format("{:<40} {:<42} {}", "NAME", "PUBLIC KEY", "SECRET KEY HERE");
  for (const auto& [name, public_key] : keys) {
    const bool here = fs::exists(path_of(config, name, ".key"));
    items.push_back({{"name", name}, {"public_key", public_key}, {"secret_key_here", here}});
    text += fmt::format("\n{:<40} {:<42} {}", name, public_key, here ? "yes" : "no");
  }
  if (options.json) return print_line(json::serialize(json::object{{"items", std::move(items)}}));
  return print_line(text);
}

int run_keys_revoke(const Config& config, const KeysOptions& options) {
  bool any = false;
  for (const char* ending : {".pub", ".key"})
    any |= fs::remove(path_of(config, options.name, ending));
  if (!any) throw StartupError(options.name + " has no key; see depot keys list", kExitFailed);
  return print_line(options.name +
                    " is not let in any more, where this folder is that of a "
                    "balancer or hub; elsewhere remove its .pub, too");
}

int run_redis_users(const Config& config) {
  if (config.redis.mode != RedisMode::external || config.redis.users.empty()) {
    throw StartupError(
        "redis.mode must be external, and redis.users name the secrets' folder; a "
        "private Redis has its users already",
        kExitConfig);
  }
  store::make_secrets(config.redis.users);
  std::string lines = store::user_lines(config.redis.users);
  lines.pop_back();
  return print_line(lines);
}

}  // namespace depot::control
