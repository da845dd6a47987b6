#include "control/cycle_rows.hpp"

#include <fmt/format.h>

#include "protocol/fields.hpp"

namespace depot::control {

std::optional<Cycles> decode_cycles(std::string_view answer) {
  return protocol::decode_reply<Cycles>('O', answer, 3, [](auto& in, Cycles& all) {
    if (in.array() != protocol::kCycleFields) return in.fail();
    protocol::read_cycle(in, all.current);
    protocol::read_rows(in, 10, all.rows, [&](CycleRow& row) {
      protocol::read_cycle(in, row.cycle);
      protocol::read(in, row.packs, row.missing, row.failed, row.agree, row.disagree, row.resolved);
    });
    protocol::read(in, all.silent);
  });
}

std::string settlement_of(const CycleRow& row) {
  if (row.packs + row.missing == 0) return "";
  std::string text = fmt::format("{} of {} agree", row.agree, row.packs + row.missing);
  const auto add = [&text](std::int64_t count, std::string_view one, std::string_view more) {
    if (count > 0) text += fmt::format(", {} {}", count, count == 1 ? one : more);
  };
  add(row.disagree, "does not", "do not");
  add(row.resolved, "is resolved", "are resolved");
  add(row.failed, "has no statement", "have no statement");
  add(row.missing - row.failed, "to be written", "to be written");
  return text;
}

std::optional<Troubles> decode_troubles(std::string_view answer) {
  return protocol::decode_reply<Troubles>('O', answer, 2, [](auto& in, Troubles& all) {
    protocol::read(in, all.count);
    protocol::read_rows(in, 5, all.first, [&](Trouble& one) {
      protocol::read(in, one.cycle, one.manufacturer,
                     protocol::up_to(one.kind, Trouble::Kind::disagrees), one.since_ms, one.why);
    });
  });
}

std::string to_text(const Trouble& trouble) {
  const bool none = trouble.kind == Trouble::Kind::no_statement;
  return fmt::format(
      "cycle {}: {} {}: {}; see depot settlement show {} --cycle {}", trouble.cycle,
      trouble.manufacturer, none ? "has no statement" : "does not agree to its statement",
      trouble.why.substr(0, trouble.why.find("; ")), trouble.manufacturer, trouble.cycle);
}

}  // namespace depot::control
