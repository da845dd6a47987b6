// depot-hub: the distributor's door for manufacturers.
#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "http/admin_server.hpp"
#include "manufacturer_hub/hub_loop.hpp"

using namespace depot;

int main(int argc, char** argv) try {
  const Options options = parse_options(
      "depot-hub", "Takes manufacturers' offers and announces what was sold, changed and closed.",
      "  depot-hub --config config.yml\n  depot-hub --config config.yml --name hub-2\n", argc,
      argv);
  const Config config = load_config(options.config_path);
  if (options.check_config) return print_config(config);

  crypto_start();
  make_runtime_dir(config);
  Log log(config.log, options.name);
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  Metrics metrics;
  messaging::Context context(
      config.zmq_io_threads,
      messaging::open_security(config, messaging::Party::hub, options.name, log));
  manufacturer_hub::HubLoop loop(context, config, instance_index(options.name), log, metrics);
  const http::AdminServer admin("unix:" + config.admin_socket(options.name), metrics,
                                http::hooks_of(loop.board(), stop));
  log.info("ready", {{"in", config.hub_in_endpoint()}, {"sync", config.hub_sync_endpoint()}});
  loop.run(stop);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("depot-hub", error);
}
