// depot-manufacturer: the agent a manufacturer runs.
#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "http/admin_server.hpp"
#include "manufacturer/agent_loop.hpp"
#include "manufacturer/command_line.hpp"

using namespace depot;

int main(int argc, char** argv) try {
  if (const std::optional<int> done = manufacturer::run_command(argc, argv)) return *done;
  std::string file, data;
  Options options = parse_options(
      "depot-manufacturer", "Offers a manufacturer's goods, and tells what of them was sold.",
      "  depot-manufacturer --config config.yml demo/alder-mill.yml\n"
      "  depot-manufacturer --data /srv/alder alder-mill.yml\n"
      "Of an agent that runs here (each has --help):\n"
      "  depot-manufacturer status|accept|statement alder-mill.yml\n"
      "  depot-manufacturer ship|delivered alder-mill.yml ORDER...\n",
      argc, argv,
      {{"FILE",
        "the manufacturer: YAML with id, name, catalogue (a CSV file) or offers, production lines",
        file},
       {"--data",
        "where its journal, ledger and statements are kept; var/manufacturers beside config.yml "
        "by default",
        data}});
  const Config config = load_config(options.config_path);
  if (options.check_config && file.empty()) return print_config(config);
  manufacturer::AgentFile agent = manufacturer::read_agent_file(file);
  if (options.check_config) {
    manufacturer::read_offers(agent, config.currency);
    return print_config(config);
  }

  if (options.name == "depot-manufacturer") options.name = agent.id;  // Where commands find it.
  make_runtime_dir(config);
  crypto_start();
  Log log(config.log, options.name);
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  Metrics metrics;
  messaging::Context context(config.zmq_io_threads,
                             messaging::open_security(config, messaging::Party::manufacturer,
                                                      "manufacturer-" + agent.id, log));
  if (data.empty()) data = manufacturer::data_folder(config);
  manufacturer::AgentLoop loop(context, config, std::move(agent), data, log, metrics);
  http::AdminHooks hooks = http::hooks_of(loop.board(), stop);
  hooks.post = [&loop](std::string path, auto answer) {
    loop.commands().put(std::move(path), std::move(answer));
  };
  const http::AdminServer admin("unix:" + config.admin_socket(options.name), metrics, hooks);
  log.info("started", {{"file", file}, {"sync", config.hub_sync_endpoint()}});
  loop.run(stop);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("depot-manufacturer", error);
}
