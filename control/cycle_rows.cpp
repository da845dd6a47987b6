#include "control/cycle_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "protocol/fields.hpp"

namespace depot::control {
namespace {

constexpr Duration kPunctual = std::chrono::seconds(10);  // for the hub to take a step

std::int64_t ms_of(Duration duration) {
  return std::chrono::duration_cast<Millis>(duration).count();
}

}  // namespace

std::optional<Cycles> decode_cycles(std::string_view answer) {
  return protocol::decode_reply<Cycles>('O', answer, 3, [](auto& in, Cycles& all) {
    if (in.array() != protocol::kCycleFields) return in.fail();
    protocol::read_cycle(in, all.current);
    protocol::read_rows(in, 11, all.rows, [&](CycleRow& row) {
      protocol::read_cycle(in, row.cycle);
      protocol::read(in, row.manufacturers, row.packs, row.failed, row.agree, row.disagree,
                     row.resolved, row.resolved_unwritten);
    });
    protocol::read(in, all.silent);
  });
}

std::string settlement_of(const CycleRow& row) {
  if (row.manufacturers == 0) return "";
  std::string text = fmt::format("{} of {} agree", row.agree, row.manufacturers);
  const auto add = [&text](std::int64_t count, std::string_view one, std::string_view more) {
    if (count > 0) text += fmt::format(", {} {}", count, count == 1 ? one : more);
  };
  add(row.disagree, "does not", "do not");
  add(row.resolved, "is resolved", "are resolved");
  add(row.failed - row.resolved_unwritten, "has no statement", "have no statement");
  add(row.unwritten(), "to be written", "to be written");
  return text;
}

std::optional<Troubles> decode_troubles(std::string_view answer) {
  return protocol::decode_reply<Troubles>('O', answer, 6, [](auto& in, Troubles& all) {
    protocol::read(in, all.count);
    protocol::read_rows(in, 5, all.first, [&](Trouble& one) {
      protocol::read(in, one.cycle, one.manufacturer,
                     protocol::up_to(one.kind, Trouble::Kind::disagrees), one.since_ms, one.why);
    });
    protocol::read(in, all.now_ms);
    if (!in.absent()) all.turned_ms = in.integer();
    for (std::optional<protocol::Cycle>* cycle : {&all.current, &all.planned}) {
      if (in.absent()) continue;
      if (in.array() != protocol::kCycleFields) return in.fail();
      protocol::read_cycle(in, cycle->emplace());
    }
  });
}

std::string to_text(const Trouble& trouble) {
  if (trouble.kind == Trouble::Kind::closed_ledger) {
    return fmt::format(
        "{}: {}; nothing more of it is sold: docs/OPERATIONS.md, \"When something "
        "breaks\"",
        trouble.manufacturer, trouble.why);
  }
  const bool none = trouble.kind == Trouble::Kind::no_statement;
  const std::string where =
      none ? fmt::format("list --cycle {}", trouble.cycle)
           : fmt::format("show {} --cycle {}", trouble.manufacturer, trouble.cycle);
  return fmt::format("cycle {}: {} {}: {}; see depot settlement {}", trouble.cycle,
                     trouble.manufacturer,
                     none ? "has no statement" : "does not agree to its statement",
                     trouble.why.substr(0, trouble.why.find("; ")), where);
}

std::string overdue(const Troubles& look, const CycleConfig& config) {
  if (!look.current) return "";
  const bool gap = look.current->state == protocol::CycleState::closed && look.planned;
  const protocol::Cycle& cycle = gap ? *look.planned : *look.current;
  const auto since = [&](std::string_view what, std::int64_t due_ms) -> std::string {
    const std::int64_t late = look.now_ms - std::max(due_ms, look.turned_ms);
    if (late < ms_of(kPunctual)) return "";
    return fmt::format("cycle {} is {}, and should {} since {}: the hub's log says why", cycle.id,
                       name_of(cycle.state), what, rfc3339_of_ms(due_ms));
  };
  switch (cycle.state) {
    case protocol::CycleState::planned:
      return since("be collecting", cycle.opens_at_ms);
    case protocol::CycleState::collecting:  // A hub that was started again waits once more.
      return since("be open", look.turned_ms + 2 * ms_of(config.collect_for));
    case protocol::CycleState::open:
      return since("be closing", cycle.closes_at_ms);
    case protocol::CycleState::closing:
      return since("be closed", cycle.closes_at_ms + ms_of(config.closing_grace));
    default:
      return "";
  }
}

}  // namespace depot::control
