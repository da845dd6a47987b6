// `depot import FILE`: the offers of many manufacturers at once, by the agent's own library.
//
// The whole file is checked first, and nothing is changed by one with an error. Then each
// manufacturer is stated as its agent would state it: all its totals; goods that the file does not
// name, or offers 0 of, are withdrawn: sold they stay, the catalogue lists them no more. A
// manufacturer whose agent is connected is refused.
//
// Threads: one.
// Errors:  StartupError: exit 1 for the file or a refusal, 69 where hub or gateway do not answer.
#pragma once

#include <cstddef>
#include <string>

#include "base/config.hpp"

namespace depot::manufacturer {

struct ImportSummary {
  std::size_t manufacturers = 0;  // in the file
  std::size_t offers = 0;         // on sale now
  double seconds = 0;
};

// Returns when every offer is acknowledged and every gateway's catalogue lists it, or no longer
// does where nothing is offered of it. Progress goes to stderr, unless `quiet`. Importing the same
// file again changes nothing.
ImportSummary import_catalogue(const Config& config, const std::string& file, bool quiet = false);

// The same for the command line: prints the summary, returns the exit code; throws as above.
int run_import(const Config& config, const std::string& file, bool json);

}  // namespace depot::manufacturer
