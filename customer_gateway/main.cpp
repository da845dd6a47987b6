// depot-gateway: what customers talk to.
#include <poll.h>

#include <cstdio>
#include <string_view>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "base/process.hpp"
#include "base/stop_signal.hpp"
#include "customer_gateway/gateway.hpp"
#include "customer_gateway/routes.hpp"
#include "http/admin_server.hpp"

using namespace depot;

namespace {

constexpr int kDrainMaxMs = 10'000;  // twice the longest budget of a request
constexpr int kStepMs = 20;
constexpr std::size_t kFilesOfOurs = 200;  // beside customers' connections

void wait_for_stop(const StopSignal& stop) {
  pollfd wanted{.fd = stop.fd(), .events = POLLIN, .revents = 0};
  while (!stop.requested()) ::poll(&wanted, 1, -1);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && std::string_view(argv[1]) == "--print-routes") {
    std::fputs(customer_gateway::print_routes().c_str(), stdout);
    return kExitOk;
  }
  const Options options = parse_options(
      "depot-gateway", "HTTP for customers: the API, the pages, the catalogue.",
      "  depot-gateway --config config.yml\n"
      "  depot-gateway --config config.yml --name gateway-2   # listens on the next port\n"
      "  depot-gateway --print-routes\n",
      argc, argv);
  const Config config = load_config(options.config_path);
  if (options.check_config) return print_config(config);
  Log log(config.log, options.name);
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  crypto_start();
  make_runtime_dir(config);
  raise_files_max(static_cast<std::size_t>(config.gateway.connections_max) + kFilesOfOurs);
  Metrics metrics;
  messaging::Context context(
      config.zmq_io_threads,
      messaging::open_security(config, messaging::Party::gateway, options.name, log));

  customer_gateway::Gateway gateway(context, config, options.name, metrics, log);
  http::AdminServer admin("unix:" + config.admin_socket(options.name), metrics,
                          {.not_ready = [&] { return gateway.not_ready(); },
                           .drain = [&] { stop.request(); },
                           .status = [&] { return gateway.status(); }});
  log.info("ready", {{"listen", config.gateway.listen}, {"port", gateway.port()}});

  wait_for_stop(stop);
  log.info("draining");
  gateway.drain();
  for (int waited = 0; !gateway.drained() && !stop.urgent(); waited += kStepMs) {
    if (waited >= kDrainMaxMs) {
      log.warning("leaving requests unanswered");
      break;
    }
    ::poll(nullptr, 0, kStepMs);
  }
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("depot-gateway", error);
}
