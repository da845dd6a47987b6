// Stands in for the worker and all behind it: each order is placed, nothing is kept. For the
// gateway and the balancer by themselves, in a cluster with `workers.count: 0`.
//
//   echo_worker --config config.yml        # a signal ends it

#include <csignal>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "base/stop_signal.hpp"
#include "messaging/link.hpp"
#include "messaging/poller.hpp"
#include "protocol/kinds.hpp"
#include "protocol/msgpack.hpp"

namespace {

using namespace depot;
using namespace std::chrono_literals;

constexpr std::uint32_t kWindow = 512;
constexpr std::int64_t kPrice = 1'999;

class EchoWorker final : public messaging::LinkEvents {
 public:
  EchoWorker(messaging::Context& context, const Config& config)
      : link(context,
             {.endpoint = config.backend_endpoint(),
              .role = messaging::Role::worker,
              .name = "echo_worker"},
             *this) {}
  void on_request(const messaging::RequestRecord& request) override {
    const auto kind = static_cast<protocol::RequestKind>(request.kind);
    if (kind == protocol::RequestKind::place_order) {
      place(request.body);
    } else {
      answer_ = "O\xC0";
    }
    link.send_reply({.tag = request.tag, .body = answer_});
  }
  void turn() {
    const TimePoint now = steady_now();
    link.receive(now);
    link.set_credit(static_cast<std::uint32_t>(link.received()) + kWindow, false);
    link.tick(now);
    link.flush(now);
  }
  messaging::Link link;

 private:
  // All that was asked for, in one part; of the forms in protocol/orders.hpp.
  void place(std::string_view body) {
    protocol::Reader order(body);
    order.array();
    order.skip();  // session
    const std::string_view customer = order.string();
    order.skip();  // order id
    const std::string_view fingerprint = order.string();
    const std::int64_t mode = order.integer();
    order.skip();  // cart's version
    const std::size_t lines = order.rows(3);
    answer_ = "P";
    protocol::Writer row(answer_);
    row.array(8).string(fingerprint).string(customer).integer(now_ms_).string("2026-11");
    row.integer(mode);
    for (std::size_t i = 0; i < lines; ++i) {
      const std::string_view offer = order.string();
      if (i == 0) {
        row.array(3).string(manufacturer_of(offer)).integer(1).integer(++number_);
        row.array(4 * lines);
      }
      row.integer(0).string(sku_of(offer)).integer(order.integer()).integer(kPrice);
      order.skip();  // price seen
    }
    row.array(0);
  }

  std::string answer_;  // Kept for its memory.
  std::int64_t number_ = 0;
  const std::int64_t now_ms_ = wall_now().time_since_epoch().count();
};

}  // namespace

int main(int argc, char** argv) try {
  const Options options =
      parse_options("echo_worker", "A worker without a store: each order is placed.",
                    "  echo_worker --config config.yml\n", argc, argv);
  const Config config = load_config(options.config_path);
  StopSignal stop{SIGINT, SIGTERM};
  crypto_start();
  messaging::Context context(config.zmq_io_threads);
  EchoWorker worker(context, config);
  messaging::Poller poller;
  poller.add(worker.link.socket());
  poller.add_fd(stop.fd());
  while (!stop.requested()) {
    worker.turn();
    poller.wait(20ms);
  }
  worker.link.bye();
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("echo_worker", error);
}
