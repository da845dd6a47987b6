// The sales cycle as every process sees it.
//
// Threads: values.
// Source:  docs/ARCHITECTURE.md, "Cycle".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace depot::protocol {

enum class CycleState : std::uint8_t {
  planned = 0,
  collecting = 1,
  open = 2,
  closing = 3,
  closed = 4,
  settling = 5,
  settled = 6,
};
std::string_view name_of(CycleState state);

// [id, state, opens_at_ms, closes_at_ms]
struct Cycle {
  std::string id;  // "2026-11"
  CycleState state = CycleState::planned;
  std::int64_t opens_at_ms = 0;
  std::int64_t closes_at_ms = 0;
  friend bool operator==(const Cycle&, const Cycle&) = default;
};
void encode(const Cycle& cycle, std::string& out);
std::optional<Cycle> decode_cycle(std::string_view bytes);       // the bare array
std::optional<Cycle> decode_cycle_reply(std::string_view body);  // 'O' + the array

}  // namespace depot::protocol
