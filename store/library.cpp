#include "store/library.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <vector>

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

// Every text in an answer of FUNCTION LIST, the functions' names among them.
void collect_texts(const Value& value, std::set<std::string>& texts) {
  texts.insert(value.text);
  for (const Value& item : value.items) collect_texts(item, texts);
}

// As the files have them: register('get_cycle_v1', ... at the beginning of a line.
std::vector<std::string> functions_of(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find("('") + 2;
    if (!line.starts_with("register") || begin < 2) continue;
    names.push_back(line.substr(begin, line.find('\'', begin) - begin));
  }
  return names;
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

Result<std::string> restore_library(BlockingRedis& redis) {
  static const std::vector<std::string> ours = functions_of(library_text());
  const auto reply =
      redis.command({"FUNCTION", "LIST", "LIBRARYNAME", std::string(library_name())});
  if (!reply) return tl::unexpected(reply.error());
  std::set<std::string> there;
  collect_texts(*reply, there);
  const auto lacked =
      std::ranges::find_if(ours, [&](const std::string& name) { return !there.contains(name); });
  if (lacked == ours.end()) return std::string();
  const auto loaded = load_library(redis);
  if (!loaded) return tl::unexpected(loaded.error());
  return *lacked;
}

Result<void> check_settings(BlockingRedis& redis, bool allow_unsafe) {
  // By name and one at a time: all take 0.2 ms of Redis' time, and one before 7.0 takes no more.
  constexpr const char* kNames[] = {
      "busy-reply-threshold",      "maxmemory-policy",   "appendonly", "appendfsync",
      "no-appendfsync-on-rewrite", "aof-load-truncated", "maxmemory"};
  std::vector<std::vector<std::string>> asked;
  for (const char* name : kNames) asked.push_back({"CONFIG", "GET", name});
  asked.push_back({"ACL", "GETUSER", "default"});
  const auto replies = redis.commands(asked);
  if (!replies) return tl::unexpected(replies.error());
  for (const Value& reply : *replies) {
    if (reply.kind == Value::Kind::error) return fail(ErrorCode::unknown, reply.text);
  }
  std::map<std::string, std::string> settings;
  for (const Value& reply : *replies) {
    if (reply.items.size() == 2) settings[reply.items[0].text] = reply.items[1].text;
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
  const std::vector<Value>& user = replies->back().items;
  for (std::size_t i = 0; i + 1 < user.size(); i += 2) {
    const std::string &name = user[i].text, &rules = user[i + 1].text;
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
