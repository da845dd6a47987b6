// The cycles, how far their settlement is and what is wrong with it, as the store tells the
// operator.
//
// Threads: values.
// Errors:  decode_... return nullopt for anything not exactly of this form.
// Source:  docs/STORE.md, "Functions": cycles_v1, troubles_v1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "protocol/cycles.hpp"

namespace depot::control {

struct CycleRow {
  protocol::Cycle cycle;
  std::int64_t manufacturers = 0;                      // each has one statement coming
  std::int64_t packs = 0;                              // statements written
  std::int64_t failed = 0;                             // that could not be, resolved or not
  std::int64_t agree = 0, disagree = 0, resolved = 0;  // disagree: that are not resolved
  std::int64_t resolved_unwritten = 0;                 // of the resolved: they have no statement
  std::int64_t unwritten() const { return manufacturers - packs - failed; }  // yet
};
struct Cycles {
  protocol::Cycle current;
  std::vector<CycleRow> rows;  // the oldest first
  std::vector<std::string> silent;
};

std::optional<Cycles> decode_cycles(std::string_view answer);
// "2 of 3 agree, 1 does not"; "" where nothing is to be settled.
std::string settlement_of(const CycleRow& row);

// What the operator has to see to: of a settlement, or that a ledger takes no entry.
struct Trouble {
  enum class Kind : std::uint8_t { no_statement = 0, closed_ledger = 1, disagrees = 2 };
  std::string cycle;  // "" for closed_ledger
  std::string manufacturer;
  Kind kind{};
  std::int64_t since_ms = 0;
  std::string why;  // as the hub, or the manufacturer, says it
};
struct Troubles {
  std::int64_t count = 0;
  std::vector<Trouble> first;  // the worst, and of these the oldest
  std::int64_t now_ms = 0;     // Redis' own
  std::int64_t turned_ms = 0;  // when the current cycle came into its state
  std::optional<protocol::Cycle> current = {}, planned = {};
};
std::optional<Troubles> decode_troubles(std::string_view answer);
std::string to_text(const Trouble& trouble);
// What the current cycle, or the planned one, should have done by now; "" where all is in time.
std::string overdue(const Troubles& look, const CycleConfig& config);

}  // namespace depot::control
