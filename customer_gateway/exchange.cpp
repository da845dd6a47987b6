#include "customer_gateway/exchange.hpp"

#include <algorithm>
#include <charconv>

#include "customer_gateway/routes.hpp"
#include "http/problem.hpp"

namespace depot::customer_gateway {
namespace {

using protocol::Problem;

// The codes that a route may answer, for bounded labels.
constexpr int kCodes[] = {200, 201, 204, 303, 304, 400, 401, 402, 403, 404,
                          405, 409, 413, 415, 422, 429, 500, 503, 504};

Counter& code_counter(Metrics& metrics, const std::string& method, const std::string& pattern,
                      const std::string& code) {
  return metrics.counter("depot_http_requests_total", "Requests answered",
                         {{"method", method}, {"route", pattern}, {"code", code}});
}

}  // namespace

RouteMetrics::RouteMetrics(Metrics& metrics, const std::string& method, const std::string& pattern)
    : other_codes_(code_counter(metrics, method, pattern, "other")),
      latency_(metrics.latency("depot_http_request_seconds", "From the request to its answer",
                               {{"method", method}, {"route", pattern}})) {
  for (const int code : kCodes) {
    codes_[code] = &code_counter(metrics, method, pattern, std::to_string(code));
  }
}

void RouteMetrics::count(int status, Duration took) {
  const auto found = codes_.find(status);
  (found == codes_.end() ? other_codes_ : *found->second).add();
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

void Exchange::fail(const Failure& failure) { send(response_of(failure, currency_)); }

http::Response response_of(const Failure& failure, std::string_view currency) {
  std::string extra;
  const auto add = [&](std::string_view name, const auto& rows) {
    JsonWriter json(currency);
    json.value(rows);
    (((extra += ",\"") += name) += "\":") += json.take();
  };
  if (!failure.errors.empty()) add("errors", failure.errors);
  if (!failure.items.empty()) add("items", failure.items);
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

bool accept_json(const Visit& visit, JsonBody& body, JsonFields& fields) {
  std::string_view type = visit.request.header("content-type");
  type = type.substr(0, type.find_first_of("; \t"));
  const bool json = std::ranges::equal(type, std::string_view("application/json"), {},
                                       [](char c) { return static_cast<char>(std::tolower(c)); });
  if (!json) {
    visit.fail(Problem::unsupported_media_type, "Send the body as application/json.");
    return false;
  }
  fields.end();
  if (body.errors().empty()) return true;
  visit.exchange->fail({.problem = Problem::malformed,
                        .detail = "The body is not what this request takes.",
                        .errors = std::move(body.errors())});
  return false;
}

std::optional<ListQuery> read_list_query(const Visit& visit,
                                         std::initializer_list<std::string_view> others) {
  const auto wrong = [&](std::string_view name) {
    visit.fail(Problem::malformed, "Query parameter, unknown or wrong: " + std::string(name));
    return std::nullopt;
  };
  const auto fields = parse_form(visit.request.query);
  if (!fields) return wrong("(escapes)");
  ListQuery query;
  for (const auto& [name, value] : *fields) {
    const bool printable = std::ranges::none_of(value, [](unsigned char c) { return c < 0x20; });
    if (name == "limit") {
      const char* end = value.data() + value.size();
      const auto [at, error] = std::from_chars(value.data(), end, query.limit);
      if (error != std::errc() || at != end || query.limit < 1 || query.limit > 100) {
        return wrong(name);
      }
    } else if (name == "cursor" && !value.empty()) {
      query.cursor = value;
    } else if (!printable || std::ranges::find(others, name) == others.end() ||
               !query.others.emplace(name, value).second) {
      return wrong(name.substr(0, 64));
    }
  }
  return query;
}

}  // namespace depot::customer_gateway
