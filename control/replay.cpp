#include <fmt/format.h>

#include "base/fatal.hpp"
#include "bench/trace.hpp"
#include "control/load.hpp"
#include "control/load_commands.hpp"
#include "manufacturer/import.hpp"

namespace depot::control {

int run_replay(const Config& config, const ReplayOptions& options) {
  bench::Trace trace = bench::read_trace(options.orders, config.limits);
  Load load(config, "replay", options.histories);
  load.engine.lanes = static_cast<std::size_t>(options.concurrency);
  load.engine.copies = static_cast<std::size_t>(options.repeat);
  if (!options.catalogue.empty()) manufacturer::import_catalogue(config, options.catalogue);
  for (std::size_t i = 0; i < trace.orders.size(); ++i) {
    trace.orders[i].mode = options.mode;
    trace.orders[i].key = fmt::format("{}-{}", load.name, i);
  }
  load.sign_up(trace.customers.size());
  bench::TraceSource source(trace);
  bench::Tally tally = load.buy(source, "orders", trace.orders.size());
  if (load.interrupted()) ++tally.failed["interrupted"];
  return load.close(tally, options.json).good ? kExitOk : kExitFailed;
}

}  // namespace depot::control
