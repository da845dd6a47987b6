// `depot settlement list|show|resolve`: what each manufacturer has coming from the cycles that are
// closed.
//
// Threads: one.
// Errors:  StartupError: exit 69 where Redis is not there, 1 for a statement that there is not.
#pragma once

#include <string>

#include "base/config.hpp"

namespace depot::control {

struct SettlementOptions {
  std::string cycle;         // "": of all (list), the newest (show)
  std::string manufacturer;  // show
  std::string note;          // resolve
  bool json = false, csv = false;
};

int run_settlement_list(const Config& config, const SettlementOptions& options);
int run_settlement_show(const Config& config, const SettlementOptions& options);
// What has no statement, or one that is not agreed to, is settled otherwise: the note says how.
int run_settlement_resolve(const Config& config, const SettlementOptions& options);

}  // namespace depot::control
