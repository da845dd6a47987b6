// A load in pictures: throughput and latency over time, and the distribution of the latency.
//
// Threads: any.
// Errors:  StartupError (exit 1) where a file cannot be written.
#pragma once

#include <string>

#include "bench/tally.hpp"

namespace depot::control {

// throughput.svg, latency.svg and distribution.svg in `folder`, which is made where it is not.
// REQUIRES: the tally was kept over time.
void write_plots(const bench::Tally& tally, const std::string& folder);

}  // namespace depot::control
