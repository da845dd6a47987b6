#include "protocol/cycles.hpp"

#include <array>

#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::array<std::string_view, 7> kStates = {"planned", "collecting", "open",   "closing",
                                                     "closed",  "settling",   "settled"};
constexpr std::size_t kFields = 4;

void read_cycle(Reader& reader, Cycle& cycle) {
  cycle.id = reader.string();
  cycle.state = read_enum(reader, CycleState::settled);
  cycle.opens_at_ms = reader.integer();
  cycle.closes_at_ms = reader.integer();
}

}  // namespace

std::string_view name_of(CycleState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < kStates.size() ? kStates[index] : "";
}

void encode(const Cycle& cycle, std::string& out) {
  Writer writer(out);
  writer.array(kFields).string(cycle.id).integer(static_cast<std::int64_t>(cycle.state));
  writer.integer(cycle.opens_at_ms).integer(cycle.closes_at_ms);
}

std::optional<Cycle> decode_cycle(std::string_view bytes) {
  return decode_array<Cycle>(bytes, kFields, read_cycle);
}

std::optional<Cycle> decode_cycle_reply(std::string_view body) {
  return decode_reply<Cycle>('O', body, kFields, read_cycle);
}

}  // namespace depot::protocol
