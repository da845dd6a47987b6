// `depot show`: the main job of Depot in view, in about ten seconds, on a cluster that runs.
//
// 40 customers sign up and buy 300 orders; then 200 orders come at once for the last 10 units of
// one product, and a worker is killed meanwhile. It ends with what was placed and refused, the
// audit (oversold, doubled, lost), and what each manufacturer was told.
//
// Errors: StartupError (exit 69) where the cluster does not answer.
#pragma once

#include "base/config.hpp"

namespace depot::control {

// 0 when all went as promised, else 1.
int run_show(const Config& config);

}  // namespace depot::control
