// `depot status`, `depot down` and `depot scale`: what they ask of the `depot up` that runs here.
//
// Threads: any.
// Errors:  StartupError (exit 69) where no `depot up` answers on admin.listen.
#pragma once

#include <boost/json/value.hpp>

#include "base/config.hpp"

namespace depot::control {

// Its status document (cluster_status.hpp).
boost::json::value fetch_status(const Config& config);

struct StatusOptions {
  bool json = false;
  bool check = false;    // say what is wrong; exit 1 when something is
  int wait_seconds = 0;  // above 0: first wait until all is ready, saying what is waited for
};
int run_status(const Config& config, const StatusOptions& options);

// Asks it to stop, and returns when it has. 0 as well where none runs.
int run_down(const Config& config);

// Edits workers.count in config.yml, and returns when that many are ready.
int run_scale_workers(const Config& config, int count);

}  // namespace depot::control
