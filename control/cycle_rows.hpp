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

#include "protocol/cycles.hpp"

namespace depot::control {

struct CycleRow {
  protocol::Cycle cycle;
  std::int64_t packs = 0, missing = 0;                 // statements written, and not
  std::int64_t failed = 0;                             // of those missing: they cannot be made
  std::int64_t agree = 0, disagree = 0, resolved = 0;  // manufacturers
};
struct Cycles {
  protocol::Cycle current;
  std::vector<CycleRow> rows;  // the oldest first
  std::vector<std::string> silent;
};

std::optional<Cycles> decode_cycles(std::string_view answer);
// "2 of 3 agree, 1 does not"; "" where nothing is to be settled.
std::string settlement_of(const CycleRow& row);

// What of a settlement the operator has to see to.
struct Trouble {
  enum class Kind : std::uint8_t { no_statement = 0, disagrees = 1 };
  std::string cycle, manufacturer;
  Kind kind{};
  std::int64_t since_ms = 0;
  std::string why;  // as the hub, or the manufacturer, says it
};
struct Troubles {
  std::int64_t count = 0;
  std::vector<Trouble> first;
};
std::optional<Troubles> decode_troubles(std::string_view answer);
std::string to_text(const Trouble& trouble);

}  // namespace depot::control
