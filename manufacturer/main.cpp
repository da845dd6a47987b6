// depot-manufacturer: the agent a manufacturer runs.
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "http/admin_server.hpp"
#include "manufacturer/agent_loop.hpp"

using namespace depot;

int main(int argc, char** argv) try {
  std::string file, data;
  const Options options = parse_options(
      "depot-manufacturer", "Offers a manufacturer's goods, and tells what of them was sold.",
      "  depot-manufacturer --config config.yml demo/alder-mill.yml\n"
      "  depot-manufacturer --data /srv/alder alder-mill.yml\n",
      argc, argv,
      {{"FILE", "the manufacturer: YAML with id, name, catalogue (a CSV file), production lines",
        file},
       {"--data",
        "where its ledger, and what was made, is kept; var/manufacturers beside config.yml by "
        "default",
        data}});
  const Config config = load_config(options.config_path);
  if (options.check_config && file.empty()) return print_config(config);
  manufacturer::AgentFile agent = manufacturer::read_agent_file(file);
  if (options.check_config) {
    manufacturer::read_offers(agent, config.currency);
    return print_config(config);
  }

  make_runtime_dir(config);
  Log log(config.log, options.name);
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  Metrics metrics;
  messaging::Context context(config.zmq_io_threads);
  if (data.empty()) data = config.folder() + "/var/manufacturers";
  manufacturer::AgentLoop loop(context, config, std::move(agent), data, log, metrics);
  const http::AdminServer admin("unix:" + config.admin_socket(options.name), metrics,
                                http::hooks_of(loop.board(), stop));
  log.info("ready", {{"file", file}, {"sync", config.hub_sync_endpoint()}});
  loop.run(stop);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("depot-manufacturer", error);
}
