// One I/O thread's way to the back end. LinkBackend: a link per balancer, and Requests, which
// decides what they carry.
//
// All that one turn of the loop asked for leaves as one frame (flush()).
//
// Threads: the one that runs the io_context.
// Errors:  outcomes, see requests.hpp.
// Source:  docs/PROTOCOL.md, "Requests".
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "customer_gateway/requests.hpp"
#include "messaging/link.hpp"

namespace depot::customer_gateway {

class Backend {
 public:
  using Done = Requests::Done;

  virtual ~Backend() = default;
  virtual void call(Call call, Duration budget, Done done) = 0;
  virtual void flush() = 0;  // at the end of each turn that called
};

// Makes the one of an I/O thread, on that thread; `name` tells it apart from the others'.
using MakeBackend = std::function<std::unique_ptr<Backend>(
    boost::asio::io_context& io, const std::string& name, BackendMetrics& metrics)>;

class LinkBackend final : public Backend {
 public:
  // `link_name` tells this thread's links apart in the balancers' logs.
  LinkBackend(boost::asio::io_context& io, messaging::Context& context, const Config& config,
              const std::string& link_name, BackendMetrics& metrics, Log& log);
  ~LinkBackend() override;

  void call(Call call, Duration budget, Done done) override;
  void flush() override;

 private:
  struct Line;

  boost::asio::io_context& io_;
  BackendMetrics& metrics_;
  Requests requests_;
  std::vector<std::unique_ptr<Line>> lines_;
  boost::asio::steady_timer timer_;
  TimePoint now_{};  // of the pump or tick at hand

  void pump(Line& line);
  void look_again(Line& line);
  void watch(Line& line);
  void tick();
};

}  // namespace depot::customer_gateway
