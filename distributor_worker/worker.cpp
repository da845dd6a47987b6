#include "distributor_worker/worker.hpp"

#include <algorithm>
#include <bit>
#include <charconv>

#include "protocol/msgpack.hpp"

namespace depot::distributor_worker {

using protocol::RequestKind;
using protocol::Status;
using std::to_string;

namespace {

constexpr std::size_t kBatchBytesMax = 1024 * 1024;  // Beyond it lines_max would stop the batch.
constexpr std::size_t kAnswerBytesMax = messaging::kRecordBytesMax - messaging::kReplyRecordHead;
constexpr std::uint16_t kRetryAfterMs = 1'000;

enum class Takes : std::uint8_t {
  nothing,
  body,
  body_and_request_id,
  body_and_feed,
  body_and_line_limits,
  password
};

// Which function answers which kind, and what it takes. place_order is not here: it is batched.
struct Route {
  RequestKind kind;
  std::string_view function;
  Takes takes = Takes::body;
};
constexpr Route kRoutes[] = {
    {RequestKind::list_orders, "list_orders_v1"},
    {RequestKind::get_order, "get_order_v1"},
    {RequestKind::cancel_order, "cancel_order_v1", Takes::body_and_feed},
    {RequestKind::create_account, "create_account_v2", Takes::password},
    {RequestKind::log_in, "log_in_v1", Takes::password},
    {RequestKind::log_out, "log_out_v1", Takes::body_and_request_id},
    {RequestKind::check_session, "check_session_v1"},
    {RequestKind::get_account, "get_account_v1"},
    {RequestKind::change_account, "change_account_v2", Takes::password},
    {RequestKind::delete_account, "delete_account_v1", Takes::password},
    {RequestKind::put_card, "put_card_v1"},
    {RequestKind::delete_card, "delete_card_v1"},
    {RequestKind::get_cart, "get_cart_v1"},
    {RequestKind::add_cart_line, "add_cart_line_v1", Takes::body_and_line_limits},
    {RequestKind::set_cart_line, "set_cart_line_v1", Takes::body_and_line_limits},
    {RequestKind::remove_cart_line, "remove_cart_line_v1", Takes::body_and_line_limits},
    {RequestKind::get_cycle, "get_cycle_v1", Takes::nothing},
    {RequestKind::ready, "readiness_v1", Takes::nothing},
    {RequestKind::manufacturer_offers, "manufacturer_offers_v1"},
    {RequestKind::manufacturer_sales, "manufacturer_sales_v1"},
    {RequestKind::manufacturer_statements, "manufacturer_statements_v1"},
    {RequestKind::manufacturer_statement, "manufacturer_statement_v1"},
};

Status status_of(std::string_view answer) {
  switch (answer.empty() ? '\0' : answer.front()) {
    case 'O':
    case 'P':
    case 'p':
      return Status::ok;
    case 'N':
    case 'n':
      return Status::refused;
    case 'X': {
      const auto problem = protocol::decode_problem(answer);
      const bool ours = problem && problem->problem == protocol::Problem::malformed;
      return ours ? Status::bad_request : Status::refused;
    }
    default:
      return Status::unknown;
  }
}

// The number behind "<key>:" in the text of INFO; 0 where it is not.
std::uint64_t info_number(std::string_view info, std::string_view key) {
  std::uint64_t number = 0;
  const std::size_t at = info.find(key);
  if (at == std::string_view::npos) return 0;
  std::from_chars(info.data() + at + key.size(), info.data() + info.size(), number);
  return number;
}

Counter& orders_counter(Metrics& metrics, const char* verdict) {
  return metrics.counter("depot_worker_orders_total", "Orders that Redis answered",
                         {{"verdict", verdict}});
}

}  // namespace

WorkerCounts::WorkerCounts(Metrics& metrics)
    : placed(orders_counter(metrics, "placed")),
      refused(orders_counter(metrics, "refused")),
      repeated(orders_counter(metrics, "repeated")),
      not_judged(orders_counter(metrics, "not_judged")) {
  for (const char* up_to : {"1", "2", "4", "8", "16", "32", "64"}) {
    batches.push_back(&metrics.counter("depot_worker_batches_total",
                                       "Batches sent, by their largest size",
                                       {{"orders_up_to", up_to}}));
  }
  for (std::uint8_t kind = protocol::kRequestKindMin; kind <= protocol::kRequestKindMax; ++kind) {
    const auto name = protocol::name_of(static_cast<RequestKind>(kind));
    requests.push_back(&metrics.counter("depot_worker_requests_total", "Requests taken on",
                                        {{"kind", std::string(name)}}));
  }
}

std::uint64_t WorkerCounts::batches_total() const {
  std::uint64_t total = 0;
  for (const Counter* count : batches) total += count->value();
  return total;
}

std::uint64_t WorkerCounts::orders_total() const {
  return placed.value() + refused.value() + repeated.value() + not_judged.value();
}

Counter& WorkerCounts::of_order(std::string_view answer) {
  const char letter = answer.empty() ? 'X' : answer.front();
  if (letter == 'P') return placed;
  if (letter == 'N') return refused;
  return letter == 'p' || letter == 'n' ? repeated : not_judged;
}

Worker::Worker(const Config& config, WorkerActions& actions, Metrics& metrics)
    : counts_(metrics), config_(config), actions_(actions) {}

void Worker::on_request(Origin origin, const messaging::RequestRecord& record, TimePoint now) {
  now_ = now;
  Held& held = held_[origin.link];
  if (held.session != origin.session) held = {origin.session, 0};
  ++held.count;
  Job job{.origin = origin,
          .deadline = now + std::chrono::microseconds(record.budget_us),
          .alone = (record.flags & messaging::kRecordAlone) != 0};
  const auto kind = static_cast<RequestKind>(record.kind);
  const std::size_t number = record.kind - std::size_t{protocol::kRequestKindMin};
  if (number < counts_.requests.size()) counts_.requests[number]->add();
  if (!connected_) return finish(job, Status::backend_down);
  if (kind == RequestKind::place_order) {
    job.body = record.body;
    orders_.push_back(std::move(job));
    return;
  }
  const auto* route = std::ranges::find(kRoutes, kind, &Route::kind);
  if (route == std::end(kRoutes)) return finish(job, Status::bad_request);
  switch (route->takes) {
    case Takes::nothing:
      return send(std::move(job), route->function, {});
    case Takes::body:
      return send(std::move(job), route->function, {record.body});
    case Takes::body_and_request_id:
      return send(std::move(job), route->function,
                  {record.body, std::string(record.request_id.begin(), record.request_id.end())});
    case Takes::body_and_feed:
      return send(std::move(job), route->function,
                  {record.body, to_string(config_.limits.feed_entries_max)});
    case Takes::body_and_line_limits:
      return send(std::move(job), route->function,
                  {record.body, to_string(config_.limits.order_lines_max),
                   to_string(config_.limits.quantity_max)});
    case Takes::password:
      return begin_password(record, std::move(job));
  }
}

void Worker::on_lost(std::uint32_t link) {
  held_.erase(link);
  std::erase_if(orders_, [&](const Job& job) { return job.origin.link == link; });
}

void Worker::on_redis(bool connected) {
  connected_ = connected;
  if (connected) return;
  for (const Job& job : std::exchange(orders_, {})) finish(job, Status::backend_down);
}

void Worker::on_memory(std::string_view info) {
  const std::uint64_t limit = info_number(info, "\nmaxmemory:");
  const std::uint64_t used = info_number(info, "\nused_memory:");
  const auto percent = static_cast<std::uint64_t>(config_.redis.purchases_stop_percent);
  purchases_stopped_ = limit > 0 && used / 100 >= limit / 10'000 * percent;
}

void Worker::turn(TimePoint now) {
  now_ = now;
  const auto batches_max = static_cast<std::size_t>(config_.workers.batches_in_flight_max);
  while (!orders_.empty() && batches_in_flight_ < batches_max) send_batch();
}

void Worker::send_batch() {
  Call call{.jobs = {}, .batch = true};
  std::size_t bytes = 0;
  const auto orders_max = static_cast<std::size_t>(config_.workers.batch_orders_max);
  while (!orders_.empty() && call.jobs.size() < orders_max) {
    Job& next = orders_.front();
    if (refused_as_late(next)) {
      orders_.pop_front();
      continue;
    }
    const bool apart = next.alone || (!call.jobs.empty() && call.jobs.front().alone) ||
                       bytes + next.body.size() > kBatchBytesMax;
    if (apart && !call.jobs.empty()) break;
    bytes += next.body.size();
    call.jobs.push_back(std::move(next));
    orders_.pop_front();
  }
  if (call.jobs.empty()) return;
  options_.clear();
  protocol::Writer(options_)
      .array(6)
      .integer(config_.workers.batch_lines_max)
      .integer(config_.limits.refusals_per_minute_max)
      .integer(config_.limits.refusals_max)
      .integer(config_.limits.units_per_customer_and_offer_max)
      .integer(config_.limits.feed_entries_max)
      .integer(purchases_stopped_ ? 1 : 0);
  ++batches_in_flight_;
  counts_.batches.at(static_cast<std::size_t>(std::bit_width(call.jobs.size() - 1)))->add();
  const std::uint32_t tag = calls_.insert(std::move(call));
  arguments_.assign({"FCALL", "place_orders_v1", "0", options_});
  for (const Job& job : calls_.find(tag)->jobs) arguments_.push_back(job.body);
  actions_.call(tag, arguments_);
}

// What was given up without us must not happen any more: not after a stop of this process, nor of
// the network, nor behind a long wait for its turn.
bool Worker::refused_as_late(const Job& job) {
  const bool timely = actions_.timely(job.origin);
  if (timely && now_ < job.deadline) return false;
  finish(job, timely ? Status::expired : Status::unknown);
  return true;
}

void Worker::send(Job job, std::string_view function, Arguments arguments) {
  if (refused_as_late(job)) return;
  Call call;
  call.jobs.push_back(std::move(job));
  arguments_.assign({"FCALL", function, "0"});
  arguments_.insert(arguments_.end(), arguments);
  actions_.call(calls_.insert(std::move(call)), arguments_);
}

void Worker::on_answers(std::uint32_t tag, std::span<const std::string_view> answers) {
  std::optional<Call> call = calls_.take(tag);
  if (!call) return;
  if (!call->batch) {
    Job& job = call->jobs.front();
    if (answers.size() != 1) return finish(job, Status::unknown);
    if (job.password && job.password->looking) return on_found(std::move(job), answers[0]);
    return deliver(job, answers[0]);
  }
  --batches_in_flight_;
  const bool sound = !answers.empty() && answers.size() <= call->jobs.size();
  for (std::size_t i = 0; i < call->jobs.size(); ++i) {
    if (!sound) finish(call->jobs[i], Status::unknown);
    if (!sound || i >= answers.size()) continue;
    counts_.of_order(answers[i]).add();
    deliver(call->jobs[i], answers[i]);
  }
  if (!sound) return;
  // Those that would have passed lines_max open the next batch, in their order.
  for (std::size_t i = call->jobs.size(); i > answers.size(); --i) {
    orders_.push_front(std::move(call->jobs[i - 1]));
  }
}

void Worker::on_failed(std::uint32_t tag, ErrorCode code) {
  std::optional<Call> call = calls_.take(tag);
  if (!call) return;
  if (call->batch) --batches_in_flight_;
  for (const Job& job : call->jobs) {
    const bool harmless =
        code == ErrorCode::not_executed || (job.password && job.password->looking);
    finish(job, harmless ? Status::backend_down : Status::unknown);
  }
}

std::uint32_t Worker::credit(std::uint32_t link, std::uint64_t received) const {
  const auto held = held_.find(link);
  const std::uint32_t waiting = held == held_.end() ? 0 : held->second.count;
  const auto window = static_cast<std::uint32_t>(config_.workers.batches_in_flight_max *
                                                 config_.workers.batch_orders_max);
  return static_cast<std::uint32_t>(received) - waiting + (connected_ ? window : 0);
}

void Worker::deliver(const Job& job, std::string_view answer) {
  // A function that answers more than a record holds breaks its promise; that must not end us.
  if (answer.size() > kAnswerBytesMax) return finish(job, Status::unknown);
  finish(job, status_of(answer), answer);
}

void Worker::finish(const Job& job, Status status, std::string_view body) {
  if (job.password) {
    --passwords_;
  } else if (const auto held = held_.find(job.origin.link);
             held != held_.end() && held->second.session == job.origin.session) {
    --held->second.count;
  }
  const bool later = status == Status::overload || status == Status::backend_down;
  actions_.answer(job.origin, status, later ? kRetryAfterMs : std::uint16_t{0}, body);
}

}  // namespace depot::distributor_worker
