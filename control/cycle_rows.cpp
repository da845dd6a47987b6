#include "control/cycle_rows.hpp"

#include "protocol/fields.hpp"

namespace depot::control {

std::optional<Cycles> decode_cycles(std::string_view answer) {
  return protocol::decode_reply<Cycles>('O', answer, 3, [](auto& in, Cycles& all) {
    if (in.array() != protocol::kCycleFields) return in.fail();
    protocol::read_cycle(in, all.current);
    protocol::read_rows(in, 8, all.rows, [&](CycleRow& row) {
      protocol::read_cycle(in, row.cycle);
      protocol::read(in, row.packs, row.missing, row.agree, row.disagree);
    });
    protocol::read(in, all.silent);
  });
}

}  // namespace depot::control
