// When a cycle opens and closes: the calendar of config.cycle, as a pure function of an instant.
//
// Months and weeks run from midnight to midnight of the configured zone, so a month with a change
// of the clocks is an hour longer or shorter in real time. A plain duration runs from the instant.
//
// Threads: any.
// Errors:  StartupError for a period or zone that there is not.
// Source:  docs/ARCHITECTURE.md, "Cycle"; Howard Hinnant's date library over the system's tzdata.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/config.hpp"

namespace depot::manufacturer_hub {

struct CycleBounds {
  std::string id;  // "2026-11", "2026-W47", "2026-11-22T09.25.51.042Z"
  WallTime opens, closes;
};

// The period that holds `now`: opens <= now < closes.
CycleBounds cycle_bounds(const CycleConfig& config, WallTime now);

}  // namespace depot::manufacturer_hub
