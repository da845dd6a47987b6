// `depot cycle show|list|close|extend`: the sales cycle, from the operator's side.
//
// Threads: one.
// Errors:  StartupError: exit 69 where Redis is not there or the hub does not drive the cycle on,
//          1 where it is in no state for that.
// Source:  docs/ARCHITECTURE.md, "Cycle".
#pragma once

#include <string>

#include "base/config.hpp"

namespace depot::control {

struct CycleOptions {
  bool json = false;
  std::string until, by;  // extend: one of both, a time or a duration
};

int run_cycle_show(const Config& config, const CycleOptions& options);
int run_cycle_list(const Config& config, const CycleOptions& options);
// Ends it now, and returns when each pack of it is written and the next cycle is open, or planned.
int run_cycle_close(const Config& config, const CycleOptions& options);
int run_cycle_extend(const Config& config, const CycleOptions& options);

}  // namespace depot::control
