// Depot's gateway and store in one process: the same HTTP, batches, functions and Redis, without a
// balancer, a worker and ZeroMQ in between. How much slower Depot is than this is what its hops
// cost.
//
//   one_process --config config.yml --listen 127.0.0.1:8081
//
// It stands beside a cluster that runs with that config, whose hub tells it the catalogue; it says
// where it listens, and a signal ends it. It retries nothing: what Redis left open is a 504.

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "base/process.hpp"
#include "base/stop_signal.hpp"
#include "customer_gateway/gateway.hpp"
#include "distributor_worker/hasher.hpp"
#include "distributor_worker/worker.hpp"
#include "store/redis_client.hpp"

namespace {

using namespace depot;
using namespace std::chrono_literals;
using boost::asio::posix::stream_descriptor;
using customer_gateway::Outcome;
using protocol::Status;

constexpr Duration kTick = 20ms;

// The gateway's I/O thread is the worker as well.
class DirectBackend final : public customer_gateway::Backend,
                            private distributor_worker::WorkerActions {
 public:
  DirectBackend(boost::asio::io_context& io, const Config& config,
                customer_gateway::BackendMetrics& counts)
      : in_flight_max_(static_cast<std::size_t>(config.gateway.in_flight_max)),
        counts_(counts),
        redis_(config.redis_login(RedisRole::worker)),
        worker_(config, *this, metrics_),
        hasher_(config.accounts.password_cost),
        descriptor_(io),
        hashed_(io, ::fcntl(hasher_.fd(), F_DUPFD_CLOEXEC, 0)),
        timer_(io) {
    watch_hasher();
    tick();
  }

  void call(customer_gateway::Call call, Duration budget, Done done) override {
    if (pending_.size() >= in_flight_max_) return done({Outcome::Kind::unavailable, {}});
    const TimePoint now = steady_now();
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(budget);
    const std::uint32_t tag = pending_.insert({std::move(done), now + budget});
    worker_.on_request({.tag = tag},
                       {.tag = tag,
                        .budget_us = static_cast<std::uint32_t>(left.count()),
                        .kind = static_cast<std::uint8_t>(call.kind),
                        .request_id = call.request_id,
                        .body = call.body},
                       now);
  }
  void flush() override {
    worker_.on_redis(redis_.connected());
    worker_.turn(steady_now());
    redis_.flush();
    watch_redis();
  }

 private:
  struct Pending {
    Done done;
    TimePoint deadline;
  };

  void call(std::uint32_t tag, std::span<const std::string_view> arguments) override {
    redis_.command(arguments, [this, tag](const Result<store::Reply>& reply) {
      if (!reply) return worker_.on_failed(tag, reply.error().code);
      if (reply->is_error()) {
        return worker_.on_failed(tag, store::classify_error(reply->text()));
      }
      std::vector<std::string_view> answers;
      if (reply->is_string()) answers.push_back(reply->text());
      for (std::size_t i = 0; i < reply->size(); ++i) answers.push_back((*reply)[i].text());
      worker_.on_answers(tag, answers);
    });
  }
  void hash(distributor_worker::HashTask task) override { hasher_.submit(std::move(task)); }
  bool timely(const distributor_worker::Origin& origin) override {
    return pending_.find(origin.tag) != nullptr;
  }
  void answer(const distributor_worker::Origin& origin, Status status, std::uint16_t,
              std::string_view body) override {
    const std::optional<Pending> pending = pending_.take(origin.tag);
    if (!pending) return;  // Given up by tick().
    const bool verdict = status == Status::ok || status == Status::refused;
    pending->done({.kind = verdict                          ? Outcome::Kind::answered
                           : protocol::not_executed(status) ? Outcome::Kind::unavailable
                           : status == Status::unknown      ? Outcome::Kind::timeout
                                                            : Outcome::Kind::internal,
                   .body = body});
  }

  // REQUIRES: a call behind whatever may have closed or opened the connection.
  void watch_redis() {
    if (fd_ != redis_.fd()) {
      fd_ = redis_.fd();
      // A duplicate, since the client closes its own whenever it likes.
      descriptor_.close();
      if (fd_ >= 0) descriptor_.assign(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
      reading_ = writing_ = false;
    }
    if (fd_ < 0) return;
    wait(reading_, stream_descriptor::wait_read, &store::RedisClient::on_readable);
    if (redis_.wants_write()) {
      wait(writing_, stream_descriptor::wait_write, &store::RedisClient::on_writable);
    }
  }
  void wait(bool& waiting, stream_descriptor::wait_type kind,
            void (store::RedisClient::*event)(TimePoint)) {
    if (std::exchange(waiting, true)) return;
    descriptor_.async_wait(kind, [this, &waiting, event](const boost::system::error_code& error) {
      if (error) return;  // Closed above, and watched anew.
      waiting = false;
      (redis_.*event)(steady_now());
      flush();
    });
  }
  void watch_hasher() {
    hashed_.async_wait(stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error) return;
                         for (const auto& result : hasher_.take()) worker_.on_hashed(result);
                         flush();
                         watch_hasher();
                       });
  }
  void tick() {
    const TimePoint now = steady_now();
    redis_.tick(now);
    std::vector<std::uint32_t> due;
    pending_.for_each([&](std::uint32_t tag, const Pending& pending) {
      if (pending.deadline <= now) due.push_back(tag);
    });
    for (const std::uint32_t tag : due) pending_.take(tag)->done({Outcome::Kind::timeout, {}});
    flush();
    counts_.links_up.set(redis_.connected() ? 1 : 0);
    counts_.in_flight.set(static_cast<std::int64_t>(pending_.size()));
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }

  const std::size_t in_flight_max_;
  customer_gateway::BackendMetrics& counts_;
  Metrics metrics_;  // the worker's; nobody asks for them
  messaging::Slots<Pending> pending_;
  store::RedisClient redis_;
  distributor_worker::Worker worker_;
  distributor_worker::Hasher hasher_;
  stream_descriptor descriptor_;  // of Redis
  stream_descriptor hashed_;
  boost::asio::steady_timer timer_;
  int fd_ = -1;  // that `descriptor_` is a duplicate of
  bool reading_ = false, writing_ = false;
};

}  // namespace

int main(int argc, char** argv) try {
  std::string listen = "127.0.0.1:0";
  const Options options =
      parse_options("one_process", "Depot's gateway and store in one process, to compare with.",
                    "  one_process --config config.yml --listen 127.0.0.1:8081\n", argc, argv,
                    {{"--listen", "address:port; a free port of 127.0.0.1", listen}});
  Config config = load_config(options.config_path);
  config.gateway.listen = listen;
  Log log(config.log, options.name);
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  crypto_start();
  raise_files_max(static_cast<std::size_t>(config.gateway.connections_max) + 200);
  Metrics metrics;
  messaging::Context context(config.zmq_io_threads);
  const customer_gateway::Gateway gateway(context, config, options.name, metrics, log,
                                          [&config](boost::asio::io_context& io, const std::string&,
                                                    customer_gateway::BackendMetrics& counts) {
                                            return std::make_unique<DirectBackend>(io, config,
                                                                                   counts);
                                          });
  fmt::print("127.0.0.1:{}\n", gateway.port());
  std::fflush(stdout);
  pollfd wanted{.fd = stop.fd(), .events = POLLIN, .revents = 0};
  while (!stop.requested()) ::poll(&wanted, 1, -1);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("one_process", error);
}
