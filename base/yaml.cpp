#include "base/yaml.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <sstream>

#include "base/fatal.hpp"

namespace depot {
namespace {

struct UnitName {
  std::string_view name;
  std::int64_t factor;
};
using UnitNames = std::span<const UnitName>;  // the largest first
constexpr UnitName kNone[] = {{"", 1}};
constexpr UnitName kBytes[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};
constexpr UnitName kTime[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr UnitNames kUnits[] = {kNone, kBytes, kTime};

// "<digits><unit>"; nullopt for anything else and for what does not fit.
std::optional<std::int64_t> parse_number(std::string_view text, UnitNames units) {
  std::int64_t number = 0, value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  const std::string_view name(read.ptr, static_cast<std::size_t>(end - read.ptr));
  const auto unit = std::ranges::find(units, name, &UnitName::name);
  if (read.ec != std::errc() || unit == units.end() ||
      __builtin_mul_overflow(number, unit->factor, &value)) {
    return std::nullopt;
  }
  return value;
}

std::string format_number(std::int64_t value, UnitNames units) {
  const auto divides = [&](const UnitName& unit) { return value % unit.factor == 0; };
  const auto unit = value == 0 ? units.end() - 1 : std::ranges::find_if(units, divides);
  return fmt::format("{}{}", value / unit->factor, unit->name);
}

[[noreturn]] void fail_at(const std::string& name, const std::string& place, const std::string& key,
                          const std::string& why) {
  throw StartupError(fmt::format("{}:{}: {}{}{}", name, place, key, key.empty() ? "" : ": ", why),
                     kExitConfig);
}

std::size_t line_of(const YAML::Mark& mark) {
  return static_cast<std::size_t>(std::max(0, mark.line)) + 1;
}

std::string place_of(const YAML::Mark& mark, bool with_column = false) {
  const std::string column = with_column ? fmt::format(":{}", std::max(0, mark.column) + 1) : "";
  return std::to_string(line_of(mark)) + column;
}

class Walk {
 public:
  // `row`: "" for a whole file; "production[3]." within that row of it.
  Walk(const std::string& name, const YamlTable& table, std::string row = "")
      : name_(name), table_(table), row_(std::move(row)) {}

  void run(const YAML::Node& root) {
    visit_section(root, "");
    for (const YamlTable::Binding& binding : table_.bindings()) {
      if (binding.required && !seen_.contains(binding.key)) {
        fail(root, binding.key, "is missing");
      }
    }
  }

 private:
  void visit_section(const YAML::Node& node, const std::string& section) {
    if (node.IsNull()) return;  // All its keys are commented out.
    if (!node.IsMap()) {
      fail(node, section, "must be a mapping (key: value lines)");
    }
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) fail(entry.first, section, "not a key");
      const std::string key =
          section.empty() ? entry.first.Scalar() : section + "." + entry.first.Scalar();
      if (!seen_.insert(key).second) {
        fail(entry.first, key, "is there twice");
      }
      visit_key(key, entry.first, entry.second, section.empty());
    }
  }

  void visit_key(const std::string& key, const YAML::Node& place, const YAML::Node& value,
                 bool may_be_section) {
    const auto& bindings = table_.bindings();
    const auto bound = std::ranges::find(bindings, key, &YamlTable::Binding::key);
    if (bound != bindings.end()) return apply(*bound, place, value);
    const auto below = [&](const auto& binding) { return binding.key.starts_with(key + "."); };
    if (may_be_section && std::ranges::any_of(bindings, below)) return visit_section(value, key);
    fail(place, key, "unknown key; " + known_beside(key));
  }

  std::string known_beside(const std::string& key) const {
    const std::size_t dot = key.find('.');
    const std::string section = dot == std::string::npos ? "" : key.substr(0, dot + 1);
    std::set<std::string> names;
    for (const YamlTable::Binding& binding : table_.bindings()) {
      if (!binding.key.starts_with(section)) continue;
      const std::string rest = binding.key.substr(section.size());
      names.insert(rest.substr(0, rest.find('.')));
    }
    return fmt::format("known here: {}", fmt::join(names, ", "));
  }

  void apply(const YamlTable::Binding& binding, const YAML::Node& place, const YAML::Node& value) {
    const std::string& key = binding.key;
    if (!binding.clear && !binding.add) {
      if (!value.IsScalar()) {
        fail(place, key, value.IsNull() ? "has no value" : "must be one value");
      }
      const std::string why = binding.set(value.Scalar());
      if (!why.empty()) fail(value, key, why);
      return;
    }
    if (!value.IsSequence() && !value.IsNull()) {
      fail(place, key, "must be a list");
    }
    if (value.size() > binding.count_max) {
      fail(place, key,
           fmt::format("has {} entries, at most {} are allowed", value.size(), binding.count_max));
    }
    if (binding.clear) binding.clear();
    std::size_t index = 0;
    for (const YAML::Node& item : value) {
      if (binding.add) {
        const YamlTable row = binding.add(name_ + ":" + place_of(item.Mark(), true));
        Walk(name_, row, fmt::format("{}[{}].", key, index++)).run(item);
        continue;
      }
      const std::string why = item.IsScalar() ? binding.set(item.Scalar()) : "must be one value";
      if (!why.empty()) fail(item, fmt::format("{}[{}]", key, index), why);
      ++index;
    }
  }

  [[noreturn]] void fail(const YAML::Node& at, const std::string& key,
                         const std::string& why) const {
    const std::string name =
        key.empty() && !row_.empty() ? row_.substr(0, row_.size() - 1) : row_ + key;
    fail_at(name_, place_of(at.Mark(), !row_.empty()), name, why);
  }

  const std::string& name_;
  const YamlTable& table_;
  const std::string row_;
  std::set<std::string> seen_;
};

class IgnoreEvents : public YAML::EventHandler {
  using Mark = const YAML::Mark&;
  using Text = const std::string&;
  void OnDocumentStart(Mark) override {}
  void OnDocumentEnd() override {}
  void OnNull(Mark, YAML::anchor_t) override {}
  void OnAlias(Mark, YAML::anchor_t) override {}
  void OnScalar(Mark, Text, YAML::anchor_t, Text) override {}
  void OnSequenceStart(Mark, Text, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(Mark, Text, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

YAML::Node load_document(const std::string& text, const std::string& name) {
  if (text.size() > kYamlBytesMax) throw StartupError(name + ": larger than 1 MiB", kExitConfig);
  try {
    // Load() ignores what stands behind the first document, and LoadAll() never ends on a stray ']'
    // (yaml-cpp 0.7): so the documents are counted first, two at most.
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    IgnoreEvents events;
    if (parser.HandleNextDocument(events) && parser.HandleNextDocument(events)) {
      throw StartupError(name + ": not one YAML document; look for a stray bracket or ---",
                         kExitConfig);
    }
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    fail_at(name, place_of(error.mark), "", "not YAML: " + error.msg);
  }
}

// What no file's name and no program's argument can have.
std::string wrong_text(const std::string& text) {
  return text.find('\0') == std::string::npos ? "" : "must be text, without a NUL";
}

// As a YAML scalar.
std::string in_quotes(const std::string& text) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("/._-", c); };
  if (!text.empty() && text[0] != '-' && std::ranges::all_of(text, plain)) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    control ? out += fmt::format("\\x{:02x}", c) : out += c;
  }
  return out + '"';
}

std::string variable_of(const std::string& key) {
  std::string name = "DEPOT_";
  for (const char c : key) {
    if (c == '.') {
      name += "__";
    } else {
      name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  return name;
}

}  // namespace

void YamlTable::text(std::string key, std::string& member, Check check) {
  const auto set = [&member, check](const std::string& value) {
    std::string why = wrong_text(value);
    if (why.empty() && check) why = check(value);
    if (why.empty()) member = value;
    return why;
  };
  const auto show = [&member] { return in_quotes(member); };
  bindings_.push_back({.key = std::move(key), .set = set, .show = show});
}

void YamlTable::list(std::string key, std::vector<std::string>& member, std::size_t count_max) {
  const auto add = [&member](const std::string& value) {
    std::string why = wrong_text(value);
    if (why.empty()) member.push_back(value);
    return why;
  };
  const auto show = [&member] {
    std::string items;
    for (const std::string& item : member) items += (items.empty() ? "" : ", ") + in_quotes(item);
    return "[" + items + "]";
  };
  const auto clear = [&member] { member.clear(); };
  bindings_.push_back({std::move(key), add, show, clear, count_max});
}

void YamlTable::rows(std::string key, std::size_t count_max, AddRow add) {
  bindings_.push_back({.key = std::move(key), .count_max = count_max, .add = std::move(add)});
}

void YamlTable::bind_number(std::string key, Unit unit, std::int64_t min, std::int64_t max,
                            Number number) {
  static constexpr std::string_view kWhat[] = {"a number", "a size such as 4096, 64KiB or 8MiB,",
                                               "a duration such as 250ms, 5s, 15m, 24h or 14d,"};
  const auto kind = static_cast<std::size_t>(unit);
  const std::string why =
      fmt::format("must be {} from {} to {}", kWhat[kind], format_number(min, kUnits[kind]),
                  format_number(max, kUnits[kind]));
  const auto set = [=](const std::string& text) -> std::string {
    const auto value = parse_number(text, kUnits[kind]);
    if (!value || *value < min || *value > max) return why;
    return number.set(*value), "";
  };
  const auto show = [=] { return format_number(number.get(), kUnits[kind]); };
  bindings_.push_back({.key = std::move(key), .set = set, .show = show});
}

void YamlTable::required(std::string_view key) {
  const auto found = std::ranges::find(bindings_, key, &Binding::key);
  DEPOT_ASSERT(found != bindings_.end());
  found->required = true;
}

void read_yaml(const std::string& text, const std::string& name, const YamlTable& table) {
  Walk(name, table).run(load_document(text, name));
}

void read_yaml_file(const std::string& path, const YamlTable& table) {
  read_yaml(read_text_file(path), path, table);
}

std::string read_text_file(const std::string& path, std::size_t bytes_max, int exit_code) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw StartupError(fmt::format("{}: {}", path, std::strerror(errno)), exit_code);
  std::string text;
  std::array<char, 64 * 1024> part;  // The limit may be far above what the file has.
  while (text.size() <= bytes_max && file.read(part.data(), part.size()).gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad())
    throw StartupError(fmt::format("{}: cannot be read; is it a file?", path), exit_code);
  if (text.size() > bytes_max) {
    throw StartupError(fmt::format("{}: larger than {} bytes", path, bytes_max), exit_code);
  }
  return text;
}

void read_environment(const YamlTable& table) {
  std::set<std::string> known;
  for (const YamlTable::Binding& binding : table.bindings()) {
    const std::string variable = variable_of(binding.key);
    known.insert(variable);
    const char* value = std::getenv(variable.c_str());
    if (!value) continue;
    std::string why;
    if (binding.clear) {
      binding.clear();
      std::istringstream parts(value);
      for (std::string part; std::getline(parts, part, ',');) why += binding.set(part);
    } else {
      why = binding.set(value);
    }
    if (!why.empty()) {
      throw StartupError(fmt::format("environment: {}: {}", variable, why), kExitConfig);
    }
  }
  for (char** entry = environ; *entry; ++entry) {
    const std::string variable = std::string(*entry).substr(0, std::strcspn(*entry, "="));
    if (variable.starts_with("DEPOT_") && variable.find("__") != std::string::npos &&
        !known.contains(variable)) {
      throw StartupError(fmt::format("environment: {}: names no key of config.yml", variable),
                         kExitConfig);
    }
  }
}

std::string describe(const YamlTable& table) {
  std::string text;
  for (const YamlTable::Binding& binding : table.bindings()) {
    text += fmt::format("{}: {}\n", binding.key, binding.show());
  }
  return text;
}

YamlPlace find_yaml_key(const std::string& text, const std::string& name, const std::string& key) {
  YAML::Node node = load_document(text, name);
  YamlPlace place;
  std::istringstream parts(key);
  for (std::string part; std::getline(parts, part, '.');) {
    const YAML::Node parent = node;
    bool found = false;
    if (parent.IsMap()) {
      for (const auto& entry : parent) {
        if (entry.first.Scalar() != part) continue;
        place.line = line_of(entry.first.Mark());
        node.reset(entry.second);
        found = true;
      }
    }
    if (!found) return place;
  }
  place.offset = static_cast<std::size_t>(node.Mark().pos);
  return place;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto millis = parse_number(text, kTime);
  return millis ? std::optional(std::chrono::milliseconds(*millis)) : std::nullopt;
}

}  // namespace depot
