// One step of a random program of the convergence test: what happens, to whom, and for how long.
#pragma once

#include <cstdint>
#include <ostream>

namespace depot {

struct Event {
  unsigned kind, who;
  std::int64_t amount;
  unsigned wait_ms;
};

// RapidCheck finds it by its name.
inline void showValue(const Event& event, std::ostream& out) {
  out << "{" << event.kind << "," << event.who << "," << event.amount << "," << event.wait_ms
      << "}";
}

}  // namespace depot
