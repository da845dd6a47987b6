#include "customer_gateway/exchange.hpp"

#include "http/problem.hpp"

namespace depot::customer_gateway {
namespace {

using protocol::Problem;

// The codes that a route may answer, for bounded labels; 0 for any other.
constexpr int kCodes[] = {0,   200, 201, 204, 303, 304, 400, 401, 402, 403,
                          404, 405, 409, 413, 415, 422, 429, 500, 503, 504};

}  // namespace

RouteMetrics::RouteMetrics(Metrics& metrics, const std::string& method, const std::string& pattern)
    : latency_(metrics.latency("depot_http_request_seconds", "From the request to its answer",
                               {{"method", method}, {"route", pattern}})) {
  for (const int code : kCodes) {
    const std::string label = code == 0 ? "other" : std::to_string(code);
    codes_[code] = &metrics.counter("depot_http_requests_total", "Requests answered",
                                    {{"method", method}, {"route", pattern}, {"code", label}});
  }
}

void RouteMetrics::count(int status, Duration took) {
  const auto found = codes_.find(status);
  (found == codes_.end() ? codes_.at(0) : found->second)->add();
  latency_.observe(took);
}

Exchange::Exchange(http::Responder responder, RouteMetrics& metrics, const std::string& currency,
                   Log& log)
    : responder_(std::move(responder)), metrics_(metrics), currency_(currency), log_(log) {}

void Exchange::send(http::Response response) {
  metrics_.count(response.status, steady_now() - started_);
  if (response.status >= 500) {
    const std::string id = to_text(requester.request_id);
    // Under overload refusals are many, and no failures; metrics count them.
    const bool refusal = response.status == 503;
    const Log::Fields fields = {{"request_id", id}, {"status", response.status}};
    refusal ? log_.debug("request refused", fields) : log_.warning("request failed", fields);
    response.headers.emplace_back("X-Request-Id", id);
  }
  responder_.send(std::move(response));
}

http::Stream Exchange::stream(http::Response begin) {
  metrics_.count(begin.status, steady_now() - started_);
  return responder_.stream(std::move(begin));
}

void Exchange::fail(const Failure& failure) { send(response_of(failure, currency_)); }

http::Response response_of(const Failure& failure, std::string_view currency) {
  std::string extra;
  const auto add = [&](std::string_view name, const auto& rows) {
    JsonWriter json(currency);
    json.value(rows);
    (((extra += ",\"") += name) += "\":") += json.take();
  };
  if (!failure.errors.empty()) add("errors", failure.errors);
  if (failure.verdict) add("items", failure.items);
  if (failure.removed) add("removed", *failure.removed);
  const std::string_view detail =
      failure.detail.empty() ? row_of(failure.problem).title : std::string_view(failure.detail);
  http::Response response = http::problem_response(failure.problem, detail, extra);
  auto& headers = response.headers;
  if (failure.replayed) headers.emplace_back("Idempotency-Replayed", "true");
  if (failure.problem == Problem::unauthenticated) {
    headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  if (failure.retry_after_ms > 0) {
    headers.emplace_back("Retry-After", std::to_string((failure.retry_after_ms + 999) / 1000));
  } else if (failure.problem == Problem::unavailable || failure.problem == Problem::rate_limited) {
    http::add_retry_after(response);
  }
  return response;
}

}  // namespace depot::customer_gateway
