// One I/O thread's way to the back end. LinkBackend: a link per balancer, the requests in flight,
// their retries and deadlines.
//
// A request goes to the balancer with credit and the least outstanding; with none it waits a moment
// and is then refused. All that one turn of the loop asked for leaves as one frame (flush()).
//
// Threads: the one that runs the io_context.
// Errors:  outcomes. Each call ends in exactly one, within its budget and a tick.
// Source:  docs/PROTOCOL.md, "Requests"; retry.hpp decides.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "customer_gateway/retry.hpp"
#include "messaging/link.hpp"
#include "messaging/slots.hpp"
#include "protocol/kinds.hpp"

namespace depot::customer_gateway {

struct Outcome {
  enum class Kind { answered, unavailable, timeout, internal };
  Kind kind = Kind::internal;
  std::string_view body;  // answered; good during the callback
};

struct Call {
  protocol::RequestKind kind = protocol::RequestKind::ready;
  std::string body;
  RequestId request_id{};
  std::uint32_t tenant = 0;  // for fair queueing
};

// Made before the threads start.
struct BackendMetrics {
  BackendMetrics(Metrics& metrics, const Labels& thread);
  Counter &retries, &lost_links, &timeouts, &late;
  Gauge &links_up, &in_flight;
};

class Backend {
 public:
  using Done = std::function<void(const Outcome&)>;

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
  struct Pending {
    Call call;
    Done done;
    TimePoint deadline;
    Attempts attempts;
    Line* line = nullptr;   // the balancer that has it; null while it waits
    Line* avoid = nullptr;  // the one that said no
    TimePoint give_up;      // waiting for credit: until then
    TimePoint resume;       // backing off: until then; zero while it is not
  };

  boost::asio::io_context& io_;
  const int attempts_max_;
  const std::size_t in_flight_max_;
  BackendMetrics& metrics_;
  Log& log_;
  messaging::Slots<Pending> pending_;
  std::deque<std::uint32_t> waiting_;  // for credit
  std::vector<std::unique_ptr<Line>> lines_;
  boost::asio::steady_timer timer_;

  Line* pick(const Line* avoid) const;
  bool send(std::uint32_t tag, TimePoint now);  // False: nobody has credit for it.
  void send_or_wait(std::uint32_t tag, TimePoint now);
  void send_waiting(TimePoint now);
  void on_status(std::uint32_t tag, protocol::Status status, std::string_view body);
  void on_link_lost(Line& line);
  void finish(std::uint32_t tag, Outcome::Kind kind, std::string_view body = {});
  void pump(Line& line);
  void look_again(Line& line);
  void watch(Line& line);
  void tick();
  void sweep(TimePoint now);
};

}  // namespace depot::customer_gateway
