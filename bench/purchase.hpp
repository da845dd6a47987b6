// What the load engine's lanes share: the loop they run on, where they count, and one purchase.
//
// Threads: belong to the thread that runs the lanes.
// Errors:  an exception that leaves a lane leaves Crew::run().
// Source:  docs/openapi.yaml, POST /v1/orders.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/caller.hpp"
#include "bench/engine.hpp"
#include "bench/history.hpp"
#include "bench/tally.hpp"

namespace depot::bench {

// The lanes of one thread, run until each has ended or one has thrown.
class Crew {
 public:
  boost::asio::io_context& io() { return io_; }
  void spawn(boost::asio::awaitable<void> lane);
  void run() { io_.run(); }

 private:
  boost::asio::io_context io_{1};
  std::size_t lanes_ = 0;
};

// They outlive the coroutines that use them, and go before the io_context does.
using Callers = std::vector<std::unique_ptr<Caller>>;
// `count` of them, over the gateways in turn, beginning with the `first`th.
Callers make_callers(Crew& crew, const EngineOptions& options, std::size_t first,
                     std::size_t count);

struct Till {
  Crew& crew;
  History history;
  Tally tally = {};
  bool known_ids = true;  // as EngineOptions
};

// The problem that an answer names, its status, or why there is none.
std::string describe(const Caller::Answer& answer);

// One order, in as many copies as asked, and what its answers say.
class Purchase {
 public:
  // `all_answered` is cancelled once no copy is under way.
  Purchase(Till& till, const Shopper& shopper, const Order& order, std::size_t copies,
           boost::asio::steady_timer& all_answered);

  boost::asio::awaitable<void> send(Caller& caller);
  bool open() const { return open_ > 0; }
  void count();                                             // into the tally. REQUIRES: !open().
  const Caller::Answer& answer() const { return answer_; }  // the last. REQUIRES: !open().

 private:
  // What the customer was told; copies of one order must be told the same.
  struct Outcome {
    int status = 0;
    std::string name;  // the problem, or the order's id
    std::uint64_t units = 0;
    std::int64_t money_minor = 0;
    bool partial = false;
    std::vector<ToldStock> told = {};     // of a refusal, where histories are kept
    std::optional<Receipt> receipt = {};  // of a 201, where they are
    bool operator==(const Outcome&) const = default;
  };

  std::string body() const;
  Outcome read(const Caller::Answer& answer) const;
  void note(const Outcome& told, TimePoint sent);

  Till& till_;
  const Order& order_;
  const std::string& customer_;
  const protocol::PlaceOrder asked_;
  const Call call_;
  std::optional<Outcome> outcome_;  // of the copy that was answered first
  Caller::Answer answer_;
  std::size_t open_;
  boost::asio::steady_timer& all_answered_;
};

}  // namespace depot::bench
