#include "bench/engine.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
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

// One thread of the engine: its lanes, run until each has ended.
class Crew {
 public:
  boost::asio::io_context& io() { return io_; }
  void lane_began() { ++lanes_; }
  void lane_ended() {
    if (--lanes_ == 0) io_.stop();  // Connections' timers would keep it running.
  }
  void run() {
    if (lanes_ > 0) io_.run();
  }

 private:
  boost::asio::io_context io_{1};
  std::size_t lanes_ = 0;
};

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

// Signs up, or logs in, the customers of one lane, one after the other.
class SignUpLane {
 public:
  SignUpLane(Crew& crew, const EngineOptions& options, std::size_t lane, std::size_t lanes,
             std::span<const std::string> emails, std::span<Shopper> shoppers, Progress& progress)
      : crew_(crew),
        stop_(options.stop),
        caller_(crew.io(), options.gateways[lane % options.gateways.size()], options.give_up),
        at_(lane),
        step_(lanes),
        emails_(emails),
        shoppers_(shoppers),
        progress_(progress) {
    crew_.lane_began();
  }

  void next() {
    if (at_ >= emails_.size()) return crew_.lane_ended();
    if (stop_ != nullptr && stop_->requested()) throw StartupError("interrupted", kExitFailed);
    credentials_ = {{"email", emails_[at_]}, {"password", kPassword}};
    json::object account = credentials_;
    account["first_name"] = "Load";
    account["last_name"] = "Customer";
    ask("POST", "/v1/accounts", kTypeHead, json::serialize(account),
        [this](const Caller::Answer& answer) {
          if (answer && answer->status == 409) return log_in();  // From an earlier run or attempt.
          on_session(answer);
        });
  }

 private:
  void log_in() {
    ask("POST", "/v1/sessions", kTypeHead, json::serialize(credentials_),
        [this](const Caller::Answer& answer) { on_session(answer); });
  }

  void on_session(const Caller::Answer& answer) {
    expect(answer, 201, "sign-up");
    const json::object body = json::parse(answer->body).as_object();
    Shopper& shopper = shoppers_[at_];
    shopper.customer = std::string(body.at("customer_id").as_string());
    shopper.head = fmt::format("Authorization: Bearer {}\r\n{}",
                               std::string_view(body.at("token").as_string()), kTypeHead);
    ask("PUT", "/v1/account/card", shopper.head, kCard, [this](const Caller::Answer& card) {
      expect(card, 200, "card");
      progress_.add();
      at_ += step_;
      next();
    });
  }

  void ask(const char* method, const char* target, const std::string& head, std::string body,
           std::function<void(const Caller::Answer&)> then) {
    caller_.call(
        {method, target, head, std::move(body)}, [](const Caller::Answer&, TimePoint) {},
        [then = std::move(then)](const Caller::Answer& answer, TimePoint) { then(answer); });
  }

  void expect(const Caller::Answer& answer, int status, const char* step) const {
    if (answer && answer->status == status) return;
    throw StartupError(fmt::format("{} of {}: {}", step, emails_[at_], describe(answer)),
                       kExitUnavailable);
  }

  Crew& crew_;
  const StopSignal* stop_;
  Caller caller_;
  std::size_t at_, step_;
  std::span<const std::string> emails_;
  std::span<Shopper> shoppers_;
  Progress& progress_;
  json::object credentials_;
};

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

// Places one order at a time, in as many copies as asked, and judges the answers.
class BuyLane {
 public:
  BuyLane(Till& till, std::size_t lane) : till_(till), lane_(lane), timer_(till.crew.io()) {
    const auto& gateways = till.options.gateways;
    for (std::size_t copy = 0; copy < till.options.copies; ++copy) {
      callers_.push_back(std::make_unique<Caller>(
          till.crew.io(), gateways[(lane + copy) % gateways.size()], till.options.give_up));
    }
    till.crew.lane_began();
  }

  void next() {
    const StopSignal* stop = till_.options.stop;
    std::optional<Order> order;
    if (stop == nullptr || !stop->requested()) {
      order = till_.source.next(lane_, order_ ? &*order_ : nullptr);
    }
    order_ = std::move(order);
    if (!order_) return till_.crew.lane_ended();
    if (order_->not_before <= steady_now()) return place();
    timer_.expires_at(order_->not_before);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) place();
    });
  }

 private:
  void place() {
    const Shopper& shopper = till_.shoppers[order_->shopper];
    order_id_ = order_id_for(shopper.customer, order_->key);
    fingerprint_ = fingerprint();
    outcome_.reset();
    open_ = callers_.size();
    const Call call{"POST", "/v1/orders", shopper.head + "Idempotency-Key: " + order_->key + "\r\n",
                    body()};
    for (auto& caller : callers_) {
      caller->call(
          call,
          [this, first = true](const Caller::Answer& answer, TimePoint sent) mutable {
            on_attempt(answer, sent);
            till_.tally.retries += !std::exchange(first, false);
          },
          [this](const Caller::Answer& answer, TimePoint sent) { on_answer(answer, sent); });
    }
  }

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
    request.mode = order_->mode;
    request.lines = order_->lines;
    std::ranges::sort(request.lines, {}, &protocol::OrderLine::offer);
    return protocol::fingerprint_of(request);
  }

  std::string body() const {
    std::string out =
        order_->mode == protocol::OrderMode::available ? R"({"mode":"available",)" : "{";
    out += R"("lines":[)";
    for (const protocol::OrderLine& line : order_->lines) {
      fmt::format_to(std::back_inserter(out), R"({{"offer_id":"{}","quantity":{}}},)", line.offer,
                     line.quantity);
    }
    out.back() = ']';
    return out += "}";
  }

  void on_attempt(const Caller::Answer& answer, TimePoint sent) {
    last_ = answer ? read(*answer) : Outcome{0, answer.error().message, 0, 0, false};
    till_.history.add({till_.shoppers[order_->shopper].customer, order_->key, fingerprint_, sent,
                       steady_now(), last_.status,
                       last_.status == 201 ? std::string_view(last_.name) : std::string_view()});
    if (last_.status == 201 && !answer->header("idempotency-replayed").empty()) {
      ++till_.tally.repeats;
    }
  }

  Outcome read(const http::ClientResponse& response) const {
    if (response.status != 201) return {response.status, describe(response), 0, 0, false};
    boost::system::error_code error;
    const json::value body = json::parse(response.body, error);
    if (error) return {0, "201 without JSON", 0, 0, false};
    Outcome outcome{201, std::string(body.at("order_id").as_string()), 0,
                    body.at_pointer("/total/amount_minor").to_number<std::int64_t>(), false};
    for (const json::value& line : body.at("lines").as_array()) {
      outcome.units += line.at("quantity").to_number<std::uint64_t>();
    }
    const json::value* refused = body.as_object().if_contains("refused");
    outcome.partial = refused != nullptr && refused->is_array() && !refused->as_array().empty();
    return outcome;
  }

  void on_answer(const Caller::Answer&, TimePoint first_sent) {
    till_.tally.latency.record(steady_now() - first_sent);
    if (outcome_ && *outcome_ != last_) {
      ++till_.tally.failed["two answers to one key: " + outcome_->name + ", " + last_.name];
    }
    if (!outcome_) outcome_ = last_;
    if (--open_ > 0) return;
    count();
    till_.progress.add();
    next();
  }

  void count() {
    Tally& tally = till_.tally;
    const Answer answer = answer_of(outcome_->status);
    if (answer == Answer::done && outcome_->name != order_id_) {
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

  Till& till_;
  std::size_t lane_;
  boost::asio::steady_timer timer_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::optional<Order> order_;
  std::string order_id_, fingerprint_;
  Outcome last_;
  std::optional<Outcome> outcome_;
  std::size_t open_ = 0;
};

}  // namespace

std::vector<Shopper> sign_up(const EngineOptions& options, std::span<const std::string> emails) {
  std::vector<Shopper> shoppers(emails.size());
  Progress progress("signing up", "customers", emails.size());
  run_threads(1, progress, [&](std::size_t) {
    Crew crew;
    std::vector<std::unique_ptr<SignUpLane>> lanes;
    const std::size_t count = std::min(kSignUpsAtOnce, emails.size());
    for (std::size_t lane = 0; lane < count; ++lane) {
      lanes.push_back(
          std::make_unique<SignUpLane>(crew, options, lane, count, emails, shoppers, progress));
    }
    for (auto& lane : lanes) lane->next();
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
    std::vector<std::unique_ptr<BuyLane>> lanes;
    for (std::size_t lane = thread; lane < options.lanes; lane += options.threads) {
      lanes.push_back(std::make_unique<BuyLane>(till, lane));
    }
    for (auto& lane : lanes) lane->next();
    till.crew.run();
    till.tally.duration = steady_now() - start;
    till.history.close();
    const std::lock_guard lock(mutex);
    total.merge(till.tally);
  });
  return total;
}

}  // namespace depot::bench
