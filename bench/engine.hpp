// The load engine: customers who sign up and buy over HTTP, as fast as the answers come.
//
// replay, show and bench are its sources of orders; shop's customers (shop.hpp) use its parts. It
// behaves as docs ask of clients: an answer that leaves the outcome open (5xx, 429, a broken
// connection) is followed by the same request with the same Idempotency-Key, later and later, until
// there is a definite one or `give_up` has passed.
//
// Threads: sign_up and buy start `threads` of their own and return when all have ended; a Source is
//          called by all of them.
// Errors:  StartupError: exit 69 where a customer cannot be signed up, 1 when stopped meanwhile.
//          What goes wrong with an order is counted in the tally.
// Source:  docs/openapi.yaml: Idempotency-Key.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/stop_signal.hpp"
#include "bench/progress.hpp"
#include "bench/tally.hpp"
#include "protocol/orders.hpp"

namespace depot::bench {

struct EngineOptions {
  std::vector<std::string> gateways = {};  // "host:port"; lanes are spread over them
  std::size_t lanes = 16;                  // orders under way at once
  std::size_t threads = 1;
  std::size_t copies = 1;  // each order is sent so many times at once, on connections of their own
  Millis give_up{60'000};  // from the first attempt of a request
  std::string histories = {};        // a folder that clients write what they saw to; "": none
  const StopSignal* stop = nullptr;  // no new orders once it is requested
  Duration window{};                 // of the tally over time; 0: only the sums
  bool known_ids = true;             // Orders' ids are Depot's; another server has its own.
};

// A customer who is signed in and has a card.
struct Shopper {
  std::string customer;
  std::string head;  // the header lines of its requests
};

// Signs up one customer per e-mail, or logs in those who have signed up before, and attaches a test
// card to each. In the order given.
std::vector<Shopper> sign_up(const EngineOptions& options, std::span<const std::string> emails);

struct Order {
  std::uint32_t shopper = 0;
  std::string key = {};
  protocol::OrderMode mode = protocol::OrderMode::all_or_nothing;
  std::vector<protocol::OrderLine> lines = {};  // no offer twice; of a cart, what is known of it
  std::optional<std::int64_t> cart_version = {};
  TimePoint not_before = {};            // held back until then; its latency counts from then
  std::vector<std::string> looks = {};  // targets that its customer GETs first
  bool by_cart = false;                 // its lines are put into the cart, and that is bought
};

class Source {
 public:
  virtual ~Source() = default;
  // The lane's next order, nullopt to end the lane. `finished`: the one it had, null at first.
  virtual std::optional<Order> next(std::size_t lane, const Order* finished) = 0;
};

// Places what the source gives: each lane one order at a time.
Tally buy(const EngineOptions& options, std::span<const Shopper> shoppers, Source& source,
          Progress& progress);

}  // namespace depot::bench
