#include "http/admin_server.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "http/problem.hpp"

namespace depot::http {
namespace {

Response reply(std::string body, int status = 200) {
  return {.status = status, .headers = {{"Cache-Control", "no-store"}}, .body = std::move(body)};
}

// False where a browser on this machine was led here by another name, as a page can do that makes
// its own name mean 127.0.0.1 (DNS rebinding): to the browser all of ours is then that page's.
bool host_allowed(const Request& request) {
  if (!request.address.starts_with("127.") && request.address != "::1") return true;
  std::string_view host = request.header("host");
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error || host.empty() || equal_folded(host, "localhost");
}

}  // namespace

AdminHooks hooks_of(const StatusBoard& board, StopSignal& stop) {
  return {.not_ready = [&board] { return board.not_ready(); },
          .drain = [&stop] { stop.request(); },
          .status = [&board] { return board.status(); }};
}

AdminServer::AdminServer(const std::string& listen, const Metrics& metrics, AdminHooks hooks)
    : metrics_(metrics),
      hooks_(std::move(hooks)),
      server_(io_, {.listen = listen},
              [this](const Request& request, Responder to) { handle(request, std::move(to)); }),
      thread_([this] { io_.run(); }) {}

AdminServer::~AdminServer() {
  io_.stop();
  thread_.join();
  posted_.clear();  // While their connections are there.
}

void AdminServer::handle(const Request& request, Responder to) {
  if (!request_allowed(request)) {  // A page that the operator reads beside ours.
    return to.send(problem_response(protocol::Problem::forbidden, "Another site asks for this."));
  }
  if (!host_allowed(request)) {
    return to.send(problem_response(protocol::Problem::forbidden,
                                    "On this machine, ask by address or as localhost."));
  }
  if (!hooks_.post || request.method != Method::post || request.path == "/drain") {
    return to.send(answer(request));
  }
  const std::uint64_t number = ++posts_;
  posted_.emplace(number, std::move(to));
  hooks_.post(std::string(request.path), [this, number](Response response) {
    boost::asio::post(io_, [this, number, response = std::move(response)]() mutable {
      const auto found = posted_.extract(number);
      if (!found.empty()) found.mapped().send(std::move(response));
    });
  });
}

Response AdminServer::answer(const Request& request) const {
  const std::string_view path = request.path;
  const bool drain = path == "/drain";
  const bool allowed = drain ? request.method == Method::post
                             : request.method == Method::get || request.method == Method::head;
  if (!allowed) {
    Response refused = problem_response(protocol::Problem::method_not_allowed,
                                        "This path takes another method: see Allow.");
    refused.headers.emplace_back("Allow", drain ? "POST" : "GET, HEAD");
    return refused;
  }
  if (path == "/livez") return reply(R"({"status":"live"})");
  if (path == "/status" && hooks_.status) return reply(hooks_.status());
  if (path == "/metrics") {
    Response response = reply(hooks_.metrics ? hooks_.metrics() : metrics_.text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  }
  if (path == "/readyz") {
    const std::string reason = hooks_.not_ready ? hooks_.not_ready() : "";
    if (reason.empty()) return reply(R"({"status":"ready"})");
    Response response = problem_response(protocol::Problem::unavailable, reason);
    add_retry_after(response);
    return response;
  }
  if (drain) {
    if (hooks_.drain) hooks_.drain();
    return reply(R"({"status":"draining"})", 202);
  }
  std::optional<Response> page = hooks_.pages ? hooks_.pages(path) : std::nullopt;
  if (page) return *std::move(page);
  return problem_response(protocol::Problem::not_found, "No such path on this admin endpoint.");
}

}  // namespace depot::http
