#include "bench/engine.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>

#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "bench/caller.hpp"
#include "bench/history.hpp"

namespace depot::bench {
namespace {

namespace json = boost::json;
namespace net = boost::asio;

constexpr std::size_t kSignUpsAtOnce = 16;  // Their passwords are hashed: more only wait.
constexpr const char* kPassword = "a load engine's customer";
constexpr const char* kTypeHead = "Content-Type: application/json\r\n";
constexpr const char* kCard =
    R"({"number":"4242424242424242","exp_month":12,"exp_year":2039,"cvc":"123"})";

// What is told when a definite answer never came, or is not what was expected.
std::string describe(const Caller::Answer& answer) {
  if (!answer) return answer.error().message;
  boost::system::error_code error;
  const json::value body = json::parse(answer->body, error);
  const json::value* type = error ? nullptr : body.find_pointer("/type", error);
  if (type == nullptr || !type->is_string()) return std::to_string(answer->status);
  const std::string_view path = type->as_string();
  return std::string(path.substr(path.rfind('/') + 1));
}

bool stopped(const EngineOptions& options) {
  return options.stop != nullptr && options.stop->requested();
}

// The lanes of one thread, run until each has ended or one has thrown.
class Crew {
 public:
  net::io_context& io() { return io_; }
  void spawn(net::awaitable<void> lane) {
    ++lanes_;
    net::co_spawn(io_, std::move(lane), [this](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
      if (--lanes_ == 0) io_.stop();  // Connections' timers would keep it running.
    });
  }
  void run() { io_.run(); }

 private:
  net::io_context io_{1};
  std::size_t lanes_ = 0;
};

// They outlive the coroutines that use them, and go before the io_context does.
using Callers = std::vector<std::unique_ptr<Caller>>;

Callers make_callers(Crew& crew, const EngineOptions& options, std::size_t lane,
                     std::size_t count) {
  Callers callers;
  for (std::size_t i = lane; i < lane + count; ++i) {
    const std::string& gateway = options.gateways[i % options.gateways.size()];
    callers.push_back(std::make_unique<Caller>(crew.io(), gateway, options.give_up, options.stop));
  }
  return callers;
}

// Runs `work(thread)` on each of the threads, showing progress meanwhile. Rethrows the first error.
void run_threads(std::size_t count, Progress& progress,
                 const std::function<void(std::size_t)>& work) {
  std::counting_semaphore<> ended(0);
  std::mutex mutex;
  std::exception_ptr error;
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < count; ++thread) {
    threads.emplace_back([&, thread] {
      try {
        work(thread);
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
      }
      ended.release();
    });
  }
  for (std::size_t left = count; left > 0;) {
    if (ended.try_acquire_for(std::chrono::milliseconds(100))) --left;
    progress.refresh(steady_now());
  }
  threads.clear();
  if (error) std::rethrow_exception(error);
}

void expect(const Caller::Answer& answer, int status, const char* step, const std::string& email) {
  if (answer && answer->status == status) return;
  throw StartupError(fmt::format("{} of {}: {}", step, email, describe(answer)), kExitUnavailable);
}

struct SignUps {
  const EngineOptions& options;
  std::span<const std::string> emails;
  std::span<Shopper> shoppers;
  Progress& progress;
};

// Every `step`th customer from `at` on, one after the other.
net::awaitable<void> sign_up_lane(const SignUps& all, Caller& caller, std::size_t at,
                                  std::size_t step) {
  const Caller::OnAttempt ignore = [](const Caller::Answer&, TimePoint) {};
  for (; at < all.emails.size(); at += step) {
    if (stopped(all.options)) throw StartupError("interrupted", kExitFailed);
    const std::string& email = all.emails[at];
    json::object account{{"email", email}, {"password", kPassword}};
    const Call log_in{"POST", "/v1/sessions", kTypeHead, json::serialize(account)};
    account["first_name"] = "Load";
    account["last_name"] = "Customer";
    const Call sign_up{"POST", "/v1/accounts", kTypeHead, json::serialize(account)};
    Caller::Answer answer = co_await caller.call(sign_up, ignore);
    const bool known = answer && answer->status == 409;  // From an earlier run or attempt.
    if (known) answer = co_await caller.call(log_in, ignore);
    expect(answer, 201, "sign-up", email);

    const json::value body = json::parse(answer->body);
    Shopper& shopper = all.shoppers[at];
    shopper.customer = std::string(body.at("customer_id").as_string());
    shopper.head = fmt::format("Authorization: Bearer {}\r\n{}",
                               std::string_view(body.at("token").as_string()), kTypeHead);
    const Call attach_card{"PUT", "/v1/account/card", shopper.head, kCard};
    const Caller::Answer attached = co_await caller.call(attach_card, ignore);
    expect(attached, 200, "card", email);
    all.progress.add();
  }
}

// What a thread's buying lanes share.
struct Till {
  const EngineOptions& options;
  std::span<const Shopper> shoppers;
  Source& source;
  Progress& progress;
  Crew crew;
  History history;
  Tally tally;
};

// One order, in as many copies as asked, and what its answers say.
class Purchase {
 public:
  // `all_answered` is cancelled once no copy is under way.
  Purchase(Till& till, const Order& order, std::size_t copies, net::steady_timer& all_answered)
      : till_(till),
        order_(order),
        customer_(till.shoppers[order.shopper].customer),
        fingerprint_(fingerprint()),
        call_{"POST", "/v1/orders",
              till.shoppers[order.shopper].head + "Idempotency-Key: " + order.key + "\r\n", body()},
        open_(copies),
        all_answered_(all_answered) {}

  net::awaitable<void> send(Caller& caller) {
    Outcome told;
    bool first = true;
    const Caller::OnAttempt on_attempt = [&](const Caller::Answer& answer, TimePoint sent) {
      told = read(answer);
      note(told, sent);
      till_.tally.retries += !std::exchange(first, false);
    };
    const TimePoint begin = steady_now();
    const Caller::Answer answer = co_await caller.call(call_, on_attempt);
    till_.tally.latency.record(steady_now() - begin);
    if (outcome_ && *outcome_ != told) {
      ++till_.tally.failed["two answers to one key: " + outcome_->name + ", " + told.name];
    }
    if (!outcome_) outcome_ = told;
    if (--open_ == 0) all_answered_.cancel();
  }

  bool open() const { return open_ > 0; }

  void count() {
    Tally& tally = till_.tally;
    const Answer answer = answer_of(outcome_->status);
    if (answer == Answer::done && outcome_->name != order_id_for(customer_, order_.key)) {
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

 private:
  // What the customer was told; copies of one order must be told the same.
  struct Outcome {
    int status = 0;
    std::string name;  // the problem, or the order's id
    std::uint64_t units = 0;
    std::int64_t money_minor = 0;
    bool partial = false;
    bool operator==(const Outcome&) const = default;
  };

  std::string fingerprint() const {
    protocol::PlaceOrder request;
    request.mode = order_.mode;
    request.lines = order_.lines;
    std::ranges::sort(request.lines, {}, &protocol::OrderLine::offer);
    return protocol::fingerprint_of(request);
  }

  std::string body() const {
    std::string out =
        order_.mode == protocol::OrderMode::available ? R"({"mode":"available",)" : "{";
    out += R"("lines":[)";
    for (const protocol::OrderLine& line : order_.lines) {
      fmt::format_to(std::back_inserter(out), R"({{"offer_id":"{}","quantity":{}}},)", line.offer,
                     line.quantity);
    }
    out.back() = ']';
    return out += "}";
  }

  Outcome read(const Caller::Answer& answer) const {
    if (!answer || answer->status != 201) {
      return {.status = answer ? answer->status : 0, .name = describe(answer)};
    }
    till_.tally.repeats += !answer->header("idempotency-replayed").empty();
    boost::system::error_code error;
    const json::value body = json::parse(answer->body, error);
    if (error) return {.name = "201 without JSON"};
    Outcome outcome{
        .status = 201,
        .name = std::string(body.at("order_id").as_string()),
        .money_minor = body.at_pointer("/total/amount_minor").to_number<std::int64_t>()};
    for (const json::value& line : body.at("lines").as_array()) {
      outcome.units += line.at("quantity").to_number<std::uint64_t>();
    }
    const json::value* refused = body.as_object().if_contains("refused");
    outcome.partial = refused != nullptr && refused->is_array() && !refused->as_array().empty();
    return outcome;
  }

  void note(const Outcome& told, TimePoint sent) {
    till_.history.add({customer_, order_.key, fingerprint_, sent, steady_now(), told.status,
                       told.status == 201 ? std::string_view(told.name) : std::string_view()});
  }

  Till& till_;
  const Order& order_;
  const std::string& customer_;
  const std::string fingerprint_;
  const Call call_;
  std::optional<Outcome> outcome_;  // of the copy that was answered first
  std::size_t open_;
  net::steady_timer& all_answered_;
};

// Places one order at a time, a copy by each caller.
net::awaitable<void> buy_lane(Till& till, std::size_t lane, const Callers& callers) {
  net::steady_timer timer(till.crew.io());
  std::optional<Order> order;
  while (!stopped(till.options)) {
    order = till.source.next(lane, order ? &*order : nullptr);
    if (!order) co_return;
    if (order->not_before > steady_now()) {
      timer.expires_at(order->not_before);
      co_await timer.async_wait(net::use_awaitable);
    }
    timer.expires_at(TimePoint::max());
    Purchase purchase(till, *order, callers.size(), timer);
    for (std::size_t copy = 1; copy < callers.size(); ++copy) {
      till.crew.spawn(purchase.send(*callers[copy]));
    }
    co_await purchase.send(*callers.front());
    while (purchase.open()) co_await timer.async_wait(net::as_tuple(net::use_awaitable));
    purchase.count();
    till.progress.add();
  }
}

}  // namespace

std::vector<Shopper> sign_up(const EngineOptions& options, std::span<const std::string> emails) {
  std::vector<Shopper> shoppers(emails.size());
  Progress progress("signing up", "customers", emails.size());
  run_threads(1, progress, [&](std::size_t) {
    Crew crew;
    const SignUps all{options, emails, shoppers, progress};
    const std::size_t lanes = std::min(kSignUpsAtOnce, emails.size());
    const auto callers = make_callers(crew, options, 0, lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      crew.spawn(sign_up_lane(all, *callers[lane], lane, lanes));
    }
    crew.run();
  });
  return shoppers;
}

Tally buy(const EngineOptions& options, std::span<const Shopper> shoppers, Source& source,
          Progress& progress) {
  Tally total;
  std::mutex mutex;
  const TimePoint start = steady_now();
  run_threads(options.threads, progress, [&](std::size_t thread) {
    const std::string path = options.histories.empty()
                                 ? ""
                                 : fmt::format("{}/clients-{}.jsonl", options.histories, thread);
    Till till{options, shoppers, source, progress, {}, History(path), {}};
    std::deque<Callers> callers;
    for (std::size_t lane = thread; lane < options.lanes; lane += options.threads) {
      callers.push_back(make_callers(till.crew, options, lane, options.copies));
      till.crew.spawn(buy_lane(till, lane, callers.back()));
    }
    till.crew.run();
    till.tally.duration = steady_now() - start;
    till.history.close();
    const std::lock_guard lock(mutex);
    total.merge(till.tally);
  });
  return total;
}

}  // namespace depot::bench
