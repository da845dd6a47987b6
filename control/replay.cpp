#include "control/replay.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdio>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/stop_signal.hpp"
#include "bench/trace.hpp"
#include "control/load.hpp"
#include "control/programs.hpp"
#include "manufacturer/import.hpp"

namespace depot::control {
namespace {

std::string email_of(const std::string& customer_ref, const std::string& run) {
  return fmt::format("{}-{}@replay.example", to_hex(sha256(customer_ref)).substr(0, 20), run);
}

}  // namespace

int run_replay(const Config& config, const ReplayOptions& options) {
  bench::Trace trace = bench::read_trace(options.orders, config.limits);
  expect_ready(config);
  const StopSignal stop{SIGINT, SIGTERM};
  manufacturer::import_catalogue(config, options.catalogue);

  const std::string run = make_run_id();
  for (std::size_t i = 0; i < trace.orders.size(); ++i) {
    trace.orders[i].mode = options.mode;
    trace.orders[i].key = fmt::format("replay-{}-{}", run, i);
  }
  std::vector<std::string> emails;
  for (const std::string& customer : trace.customers) emails.push_back(email_of(customer, run));

  ScratchFolder folder(options.histories);
  const bench::EngineOptions engine{.gateways = gateway_addresses(config),
                                    .lanes = static_cast<std::size_t>(options.concurrency),
                                    .copies = static_cast<std::size_t>(options.repeat),
                                    .histories = folder.path(),
                                    .stop = &stop};
  const auto shoppers = bench::sign_up(engine, emails);
  bench::TraceSource source(trace);
  bench::Tally tally;
  {
    bench::Progress progress("buying", "orders", trace.orders.size());
    tally = bench::buy(engine, shoppers, source, progress);
  }
  if (stop.requested()) ++tally.failed["interrupted"];
  const bool good = close_load(config, tally, folder, {.json = options.json}).good;
  return good ? kExitOk : kExitFailed;
}

}  // namespace depot::control
