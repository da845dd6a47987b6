// Mistakes that can be planted into a run, each of which the simulator has to find.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace depot::simulator {

enum class Mistake : std::uint8_t {
  none,
  refused_after_unknown,  // a gateway says 503 where an attempt may have happened
  deadlines_forgotten,    // a gateway that does not look at the time
  answers_twice,          // a balancer that answers some requests twice
  credit_ignored,         // a balancer that sends workers more than they granted
  late_requests_run,      // a worker that runs what others have answered for
  unknown_as_not_done,    // a worker that says "not executed" where the store was lost
  no_idempotency,         // a store that keeps no record of orders
  oversold,               // a store that sells what is not there
  entries_applied_twice,  // an agent that counts each entry as often as it comes
  gap_skipped,            // an agent that takes what comes behind a gap for the next
};
inline constexpr std::array<std::string_view, 11> kMistakes = {
    "none",           "refused_after_unknown", "deadlines_forgotten", "answers_twice",
    "credit_ignored", "late_requests_run",     "unknown_as_not_done", "no_idempotency",
    "oversold",       "entries_applied_twice", "gap_skipped"};

}  // namespace depot::simulator
