#include "store/library.hpp"

#include <map>

#include "store/lua_files.hpp"

namespace depot::store {
namespace {

// The loaded library's text; "" where there is none.
Result<std::string> loaded_text(BlockingRedis& redis) {
  const auto reply =
      redis.command({"FUNCTION", "LIST", "LIBRARYNAME", std::string(library_name()), "WITHCODE"});
  if (!reply) return tl::unexpected(reply.error());
  for (const Value& library : reply->items) {
    for (std::size_t i = 0; i + 1 < library.items.size(); i += 2) {
      if (library.items[i].text == "library_code") return library.items[i + 1].text;
    }
  }
  return std::string();
}

}  // namespace

std::string_view library_name() { return "depot_v1"; }

std::string library_text() {
  std::string text = "#!lua name=" + std::string(library_name()) + "\n";
  for (const embedded::File& file : embedded::lua_files()) {
    text += "-- " + std::string(file.name) + "\n" + std::string(file.bytes);
  }
  return text;
}

Result<void> load_library(BlockingRedis& redis) {
  const std::string text = library_text();
  const auto loaded = loaded_text(redis);
  if (!loaded) return tl::unexpected(loaded.error());
  if (*loaded == text) return {};
  const auto reply = redis.command({"FUNCTION", "LOAD", "REPLACE", text});
  if (!reply) return tl::unexpected(reply.error());
  return {};
}

Result<void> check_settings(BlockingRedis& redis, bool allow_unsafe) {
  const auto reply = redis.command({"CONFIG", "GET", "*"});
  if (!reply) return tl::unexpected(reply.error());
  std::map<std::string, std::string> settings;
  for (std::size_t i = 0; i + 1 < reply->items.size(); i += 2) {
    settings[reply->items[i].text] = reply->items[i + 1].text;
  }
  std::string faults;
  const auto must_be = [&](const std::string& name, const std::string& wanted) {
    if (settings[name] != wanted) faults += " " + name + " must be " + wanted + ";";
  };
  if (!settings.contains("busy-reply-threshold")) faults += " Redis 7.0 or newer is needed;";
  must_be("maxmemory-policy", "noeviction");  // Evicted orders: whatever the configuration says.
  if (!allow_unsafe) {
    must_be("appendonly", "yes");
    must_be("appendfsync", "always");
    must_be("no-appendfsync-on-rewrite", "no");
    must_be("aof-load-truncated", "no");  // A torn tail is for the start wrapper.
    if (settings["maxmemory"] == "0") faults += " maxmemory must be set;";
  }
  const auto user = redis.command({"ACL", "GETUSER", "default"});
  if (!user) return tl::unexpected(user.error());
  for (std::size_t i = 0; i + 1 < user->items.size(); i += 2) {
    const std::string &name = user->items[i].text, &rules = user->items[i + 1].text;
    if ((name == "commands" && rules != "+@all") || (name == "keys" && rules != "~*")) {
      faults +=
          " the default user, as which Redis replays its append-only file, must have all "
          "permissions, also where it is off (user default off ~* &* +@all);";
      break;
    }
  }
  if (faults.empty()) return {};
  return fail(ErrorCode::bad_input, "this Redis would lose acknowledged orders:" + faults);
}

}  // namespace depot::store
