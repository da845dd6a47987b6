// depot-worker: takes requests from the balancers to Redis, many orders as one call.
#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "distributor_worker/worker_loop.hpp"
#include "http/admin_server.hpp"

using namespace depot;

int main(int argc, char** argv) try {
  const Options options = parse_options(
      "depot-worker", "Takes requests from the balancers to Redis, many orders as one call.",
      "  depot-worker --config config.yml\n"
      "  depot-worker --config config.yml --name worker-2\n",
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
      messaging::open_security(config, messaging::Party::worker, options.name, log));
  distributor_worker::WorkerLoop loop(context, config, options.name, metrics, log);
  const http::AdminServer admin("unix:" + config.admin_socket(options.name), metrics,
                                http::hooks_of(loop.board(), stop));
  log.info("started", {{"redis", config.redis_url()}});
  loop.run(stop);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("depot-worker", error);
}
