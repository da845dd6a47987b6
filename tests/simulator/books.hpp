// What was asked, what was answered and what took place, kept beside the deciders to judge them.
//
// The promises checked: each purchase is judged once, whatever is said twice; a definite answer is
// the same for ever; 503 means that nothing has happened and nothing will; each request that a
// gateway took is answered once and in time; nothing is written to the store for one that has been
// answered without it.
//
// Threads: one.
// Errors:  a broken promise is a Violation.
// Source:  docs/ARCHITECTURE.md, "Outcomes"; docs/PROTOCOL.md, "Requests".
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "protocol/orders.hpp"

namespace depot::simulator {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One HTTP request; its number stands in the body's session field and in the request id.
struct Http {
  std::uint32_t purchase = 0;
  unsigned gateway = 0;
  TimePoint sent;
  bool reads = false;      // GET of the order instead of its purchase
  bool answered = false;   // by the gateway
  bool refused = false;    // with 503
  bool effective = false;  // an order or a refusal was recorded for it
  bool over = false;       // the customer heard an answer, or that there will be none
};
std::string session_of(std::uint64_t http);       // 16 characters
std::uint64_t http_of(std::string_view session);  // 0: none

struct Purchase {
  protocol::PlaceOrder wish;
  std::string definite;  // the answer, its letter in upper case; "" before there is one
  unsigned open = 0;     // HTTP requests under way for it
};

class Books {
 public:
  std::uint64_t ask(std::uint32_t purchase, unsigned gateway, bool reads, TimePoint now);
  Http& http(std::uint64_t number) { return https_.at(number - 1); }

  // What the gateway says to the customer; 0: the connection broke.
  void on_answer(std::uint64_t http, int status);
  // The customer's view of it; `body` as the store wrote it.
  void on_heard(std::uint64_t http, int status, std::string_view body);
  // An order or a refusal is recorded.
  void on_effect(std::uint64_t http, const std::string& order, char letter);
  // A worker has written the request to the store. `whole`: without an excuse for being late.
  void on_written(std::uint64_t http, bool whole) const;

  std::vector<Purchase> purchases;
  std::uint64_t acknowledged = 0, refusals = 0, unavailable = 0, timeouts = 0, failed = 0, lost = 0,
                repeats = 0;
  // By order id: how often it was placed.
  const std::map<std::string, unsigned>& placed() const { return placed_; }

 private:
  std::vector<Http> https_;
  std::map<std::string, unsigned> placed_;
};

}  // namespace depot::simulator
