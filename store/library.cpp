#include "store/library.hpp"

#include <map>

#include "store/lua_files.hpp"

namespace depot::store {
namespace {

// "a, b" appended to; "" at first.
void add_to(std::string& list, const std::string& item) {
  list += (list.empty() ? "" : "; ") + item;
}

Result<std::map<std::string, std::string>> read_settings(BlockingRedis& redis) {
  const auto reply = redis.command({"CONFIG", "GET", "*"});
  if (!reply) return tl::unexpected(reply.error());
  std::map<std::string, std::string> settings;
  for (std::size_t i = 0; i + 1 < reply->items.size(); i += 2) {
    settings[reply->items[i].text] = reply->items[i + 1].text;
  }
  return settings;
}

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
  const auto settings = read_settings(redis);
  if (!settings) return tl::unexpected(settings.error());
  const auto is = [&settings](const std::string& name, const std::string& wanted) {
    const auto found = settings->find(name);
    return found != settings->end() && found->second == wanted;
  };
  std::string faults;
  if (!settings->contains("busy-reply-threshold")) add_to(faults, "Redis 7.0 or newer is needed");
  // Eviction breaks the books, not only durability: no configuration allows it.
  if (!is("maxmemory-policy", "noeviction")) add_to(faults, "maxmemory-policy must be noeviction");
  static constexpr std::pair<const char*, const char*> kDurable[] = {
      {"appendonly", "yes"},
      {"appendfsync", "always"},
      {"no-appendfsync-on-rewrite", "no"},
      {"aof-load-truncated", "no"},  // A torn tail is for the start wrapper.
  };
  for (const auto& [name, wanted] : kDurable) {
    if (!allow_unsafe && !is(name, wanted)) {
      add_to(faults, std::string(name) + " must be " + wanted);
    }
  }
  if (!allow_unsafe && is("maxmemory", "0")) {
    add_to(faults, "maxmemory must be set: new purchases stop before it is reached");
  }
  if (faults.empty()) return {};
  return fail(ErrorCode::bad_input, "this Redis would lose acknowledged orders: " + faults);
}

}  // namespace depot::store
