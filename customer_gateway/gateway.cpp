#include "customer_gateway/gateway.hpp"

#include <atomic>
#include <boost/asio/post.hpp>
#include <charconv>
#include <future>
#include <thread>

#include "base/options.hpp"
#include "customer_gateway/catalogue_feed.hpp"
#include "customer_gateway/routes.hpp"
#include "customer_gateway/session.hpp"
#include "customer_gateway/stock_streams.hpp"
#include "http/problem.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kProbeEvery = 250ms;
constexpr Duration kProbeBudget = 1s;

MakeBackend links(messaging::Context& context, const Config& config, Log& log) {
  return [&](boost::asio::io_context& io, const std::string& name, BackendMetrics& metrics) {
    return std::make_unique<LinkBackend>(io, context, config, name, metrics, log);
  };
}

}  // namespace

Shared::Shared(const Config& c, std::string n, Metrics& metrics, Log& l)
    : config(c), name(std::move(n)), log(l) {
  for (const Route& route : routes()) {
    route_metrics.emplace_back(metrics, std::string(name_of(route.method)),
                               std::string(route.pattern));
  }
  route_metrics.emplace_back(metrics, "other", "none");
}

RouteMetrics& Shared::metrics_of(const Route* route) {
  return route ? route_metrics[static_cast<std::size_t>(route - routes().data())]
               : route_metrics.back();
}

std::string Shared::address_of(const http::Request& request) {
  const std::string& header = config.gateway.client_address_header;
  if (header.empty()) return std::string(request.address);
  if (auto named = named_address(request, header)) return *std::move(named);
  if (!unnamed.exchange(true)) {
    log.warning("a request names no customer's address, so its peer's counts",
                {{"header", header}, {"peer", request.address}});
  }
  return std::string(request.address);
}

class Gateway::IoThread {
 public:
  IoThread(Shared& shared, const MakeBackend& make_backend, Metrics& metrics, int index)
      : shared_(shared),
        make_backend_(make_backend),
        index_(std::to_string(index)),
        metrics_(metrics, {{"thread", index_}}),
        stream_metrics_(metrics, {{"thread", index_}}),
        connections_(
            metrics.gauge("depot_http_connections", "Open connections", {{"thread", index_}})) {}
  ~IoThread() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // Returns the port bound; throws what kept it from starting.
  std::uint16_t start(const std::string& listen) {
    std::promise<std::uint16_t> ready;
    std::future<std::uint16_t> port = ready.get_future();
    thread_ = std::thread(
        [this, listen, ready = std::move(ready)]() mutable { run(listen, std::move(ready)); });
    return port.get();
  }

  void drain() {
    boost::asio::post(io_, [this] {
      draining_ = true;
      shared_.board.set_not_ready("draining");
      streams_->drain();
      server_->drain([this] { drained_.store(true, std::memory_order_release); });
    });
  }
  bool drained() const { return drained_.load(std::memory_order_acquire); }
  std::int64_t links_up() const { return metrics_.links_up.value(); }
  std::int64_t in_flight() const { return metrics_.in_flight.value(); }
  std::int64_t connections() const { return connections_.value(); }

 private:
  Shared& shared_;
  const MakeBackend& make_backend_;
  const std::string index_;
  BackendMetrics metrics_;
  StreamMetrics stream_metrics_;
  Gauge& connections_;
  boost::asio::io_context io_{1};
  std::atomic<bool> drained_{false};
  std::thread thread_;
  // Of the thread: made, used and destroyed by it.
  Backend* backend_ = nullptr;
  Operations* operations_ = nullptr;
  http::Server* server_ = nullptr;
  StockStreams* streams_ = nullptr;
  bool serving_ = false;
  bool draining_ = false;

  void run(const std::string& listen, std::promise<std::uint16_t> ready);
  void handle(const http::Request& request, http::Responder responder);
  void beat(boost::asio::steady_timer& timer);
};

void Gateway::IoThread::run(const std::string& listen, std::promise<std::uint16_t> ready) try {
  const GatewayConfig& limits = shared_.config.gateway;
  const auto backend = make_backend_(io_, shared_.name + "/" + index_, metrics_);
  Operations operations(*backend, shared_.catalogue, shared_.config);
  StockStreams streams(io_, shared_.news, limits, stream_metrics_);
  http::ServerOptions options;
  options.listen = listen;
  options.port_use = index_ != "0"           ? http::PortUse::joined
                     : limits.io_threads > 1 ? http::PortUse::shared
                                             : http::PortUse::alone;
  options.header_bytes_max = static_cast<std::size_t>(limits.header_bytes_max);
  options.body_bytes_max = static_cast<std::size_t>(limits.body_bytes_max);
  options.header_deadline = limits.header_deadline;
  options.body_deadline = limits.body_deadline;
  options.write_deadline = limits.write_deadline;
  options.idle_timeout = limits.idle_timeout;
  options.send_buffer = static_cast<int>(limits.send_buffer);
  options.connections_max = limits.connections_max;
  options.counts = shared_.connections;
  options.connections_per_address_max = limits.connections_per_address_max;
  options.pipeline_max = limits.pipeline_max;
  http::Server server(io_, options, [this](const http::Request& request, http::Responder to) {
    handle(request, std::move(to));
  });
  server.on_turn_end([&backend] { backend->flush(); });
  backend_ = backend.get();
  operations_ = &operations;
  server_ = &server;
  streams_ = &streams;
  boost::asio::steady_timer timer(io_);
  beat(timer);
  ready.set_value(server.port());
  serving_ = true;
  io_.run();
} catch (...) {
  if (serving_) throw;  // Ends the process, saying why.
  ready.set_exception(std::current_exception());
}

void Gateway::IoThread::handle(const http::Request& request, http::Responder responder) {
  Match match = match_route(routes(), request.method, request.path);
  auto exchange = std::make_shared<Exchange>(std::move(responder), shared_.metrics_of(match.route),
                                             shared_.config.currency.code, shared_.log);
  Requester& who = exchange->requester;
  who.request_id = make_request_id();
  who.address = shared_.address_of(request);
  const bool secure = shared_.config.gateway.secure_cookie;
  if (const auto token = token_of(request, secure)) who.caller = {token->hash(), token->customer};
  if (const auto token = manufacturer_token_of(request, secure)) {
    who.manufacturer = {token->manufacturer, token->hash()};
  }
  const Visit visit{request,      exchange,      std::move(match.parameter),
                    *operations_, shared_.board, *streams_};
  const bool allowed = http::request_allowed(request);
  const bool queried = match.route && !match.route->takes_query && !request.query.empty() &&
                       request.path.starts_with("/v1/");
  if (match.route && allowed && !queried) return match.route->handler(visit);
  if (match.route || match.allow.empty()) {
    const Failure failure =
        !match.route ? Failure{protocol::Problem::not_found, "There is nothing at this path."}
        : !allowed   ? Failure{protocol::Problem::forbidden, "Another site may not ask for this."}
                     : Failure{protocol::Problem::malformed, "This takes no query parameters."};
    if (!show_failure(visit, failure)) exchange->fail(failure);
    return;
  }
  const Failure failure{protocol::Problem::method_not_allowed, "This path takes: " + match.allow};
  if (show_failure(visit, failure)) return;
  http::Response response = response_of(failure, exchange->currency());
  response.headers.emplace_back("Allow", match.allow);
  exchange->send(std::move(response));
}

// Four times a second: what is counted by asking, and on the first thread the question whether the
// whole chain is there.
void Gateway::IoThread::beat(boost::asio::steady_timer& timer) {
  connections_.set(static_cast<std::int64_t>(server_->stats().connections_now));
  if (index_ == "0") {
    Call call{.kind = protocol::RequestKind::ready, .body = {}, .request_id = make_request_id()};
    backend_->call(std::move(call), kProbeBudget, [this](const Outcome& outcome) {
      if (draining_) return;
      const bool answered = outcome.body.starts_with('O');
      shared_.board.set_not_ready(
          !answered                    ? "no balancer with a worker and a Redis behind it answers"
          : !shared_.catalogue.ready() ? "no hub has sent the catalogue, or what changed in it"
                                       : "");
    });
    backend_->flush();
  }
  timer.expires_after(kProbeEvery);
  timer.async_wait([this, &timer](const boost::system::error_code& error) {
    if (!error) beat(timer);
  });
}

Gateway::Gateway(messaging::Context& context, const Config& config, const std::string& name,
                 Metrics& metrics, Log& log, MakeBackend make_backend)
    : shared_(config, name, metrics, log),
      make_backend_(make_backend ? std::move(make_backend) : links(context, config, log)),
      feed_(std::make_unique<CatalogueFeed>(context, config, name, shared_.catalogue, shared_.news,
                                            metrics, log)) {
  for (int i = 0; i < config.gateway.io_threads; ++i) {
    threads_.push_back(std::make_unique<IoThread>(shared_, make_backend_, metrics, i));
  }
  std::string listen = listen_address(config.gateway.listen, name);
  for (auto& thread : threads_) {
    port_ = thread->start(listen);
    // Port 0 is chosen once, by the first.
    listen = listen.substr(0, listen.rfind(':') + 1) + std::to_string(port_);
  }
}

Gateway::~Gateway() = default;

void Gateway::drain() {
  for (auto& thread : threads_) thread->drain();
}

bool Gateway::drained() const {
  return std::ranges::all_of(threads_, [](const auto& thread) { return thread->drained(); });
}

std::string Gateway::status() const {
  const auto sum = [&](std::int64_t (IoThread::*value)() const) {
    std::int64_t total = 0;
    for (const auto& thread : threads_) total += (thread.get()->*value)();
    return total;
  };
  JsonWriter json;
  json.object("name", shared_.name, "not_ready", not_ready(), "port", int{port_}, "io_threads",
              std::ssize(threads_), "links_up", sum(&IoThread::links_up), "connections",
              sum(&IoThread::connections), "streams", shared_.news.streams(), "in_flight",
              sum(&IoThread::in_flight), "offers", std::int64_t(shared_.catalogue.get()->size()));
  return json.take();
}

std::string listen_address(const std::string& configured, std::string_view name) {
  const std::size_t colon = configured.rfind(':');
  int port = 0;
  if (colon == std::string::npos) return configured;
  std::from_chars(configured.data() + colon + 1, configured.data() + configured.size(), port);
  if (port == 0) return configured;
  return configured.substr(0, colon + 1) + std::to_string(port + instance_index(name));
}

}  // namespace depot::customer_gateway
