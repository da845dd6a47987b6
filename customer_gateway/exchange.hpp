// One HTTP request on its way to an answer: who asks, where it is counted, how it ends.
//
// Every answer of the gateway leaves through Exchange::send, which counts it by route and code,
// times it and logs each 5xx with the request id (503 at level debug: overload is no news).
//
// Threads: those of one I/O thread.
// Errors:  an exchange dropped unanswered answers 500 (http::Responder).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/status_board.hpp"
#include "customer_gateway/json.hpp"
#include "customer_gateway/operations.hpp"
#include "http/server.hpp"

namespace depot::customer_gateway {

inline constexpr std::size_t kUsualBytes = 1'024;  // of an answer in JSON: a small order's is 700

// Requests of one route, by status code, and how long they took.
class RouteMetrics {
 public:
  RouteMetrics(Metrics& metrics, const std::string& method, const std::string& pattern);
  void count(int status, Duration took);

 private:
  std::map<int, Counter*> codes_;  // 0: all that are not expected
  LatencyMetric& latency_;
};

class Exchange {
 public:
  // What is referred to outlives every exchange.
  Exchange(http::Responder responder, RouteMetrics& metrics, const std::string& currency, Log& log);

  Requester requester;

  void send(http::Response response);
  http::Stream stream(http::Response begin);  // Counted now, and timed up to here.
  // The view as JSON, never to be cached; `headers` besides.
  template <typename View>
  void send_json(int status, const View& view,
                 std::vector<std::pair<std::string, std::string>> headers = {}) {
    JsonWriter json(currency_, kUsualBytes);
    json.value(view);
    http::Response response{.status = status, .headers = std::move(headers), .body = json.take()};
    response.headers.emplace_back("Cache-Control", "no-store");
    send(std::move(response));
  }
  void fail(const Failure& failure);  // problem+json
  const std::string& currency() const { return currency_; }

 private:
  const TimePoint started_ = steady_now();
  http::Responder responder_;
  RouteMetrics& metrics_;
  const std::string& currency_;
  Log& log_;
};

http::Response response_of(const Failure& failure, std::string_view currency);

class StockStreams;

// What the handler of a route is given.
struct Visit {
  const http::Request& request;  // good until the handler returns
  std::shared_ptr<Exchange> exchange;
  std::string parameter;  // what stood for {parameter} in the pattern, decoded
  Operations& operations;
  const StatusBoard& board;  // whether this gateway can sell
  StockStreams& streams;

  const Requester& who() const { return exchange->requester; }
  void fail(protocol::Problem problem, std::string detail) const {
    exchange->fail({.problem = problem, .detail = std::move(detail)});
  }
};

}  // namespace depot::customer_gateway
