// `depot replay`: a catalogue and a trace of orders, bought over HTTP by many customers at once.
//
// It brings the catalogue in, signs every customer of the trace up, places the orders, and proves
// the outcome by the audit, which is given what the customers saw.
//
// Errors: StartupError: exit 69 where no gateway answers, 1 where a file is wrong (nothing bought).
// Source: docs/TRACES.md.
#pragma once

#include <string>

#include "base/config.hpp"
#include "protocol/orders.hpp"

namespace depot::control {

struct ReplayOptions {
  std::string catalogue, orders;  // CSV files
  int concurrency = 64;           // customers at once
  protocol::OrderMode mode = protocol::OrderMode::all_or_nothing;
  int repeat = 1;         // each order is sent so many times at once, with one key
  std::string histories;  // what the customers saw is kept in this folder; "": it is not kept
  bool json = false;
};

// 0 when every order got its answer and the audit is clean; else 1.
int run_replay(const Config& config, const ReplayOptions& options);

}  // namespace depot::control
