// Binds the keys of a YAML file to typed members: one table says key, type, unit and range.
//
//   YamlTable table;
//   table.integer("workers.count", config.workers.count, 0, 64);
//   table.duration("gateway.idle_timeout", config.gateway.idle_timeout, 1s, 1h);
//   read_yaml_file("config.yml", table);
//
// A key is "name" or "section.name". Unknown and repeated keys, wrong types and values out of range
// are errors; a key that is absent leaves its member as it was.
//
// Threads: a value; the members must outlive it.
// Errors:  StartupError "<file>:<line>: <key>: <what is wrong and what is allowed>"; within rows,
//          of which many may stand on one line, "<file>:<line>:<column>: ...".
// Source:  docs/OPERATIONS.md, "Files".
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fatal.hpp"

namespace depot {

class YamlTable {
 public:
  using Millis = std::chrono::milliseconds;
  // Returns "" for a good value, else what is wrong with it ("must be ...").
  using Check = std::function<std::string(const std::string& value)>;

  void text(std::string key, std::string& member, Check check = {});
  template <std::integral Integer>
  void integer(std::string key, Integer& member, std::int64_t min, std::int64_t max) {
    bind_number(std::move(key), Unit::none, min, max, member);
  }
  template <std::integral Integer>  // bytes: 4096, 64KiB, 8MiB, 2GiB
  void size(std::string key, Integer& member, std::int64_t min, std::int64_t max) {
    bind_number(std::move(key), Unit::bytes, min, max, member);
  }
  // 250ms, 5s, 15m, 24h, 14d
  void duration(std::string key, Millis& member, Millis min, Millis max) {
    bind_number(std::move(key), Unit::time, min.count(), max.count(), member);
  }
  void flag(std::string key, bool& member) {
    choice<bool>(std::move(key), member, {{"true", true}, {"false", false}});
  }
  template <typename Enum>
  void choice(std::string key, Enum& member, std::vector<std::pair<std::string, Enum>> options);
  // A list of scalars, replaced as a whole.
  void list(std::string key, std::vector<std::string>& member, std::size_t count_max);
  // A list of mappings: `add` makes room for one more and binds its keys. `place` is where it
  // begins, "<file>:<line>:<column>". Not for tables that are described.
  using AddRow = std::function<YamlTable(const std::string& place)>;
  void rows(std::string key, std::size_t count_max, AddRow add);
  void required(std::string_view key);  // Its absence is an error. REQUIRES: bound.

  struct Binding {
    std::string key;
    Check set = {};                          // a scalar, or one more of a list
    std::function<std::string()> show = {};  // as it would stand in the file
    std::function<void()> clear = {};        // lists only: empties the member
    std::size_t count_max = 0;
    bool required = false;
    AddRow add = {};  // rows only, in the place of `set` and `clear`
  };
  const std::vector<Binding>& bindings() const { return bindings_; }

 private:
  enum class Unit { none, bytes, time };
  template <typename Number>
  void bind_number(std::string key, Unit unit, std::int64_t min, std::int64_t max, Number& member) {
    bind_number(std::move(key), unit, min, max,
                {[&member](std::int64_t value) { member = Number(value); },
                 [&member] {
                   if constexpr (std::integral<Number>) return static_cast<std::int64_t>(member);
                   if constexpr (!std::integral<Number>) return std::int64_t{member.count()};
                 }});
  }
  struct Number {
    std::function<void(std::int64_t)> set;
    std::function<std::int64_t()> get;
  };
  void bind_number(std::string key, Unit unit, std::int64_t min, std::int64_t max, Number number);
  std::vector<Binding> bindings_;
};

inline constexpr std::size_t kYamlBytesMax = 1024 * 1024;

// `name` stands for the file in messages.
void read_yaml(const std::string& text, const std::string& name, const YamlTable& table);
void read_yaml_file(const std::string& path, const YamlTable& table);
// Throws with `exit_code` where the file cannot be read or is larger.
std::string read_text_file(const std::string& path, std::size_t bytes_max = kYamlBytesMax,
                           int exit_code = kExitConfig);

// Overrides: DEPOT_<SECTION>__<KEY>, DEPOT_<KEY> for a key without a section; lists with commas
// between. A variable with "__" in it that names no key is an error too.
void read_environment(const YamlTable& table);

// Every key as it is in force, "section.key: value" a line, in the table's order; read_yaml takes
// that form too.
std::string describe(const YamlTable& table);

// Where a scalar stands in the text. `offset` (bytes) is npos where it is absent; `line` (from 1)
// is then its section's, or 0.
struct YamlPlace {
  std::size_t line = 0;
  std::size_t offset = std::string::npos;
};
YamlPlace find_yaml_key(const std::string& text, const std::string& name, const std::string& key);

// "250ms", "5s"; nullopt for anything else. For values that may also be a word.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

template <typename Enum>
void YamlTable::choice(std::string key, Enum& member,
                       std::vector<std::pair<std::string, Enum>> options) {
  bindings_.push_back({.key = std::move(key),
                       .set = [&member, options](const std::string& value) -> std::string {
                         std::string why = "must be";
                         for (const auto& [name, meant] : options) {
                           if (name == value) return member = meant, "";
                           why += (why.size() > 7 ? " or " : " ") + name;
                         }
                         return why;
                       },
                       .show =
                           [&member, options] {
                             for (const auto& [name, meant] : options) {
                               if (meant == member) return name;
                             }
                             return std::string();
                           }});
}

}  // namespace depot
