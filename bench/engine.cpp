#include "bench/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>

#include "base/fatal.hpp"
#include "bench/purchase.hpp"
#include "bench/sign_in.hpp"

namespace depot::bench {
namespace {

namespace net = boost::asio;

constexpr std::size_t kSignUpsAtOnce = 16;  // Their passwords are hashed: more only wait.

bool stopped(const EngineOptions& options) {
  return options.stop != nullptr && options.stop->requested();
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

struct SignUps {
  const EngineOptions& options;
  std::span<const std::string> emails;
  std::span<Shopper> shoppers;
  Progress& progress;
};

// Every `step`th customer from `at` on, one after the other.
net::awaitable<void> sign_up_lane(const SignUps& all, Caller& caller, std::size_t at,
                                  std::size_t step) {
  for (; at < all.emails.size(); at += step) {
    if (stopped(all.options)) throw StartupError("interrupted", kExitFailed);
    Result<Shopper> shopper = co_await sign_up(caller, all.emails[at]);
    if (!shopper) throw StartupError(shopper.error().message, kExitUnavailable);
    all.shoppers[at] = std::move(*shopper);
    all.progress.add();
  }
}

// What a thread's buying lanes share.
struct Buying {
  const EngineOptions& options;
  std::span<const Shopper> shoppers;
  Source& source;
  Progress& progress;
  Till& till;
};

net::awaitable<Caller::Answer> ask(Till& till, Caller& caller, const Call& call) {
  const Caller::OnAttempt ignore = [](const Caller::Answer&, TimePoint) {};
  Caller::Answer answer = co_await caller.call(call, ignore);
  ++till.tally.other_requests;
  if (!answer || answer->status != 200) ++till.tally.failed[call.target + ": " + describe(answer)];
  co_return answer;
}

// What comes before the purchase. The calls have names: GCC 12 destroys temporary aggregates in
// co_await expressions twice.
net::awaitable<void> go_shopping(Till& till, const Shopper& shopper, Caller& caller, Order& order) {
  for (const std::string& target : order.looks) {
    const Call look{"GET", target, shopper.head, ""};
    co_await ask(till, caller, look);
  }
  if (!order.by_cart) co_return;
  const std::vector<protocol::OrderLine> lines = std::exchange(order.lines, {});
  for (const protocol::OrderLine& line : lines) {
    const Call add{"POST", "/v1/cart/lines", shopper.head,
                   fmt::format(R"({{"offer_id":"{}","quantity":{}}})", line.offer, line.quantity)};
    const Caller::Answer cart = co_await ask(till, caller, add);
    if (!cart || cart->status != 200) continue;
    const boost::json::value body = boost::json::parse(cart->body);
    order.cart_version = body.at("cart_version").to_number<std::int64_t>();
    if (till.history.kept()) order.lines = lines_of(body);
  }
}

// GCC 12 sees the frame's operator delete inlined and its operator new not, and takes them for a
// mismatch (GCC bug 109224).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

// Places one order at a time, a copy by each caller.
net::awaitable<void> buy_lane(const Buying& buying, std::size_t lane, const Callers& callers) {
  Till& till = buying.till;
  net::steady_timer timer(till.crew.io());
  std::optional<Order> order;
  while (!stopped(buying.options)) {
    order = buying.source.next(lane, order ? &*order : nullptr);
    if (!order) co_return;
    if (order->not_before > steady_now()) {
      timer.expires_at(order->not_before);
      co_await timer.async_wait(net::use_awaitable);
    }
    timer.expires_at(TimePoint::max());
    if (order->by_cart || !order->looks.empty()) {
      co_await go_shopping(till, buying.shoppers[order->shopper], *callers.front(), *order);
    }
    Purchase purchase(till, buying.shoppers[order->shopper], *order, callers.size(), timer);
    for (std::size_t copy = 1; copy < callers.size(); ++copy) {
      till.crew.spawn(purchase.send(*callers[copy]));
    }
    co_await purchase.send(*callers.front());
    while (purchase.open()) co_await timer.async_wait(net::as_tuple(net::use_awaitable));
    purchase.count();
    buying.progress.add();
  }
}

#pragma GCC diagnostic pop

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
    Crew crew;
    Till till{crew, History(path), {}, options.known_ids};
    till.tally.over_time = OverTime(start, options.window);
    const Buying buying{options, shoppers, source, progress, till};
    std::deque<Callers> callers;
    for (std::size_t lane = thread; lane < options.lanes; lane += options.threads) {
      callers.push_back(make_callers(crew, options, lane, options.copies));
      crew.spawn(buy_lane(buying, lane, callers.back()));
    }
    crew.run();
    till.tally.duration = steady_now() - start;
    till.history.close();
    const std::lock_guard lock(mutex);
    total.merge(till.tally);
  });
  return total;
}

}  // namespace depot::bench
