// `depot manufacturer add|list|remove`: who may sign in as a manufacturer, and be let in by the hub
// where manufacturers.open is false.
//
// A token is made here and printed once; Redis holds a hash of its secret. What is done is in force
// at once, since every request of a manufacturer is judged by Redis.
//
// Threads: any.
// Errors:  StartupError: exit 69 where Redis cannot be asked, 1 where it is not as the command
// says. Source:  docs/OPERATIONS.md, "Manufacturers".
#pragma once

#include <string>

#include "base/config.hpp"

namespace depot::control {

struct ManufacturerOptions {
  std::string id, name;
  bool renew = false;  // add: a new token for one that is enrolled; the former one ends
  bool json = false;
};

// Each returns the command's exit code.
int run_manufacturer_add(const Config& config, const ManufacturerOptions& options);
int run_manufacturer_list(const Config& config, const ManufacturerOptions& options);
int run_manufacturer_remove(const Config& config, const ManufacturerOptions& options);

}  // namespace depot::control
