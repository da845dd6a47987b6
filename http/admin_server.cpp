#include "http/admin_server.hpp"

#include <boost/asio/post.hpp>
#include <thread>

#include "http/problem.hpp"

namespace depot::http {
namespace {

Response text(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

AdminHooks hooks_of(const StatusBoard& board, StopSignal& stop) {
  return {.not_ready = [&board] { return board.not_ready(); },
          .drain = [&stop] { stop.request(); },
          .status = [&board] { return board.status(); },
          .other = {}};
}

struct AdminServer::Impl {
  Impl(const ServerOptions& options, const Metrics& registry, AdminHooks to_call)
      : metrics(registry),
        hooks(std::move(to_call)),
        server(io, options, [this](auto& r, auto to) { answer(r, std::move(to)); }) {}

  const Metrics& metrics;
  AdminHooks hooks;
  boost::asio::io_context io{1};
  Server server;
  std::thread thread;

  void answer(const Request& request, Responder responder);
  Response built_in(const Request& request) const;
};

void AdminServer::Impl::answer(const Request& request, Responder responder) {
  const bool drain = request.path == "/drain";
  const bool known = drain || request.path == "/livez" || request.path == "/readyz" ||
                     request.path == "/metrics" || (request.path == "/status" && hooks.status);
  if (!known && hooks.other) return hooks.other(request, std::move(responder));
  if (!known) {
    return responder.send(
        problem_response(protocol::Problem::not_found, "No such path on this admin endpoint."));
  }
  const bool allowed = drain ? request.method == Method::post
                             : request.method == Method::get || request.method == Method::head;
  if (!allowed) {
    Response refused = problem_response(protocol::Problem::method_not_allowed,
                                        "This path takes another method: see Allow.");
    refused.headers.emplace_back("Allow", drain ? "POST" : "GET, HEAD");
    return responder.send(std::move(refused));
  }
  responder.send(built_in(request));
}

Response AdminServer::Impl::built_in(const Request& request) const {
  if (request.path == "/livez") return text(R"({"status":"live"})");
  if (request.path == "/readyz") {
    const std::string reason = hooks.not_ready ? hooks.not_ready() : "";
    if (reason.empty()) return text(R"({"status":"ready"})");
    Response response = problem_response(protocol::Problem::unavailable, reason);
    add_retry_after(response);
    return response;
  }
  if (request.path == "/metrics") {
    Response response = text(hooks.metrics ? hooks.metrics() : metrics.text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  }
  if (request.path == "/status") return text(hooks.status());
  if (hooks.drain) hooks.drain();
  return text(R"({"status":"draining"})", 202);
}

AdminServer::AdminServer(const std::string& listen, const Metrics& metrics, AdminHooks hooks)
    : impl_(std::make_unique<Impl>(ServerOptions{.listen = listen}, metrics, std::move(hooks))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
}

AdminServer::~AdminServer() {
  impl_->io.stop();
  impl_->thread.join();
}

std::uint16_t AdminServer::port() const { return impl_->server.port(); }

}  // namespace depot::http
