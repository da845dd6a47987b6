// Makes a failing schedule small: takes faults and purchases out while it still fails.
//
// Threads: one.
// Source:  Zeller and Hildebrandt 2002 (delta debugging).
#pragma once

#include <functional>

#include "tests/simulator/schedule.hpp"

namespace depot::simulator {

// `fails` is asked at most `runs_max` times. REQUIRES: fails(schedule).
Schedule shrink(Schedule schedule, const std::function<bool(const Schedule&)>& fails,
                int runs_max = 600);

}  // namespace depot::simulator
