// The cycles and how far their settlement is, as the store tells the operator.
//
// Threads: values.
// Errors:  decode_cycles returns nullopt for anything not exactly of this form.
// Source:  docs/STORE.md, "Functions": cycles_v1.
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
  std::int64_t packs = 0, missing = 0, agree = 0, disagree = 0;
};
struct Cycles {
  protocol::Cycle current;
  std::vector<CycleRow> rows;  // the oldest first
  std::vector<std::string> silent;
};

std::optional<Cycles> decode_cycles(std::string_view answer);

}  // namespace depot::control
