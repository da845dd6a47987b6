#include "protocol/cycles.hpp"

#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::string_view kStates[] = {"planned", "collecting", "open",   "closing",
                                        "closed",  "settling",   "settled"};

}  // namespace

std::string_view name_of(CycleState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < std::size(kStates) ? kStates[index] : "";
}

void encode(const Cycle& cycle, std::string& out) {
  write_array(out, cycle.id, static_cast<std::int64_t>(cycle.state), cycle.opens_at_ms,
              cycle.closes_at_ms);
}

std::optional<Cycle> decode_cycle(std::string_view bytes) {
  return decode_array<Cycle>(bytes, kCycleFields, read_cycle);
}

std::optional<Cycle> decode_cycle_reply(std::string_view body) {
  return decode_reply<Cycle>('O', body, kCycleFields, read_cycle);
}

}  // namespace depot::protocol
