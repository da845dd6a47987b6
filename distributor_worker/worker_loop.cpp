#include "distributor_worker/worker_loop.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/fault_point.hpp"

namespace depot::distributor_worker {

using namespace std::chrono_literals;

// A balancer: its link and what came by it.
struct WorkerLoop::Line final : messaging::LinkEvents {
  Line(WorkerLoop& loop, std::uint32_t line_index, messaging::Context& context,
       const messaging::LinkOptions& options)
      : owner(loop), index(line_index), link(context, options, *this) {}

  void on_welcome() override {
    owner.log_.info("balancer connected", {{"balancer", index + 1}});
    drained = false;
  }
  void on_lost() override {
    owner.log_.warning("balancer lost", {{"balancer", index + 1}});
    owner.worker_.on_lost(index);
    drained = true;  // Should we be leaving: nothing more will come.
  }
  void on_drained(std::uint64_t) override { drained = true; }
  void on_request(const messaging::RequestRecord& record) override {
    owner.worker_.on_request({index, link.session(), record.tag}, record, owner.now_);
  }

  WorkerLoop& owner;
  const std::uint32_t index;
  messaging::Link link;
  std::uint32_t generation = 0;
  std::size_t place = 0;  // in the poller
  bool drained = true;
  bool unwritten = false;  // Redis has not got all of its commands
};

WorkerLoop::WorkerLoop(messaging::Context& context, const Config& config, const std::string& name,
                       Metrics& metrics, Log& log)
    : log_(log),
      drain_timeout_(config.workers.drain_timeout),
      redis_(config.redis_login(RedisRole::worker)),
      worker_(config, *this, metrics),
      hasher_(config.accounts.password_cost),
      now_(steady_now()),
      redis_time_(metrics.latency("depot_worker_redis_seconds", "From a command to its answer")),
      waiting_(metrics.gauge("depot_worker_waiting", "Requests not yet sent to Redis")),
      redis_connected_(metrics.gauge("depot_worker_redis_connected", "1 with Redis, else 0")),
      stopped_(metrics.gauge("depot_worker_purchases_stopped", "1 while Redis is short of memory")),
      errors_(metrics.counter("depot_worker_redis_errors_total", "Calls that Redis refused")),
      malformed_(
          metrics.counter("depot_worker_malformed_total", "Frames that break the protocol")) {
  for (int i = 0; i < config.load_balancer.count; ++i) {
    const messaging::LinkOptions options{.endpoint = config.backend_endpoint(i),
                                         .role = messaging::Role::worker,
                                         .name = name,
                                         .ping_every = config.load_balancer.ping_every,
                                         .silence_max = config.load_balancer.silence_max};
    lines_.push_back(
        std::make_unique<Line>(*this, static_cast<std::uint32_t>(i), context, options));
    lines_.back()->place = poller_.add(lines_.back()->link.socket());
  }
  redis_place_ = poller_.add_fd(-1);
  poller_.add_fd(hasher_.fd());
}

WorkerLoop::~WorkerLoop() = default;

void WorkerLoop::run(const StopSignal& stop) {
  const std::size_t stopping = poller_.add_fd(stop.fd());
  for (;;) {
    const bool more = turn();
    if (stop.urgent()) return;
    if (drain_end_ == TimePoint::max() && stop.requested()) {
      poller_.set_fd(stopping, -1, false);
      drain_end_ = now_ + drain_timeout_;
      for (auto& line : lines_) line->link.drain();
    }
    const bool drained = std::ranges::all_of(lines_, [](auto& line) { return line->drained; });
    if (drain_end_ <= now_ || (drain_end_ != TimePoint::max() && drained && worker_.idle())) break;
    if (!more) wait();
  }
  for (auto& line : lines_) line->link.bye();
}

// True when there may be more to read.
bool WorkerLoop::turn() {
  now_ = steady_now();
  bool more = false;
  for (auto& line : lines_) more = line->link.receive(now_) || more;
  redis_.on_readable(now_);
  drop_late_commands();
  if (poller_.ready(redis_place_)) redis_.on_writable(now_);
  redis_.tick(now_);
  watch_redis();
  for (const HashResult& result : hasher_.take()) worker_.on_hashed(result);
  worker_.turn(now_);
  drop_late_commands();
  redis_.flush();
  if (!redis_.wants_write()) {
    if (worker_.batches_in_flight() > 0) fault_point("worker.sent");
    for (auto& line : lines_) line->unwritten = false;
  }
  for (auto& line : lines_) {
    messaging::Link& link = line->link;
    link.set_credit(worker_.credit(line->index, link.received()), worker_.backend_down());
    link.tick(now_);
    link.flush(now_);
  }
  if (now_ >= report_due_) report();
  return more;
}

// This process may have been stopped anywhere since the commands were judged timely.
void WorkerLoop::drop_late_commands() {
  const TimePoint now = steady_now();
  const auto late = [&](auto& line) { return line->unwritten && !line->link.timely(now); };
  if (std::ranges::any_of(lines_, late)) redis_.disconnect("commands were late, and not written");
}

void WorkerLoop::wait() {
  for (auto& line : lines_) {
    if (line->generation == line->link.generation()) continue;
    line->generation = line->link.generation();
    poller_.set_socket(line->place, line->link.socket());
  }
  poller_.set_fd(redis_place_, redis_.fd(), redis_.wants_write());
  poller_.wait(20ms);
}

void WorkerLoop::watch_redis() {
  const bool connected = redis_.connected();
  if (connected && !connected_) log_.info("redis connected");
  if (!connected && connected_) {
    log_.error("redis lost: requests are refused until it is back", {{"why", redis_.last_error()}});
  }
  connected_ = connected;
  worker_.on_redis(connected);
  if (!connected || now_ < memory_due_) return;
  memory_due_ = now_ + 1s;
  static constexpr std::array<std::string_view, 2> kInfo = {"INFO", "memory"};
  redis_.command(kInfo, [this](const Result<store::Reply>& reply) {
    if (!reply || !reply->is_string()) return;
    const bool before = worker_.purchases_stopped();
    worker_.on_memory(reply->text());
    if (worker_.purchases_stopped() == before) return;
    before ? log_.info("redis has memory again: purchases go on")
           : log_.error("redis is short of memory: no new purchases (redis.maxmemory)");
  });
}

void WorkerLoop::call(std::uint32_t tag, std::span<const std::string_view> arguments) {
  redis_.command(arguments, [this, tag, sent = now_](const Result<store::Reply>& reply) {
    if (!reply) return worker_.on_failed(tag, reply.error().code);
    redis_time_.observe(steady_now() - sent);
    if (reply->is_error()) {
      errors_.add();
      if (now_ >= error_due_) log_.error("redis refused a call", {{"why", reply->text()}});
      error_due_ = std::max(error_due_, now_ + 10s);
      return worker_.on_failed(tag, store::classify_error(reply->text()));
    }
    std::vector<std::string_view> answers;
    if (reply->is_string()) answers.push_back(reply->text());
    for (std::size_t i = 0; i < reply->size(); ++i) answers.push_back((*reply)[i].text());
    if (reply->is_array()) fault_point("worker.answered");  // Of a batch of orders.
    worker_.on_answers(tag, answers);
  });
}

void WorkerLoop::hash(HashTask task) { hasher_.submit(std::move(task)); }

bool WorkerLoop::timely(const Origin& origin) {
  Line& line = *lines_[origin.link];
  const bool timely = line.link.session() == origin.session && line.link.timely(now_);
  line.unwritten = line.unwritten || timely;
  return timely;
}

void WorkerLoop::answer(const Origin& origin, protocol::Status status, std::uint16_t retry_after_ms,
                        std::string_view body) {
  messaging::Link& link = lines_[origin.link]->link;
  if (link.session() != origin.session) return;  // The balancer has answered for us: it is lost.
  link.send_reply({.tag = origin.tag,
                   .status = static_cast<std::uint16_t>(status),
                   .retry_after_ms = retry_after_ms,
                   .body = body});
}

void WorkerLoop::report() {
  report_due_ = now_ + 100ms;
  bool welcomed = false;
  std::uint64_t malformed = 0;
  for (const auto& line : lines_) {
    welcomed = welcomed || line->link.session() != 0;
    malformed += line->link.malformed();
  }
  if (malformed > malformed_.value() && now_ >= malformed_due_) {
    log_.warning("malformed frames of a balancer, said once a minute");
    malformed_due_ = now_ + 1min;
  }
  malformed_.add(malformed - malformed_.value());
  waiting_.set(static_cast<std::int64_t>(worker_.waiting()));
  redis_connected_.set(connected_ ? 1 : 0);
  stopped_.set(worker_.purchases_stopped() ? 1 : 0);
  board_.set_status(boost::json::serialize(
      boost::json::object{{"waiting", worker_.waiting()},
                          {"in_flight_batches", worker_.batches_in_flight()},
                          {"orders_total", worker_.counts().orders_total()},
                          {"orders_placed", worker_.counts().placed.value()},
                          {"orders_refused", worker_.counts().refused.value()},
                          {"batches_total", worker_.counts().batches_total()},
                          {"redis", connected_ ? "connected" : redis_.last_error()}}));
  const bool starting = !connected_ && redis_.last_error().empty();
  board_.set_not_ready(starting      ? "starting"
                       : !connected_ ? "no Redis: " + redis_.last_error()
                       : !welcomed   ? "no balancer has answered"
                                     : "");
}

}  // namespace depot::distributor_worker
