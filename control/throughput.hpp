// `depot bench`: single-line purchases in a closed loop, over HTTP, on a cluster that runs.
//
// It brings in products of 30 manufacturers, signs a customer up per connection, lets each buy one
// unit of a random product after the other, and reports purchases a second, latency, and what each
// process spent of the CPU per purchase, the generator apart. It ends with the audit.
//
// Errors: StartupError (exit 69) where the cluster does not answer.
// Source: bench/results/README.md.
#pragma once

#include <string>

#include "base/config.hpp"

namespace depot::control {

struct BenchOptions {
  int connections = 64;
  int seconds = 10;
  int products = 1'000;
  int threads = 1;     // of the generator
  std::string record;  // a Markdown file to append the result to; "": none
  bool json = false;
};

// 0 when every purchase got its answer and the audit is clean, else 1.
int run_bench(const Config& config, const BenchOptions& options);

}  // namespace depot::control
