// Decides what becomes of the requests of one I/O thread: which balancer gets one, when it is sent
// again, and when it ends without an answer.
//
// A request goes to the balancer with credit and the least outstanding; with none it waits a moment
// and is then refused.
//
// Threads: one owner.
// Errors:  outcomes. Each call ends in exactly one, within its budget and a tick.
// Source:  docs/PROTOCOL.md, "Requests"; retry.hpp says what follows a reply.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "customer_gateway/retry.hpp"
#include "messaging/session.hpp"
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

class Requests {
 public:
  using Done = std::function<void(const Outcome&)>;
  using Random = std::function<std::uint64_t()>;

  Requests(const GatewayConfig& config, BackendMetrics& metrics, Log& log, Random random);
  // The session with the next balancer; its owner flushes it, and passes on what it says.
  void add(messaging::Session& session) { lines_.push_back({session}); }

  void call(Call call, Duration budget, Done done, TimePoint now);
  void on_reply(const messaging::ReplyRecord& record, TimePoint now);
  void on_lost(std::size_t balancer, TimePoint now);  // in the order of add()
  void send_waiting(TimePoint now);                   // once there may be credit
  void tick(TimePoint now);
  std::size_t size() const { return pending_.size(); }

 private:
  struct Line {
    messaging::Session& session;
    std::uint32_t outstanding = 0;
  };
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

  Line* pick(const Line* avoid);
  bool send(std::uint32_t tag, TimePoint now);  // False: nobody has credit for it.
  void send_or_wait(std::uint32_t tag, TimePoint now);
  void send_anew(std::uint32_t tag, TimePoint now);
  void on_status(std::uint32_t tag, protocol::Status status, std::string_view body, TimePoint now);
  void finish(std::uint32_t tag, Outcome::Kind kind, std::string_view body = {});

  const int attempts_max_;
  const std::size_t in_flight_max_;
  BackendMetrics& metrics_;
  Log& log_;
  const Random random_;
  messaging::Slots<Pending> pending_;
  std::deque<std::uint32_t> waiting_;  // for credit
  std::deque<Line> lines_;
};

}  // namespace depot::customer_gateway
