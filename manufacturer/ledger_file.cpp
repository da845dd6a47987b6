#include "manufacturer/ledger_file.hpp"

#include <boost/json.hpp>
#include <filesystem>

#include "base/clock.hpp"

namespace depot::manufacturer {

namespace json = boost::json;
using protocol::CycleState;
using protocol::LedgerEntry;
using protocol::LedgerKind;
using protocol::LedgerRow;

namespace {

template <typename Enum>
std::optional<Enum> named(std::string_view name, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name_of(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

std::string string_of(const json::value& value) { return std::string(value.as_string()); }

LedgerRow row_of(const json::value& value) {
  return {string_of(value.at("order")),    string_of(value.at("sku")),
          value.at("quantity").as_int64(), value.at("unit_price").as_int64(),
          value.at("offered").as_int64(),  value.at("cut").as_int64(),
          value.at("available").as_int64()};
}

}  // namespace

// "time" is for people; the rest has all that the entry has.
std::string to_json(const KeptEntry& kept) {
  const LedgerEntry& entry = kept.entry;
  json::array rows;
  for (const LedgerRow& row : entry.rows) {
    rows.push_back({{"order", row.order},
                    {"sku", row.sku},
                    {"quantity", row.quantity},
                    {"unit_price", row.unit_price},
                    {"offered", row.offered_after},
                    {"cut", row.cut_after},
                    {"available", row.available_after}});
  }
  json::object line{{"epoch", kept.epoch},         {"number", kept.number},
                    {"kind", name_of(entry.kind)}, {"time", rfc3339_of_ms(entry.time_ms)},
                    {"time_ms", entry.time_ms},    {"cycle", entry.cycle}};
  if (entry.kind == LedgerKind::epoch) {
    line["previous"] = {entry.previous_epoch, entry.previous_number};
  } else if (entry.kind == LedgerKind::cycle) {
    const protocol::Cycle& cycle = entry.transition;
    line["transition"] = {{"cycle", cycle.id},
                          {"state", name_of(cycle.state)},
                          {"opens_at_ms", cycle.opens_at_ms},
                          {"closes_at_ms", cycle.closes_at_ms}};
  } else {
    line["rows"] = std::move(rows);
  }
  return json::serialize(line);
}

std::optional<KeptEntry> kept_from_json(std::string_view line) {
  try {
    const json::value value = json::parse(line);
    KeptEntry kept{value.at("epoch").to_number<std::uint64_t>(),
                   value.at("number").to_number<std::uint64_t>(),
                   {}};
    LedgerEntry& entry = kept.entry;
    const auto kind = named(string_of(value.at("kind")), LedgerKind::cycle);
    if (!kind) return std::nullopt;
    entry.kind = *kind;
    entry.time_ms = value.at("time_ms").as_int64();
    entry.cycle = string_of(value.at("cycle"));
    if (*kind == LedgerKind::epoch) {
      entry.previous_epoch = value.at("previous").at(0).as_int64();
      entry.previous_number = value.at("previous").at(1).as_int64();
    } else if (*kind == LedgerKind::cycle) {
      const json::value& transition = value.at("transition");
      const auto state = named(string_of(transition.at("state")), CycleState::settled);
      if (!state) return std::nullopt;
      entry.transition = {string_of(transition.at("cycle")), *state,
                          transition.at("opens_at_ms").as_int64(),
                          transition.at("closes_at_ms").as_int64()};
    } else {
      for (const json::value& row : value.at("rows").as_array()) {
        entry.rows.push_back(row_of(row));
      }
    }
    return kept;
  } catch (const std::exception&) {  // What boost::json throws for anything of another form.
    return std::nullopt;
  }
}

std::string LedgerFile::read(const std::string& path, Ledger& ledger,
                             const std::function<void(const KeptEntry&)>& on_entry) {
  path_ = path;
  std::string why = keep_while([&](const std::string& line) {
    std::optional<KeptEntry> kept = kept_from_json(line);
    if (!kept || ledger.add(*std::move(kept)) != Ledger::Step::added) return false;
    on_entry(ledger.newest());
    return true;
  });
  static_cast<void>(ledger.take_dropped());
  return why;
}

std::string LedgerFile::cut(Position position) {
  return keep_while([&](const std::string& line) {
    const std::optional<KeptEntry> kept = kept_from_json(line);
    return kept && kept->position() <= position;
  });
}

std::string LedgerFile::keep_while(const std::function<bool(const std::string& line)>& good) {
  file_.close();
  std::uintmax_t size = 0;
  {
    std::ifstream old(path_, std::ios::binary);
    for (std::string line; std::getline(old, line) && !old.eof() && good(line);) {
      size += line.size() + 1;
    }
  }
  std::error_code wrong;
  if (std::filesystem::exists(path_)) std::filesystem::resize_file(path_, size, wrong);
  file_ = std::ofstream(path_, std::ios::binary | std::ios::app);
  return wrong || !file_ ? path_ + ": cannot be written; all of it is fetched at the next start"
                         : "";
}

}  // namespace depot::manufacturer
