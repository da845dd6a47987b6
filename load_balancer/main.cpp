// depot-load-balancer: spreads the gateways' requests over the workers.
#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "http/admin_server.hpp"
#include "load_balancer/balancer_loop.hpp"

using namespace depot;

int main(int argc, char** argv) try {
  const Options options =
      parse_options("depot-load-balancer", "Spreads the gateways' requests over the workers.",
                    "  depot-load-balancer --config config.yml\n"
                    "  depot-load-balancer --config config.yml --name load-balancer-2\n",
                    argc, argv);
  const Config config = load_config(options.config_path);  // Throws, naming file, line and key.
  if (options.check_config) return print_config(config);

  crypto_start();
  make_runtime_dir(config);
  Log log(config.log, options.name);
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  Metrics metrics;
  messaging::Context context(
      config.zmq_io_threads,
      messaging::open_security(config, messaging::Party::balancer, options.name, log));
  const int index = instance_index(options.name);
  load_balancer::BalancerLoop loop(context, config.frontend_endpoint(index),
                                   config.backend_endpoint(index), config.load_balancer, metrics,
                                   log);
  const http::AdminServer admin("unix:" + config.admin_socket(options.name), metrics,
                                http::hooks_of(loop.board(), stop));
  log.info("ready", {{"frontend", loop.frontend_endpoint()}, {"backend", loop.backend_endpoint()}});
  loop.run(stop, config.workers.drain_timeout);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("depot-load-balancer", error);
}
