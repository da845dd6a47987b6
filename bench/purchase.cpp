#include "bench/purchase.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/json.hpp>
#include <utility>

#include "base/ids.hpp"

namespace depot::bench {

namespace json = boost::json;
namespace net = boost::asio;

void Crew::spawn(net::awaitable<void> lane) {
  ++lanes_;
  net::co_spawn(io_, std::move(lane), [this](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
    if (--lanes_ == 0) io_.stop();  // Connections' timers would keep it running.
  });
}

Callers make_callers(Crew& crew, const EngineOptions& options, std::size_t first,
                     std::size_t count) {
  Callers callers;
  for (std::size_t i = first; i < first + count; ++i) {
    const std::string& gateway = options.gateways[i % options.gateways.size()];
    callers.push_back(std::make_unique<Caller>(crew.io(), gateway, options.give_up, options.stop));
  }
  return callers;
}

namespace {

protocol::PlaceOrder asked_of(const Order& order) {
  protocol::PlaceOrder asked;
  asked.mode = order.mode;
  asked.cart_version = order.cart_version;
  asked.lines = order.lines;
  std::ranges::sort(asked.lines, {}, &protocol::OrderLine::offer);
  asked.fingerprint = protocol::fingerprint_of(asked);
  return asked;
}

}  // namespace

std::string describe(const Caller::Answer& answer) {
  if (!answer) return answer.error().message;
  boost::system::error_code error;
  const json::value body = json::parse(answer->body, error);
  const json::value* type = error ? nullptr : body.find_pointer("/type", error);
  if (type == nullptr || !type->is_string()) return std::to_string(answer->status);
  const std::string_view path = type->as_string();
  return std::string(path.substr(path.rfind('/') + 1));
}

Purchase::Purchase(Till& till, const Shopper& shopper, const Order& order, std::size_t copies,
                   net::steady_timer& all_answered)
    : till_(till),
      order_(order),
      customer_(shopper.customer),
      asked_(asked_of(order)),
      call_{"POST", "/v1/orders", shopper.head + "Idempotency-Key: " + order.key + "\r\n", body()},
      open_(copies),
      all_answered_(all_answered) {}

net::awaitable<void> Purchase::send(Caller& caller) {
  Outcome told;
  bool first = true;
  const Caller::OnAttempt on_attempt = [&](const Caller::Answer& answer, TimePoint sent) {
    told = read(answer);
    note(told, sent);
    till_.tally.retries += !std::exchange(first, false);
  };
  const TimePoint begin = order_.not_before != TimePoint{} ? order_.not_before : steady_now();
  answer_ = co_await caller.call(call_, on_attempt);
  const TimePoint end = steady_now();
  till_.tally.latency.record(end - begin);
  till_.tally.over_time.record(end, end - begin);
  if (outcome_ && *outcome_ != told) {
    ++till_.tally.failed["two answers to one key: " + outcome_->name + ", " + told.name];
  }
  if (!outcome_) outcome_ = told;
  if (--open_ == 0) all_answered_.cancel();
}

void Purchase::count() {
  Tally& tally = till_.tally;
  const Answer answer = answer_of(outcome_->status);
  if (answer == Answer::done && till_.known_ids &&
      outcome_->name != order_id_for(customer_, order_.key)) {
    ++tally.failed["answered with another order's id"];
  } else if (answer == Answer::done) {
    ++tally.placed;
    tally.partial += outcome_->partial;
    tally.units += outcome_->units;
    tally.money_minor += outcome_->money_minor;
  } else {
    ++(answer == Answer::no ? tally.refused : tally.failed)[outcome_->name];
  }
}

std::string Purchase::body() const {
  std::string out = order_.mode == protocol::OrderMode::available ? R"({"mode":"available",)" : "{";
  if (order_.cart_version)
    return out += fmt::format(R"("cart_version":{}}})", *order_.cart_version);
  out += R"("lines":[)";
  for (const protocol::OrderLine& line : order_.lines) {
    fmt::format_to(std::back_inserter(out), R"({{"offer_id":"{}","quantity":{}}},)", line.offer,
                   line.quantity);
  }
  out.back() = ']';
  return out += "}";
}

Purchase::Outcome Purchase::read(const Caller::Answer& answer) const {
  if (!answer || answer->status != 201) {
    Outcome outcome{.status = answer ? answer->status : 0, .name = describe(answer)};
    if (outcome.status == 409 && till_.history.kept()) outcome.told = shortages(answer->body);
    return outcome;
  }
  till_.tally.repeats += !answer->header("idempotency-replayed").empty();
  boost::system::error_code error;
  const json::value body = json::parse(answer->body, error);
  if (error) return {.name = "201 without JSON"};
  Outcome outcome{.status = 201,
                  .name = std::string(body.at("order_id").as_string()),
                  .money_minor = body.at_pointer("/total/amount_minor").to_number<std::int64_t>()};
  for (const json::value& line : body.at("lines").as_array()) {
    outcome.units += line.at("quantity").to_number<std::uint64_t>();
  }
  const json::value* refused = body.as_object().if_contains("refused");
  if (till_.history.kept()) outcome.receipt = receipt_of(body);
  outcome.partial = refused != nullptr && refused->is_array() && !refused->as_array().empty();
  return outcome;
}

void Purchase::note(const Outcome& told, TimePoint sent) {
  till_.history.add({.client = customer_,
                     .key = order_.key,
                     .asked = asked_,
                     .invoked = sent,
                     .done = steady_now(),
                     .status = told.status,
                     .receipt = told.receipt ? &*told.receipt : nullptr,
                     .told = told.told});
}

}  // namespace depot::bench
