// What a request record may ask for (`kind`) and how its reply record is classed (`status`).
//
// Source: docs/PROTOCOL.md, "Requests".
#pragma once

#include <cstdint>
#include <string_view>

namespace depot::protocol {

enum class RequestKind : std::uint8_t {
  place_order = 1,
  list_orders = 2,
  get_order = 3,
  cancel_order = 4,
  create_account = 5,
  log_in = 6,
  log_out = 7,
  check_session = 8,
  get_account = 9,
  change_account = 10,
  delete_account = 11,
  put_card = 12,
  delete_card = 13,
  get_cart = 14,
  add_cart_line = 15,
  set_cart_line = 16,
  remove_cart_line = 17,
  get_cycle = 18,
  ready = 19,
  manufacturer_offers = 20,
  manufacturer_sales = 21,
  manufacturer_statements = 22,
  manufacturer_statement = 23,
};
inline constexpr std::uint8_t kRequestKindMin = 1;
inline constexpr std::uint8_t kRequestKindMax = 23;
std::string_view name_of(RequestKind kind);  // "place_order"; for metrics and logs

// One reply in three: done (ok), no (refused, bad_request), or not known to have happened.
enum class Status : std::uint16_t {
  ok = 0,            // Done. The body is the kind's reply.
  refused = 1,       // A verdict; the body is a problem (protocol/problem.hpp).
  bad_request = 2,   // A record that breaks the protocol; a bug of the sender.
  expired = 3,       // Its budget was spent before it was handed on. Not executed.
  overload = 4,      // A queue is full. Not executed.
  no_worker = 5,     // Not executed.
  worker_lost = 6,   // Dispatched, and the worker died: unknown.
  unknown = 7,       // The worker lost Redis with the call under way: unknown.
  draining = 8,      // Not executed.
  backend_down = 9,  // No Redis. Not executed.
  poison = 10,       // Lost three times, the last time alone.
};
std::string_view name_of(Status status);

// True where the status promises that nothing happened.
constexpr bool not_executed(Status s) {
  return s == Status::expired || s == Status::overload || s == Status::no_worker ||
         s == Status::draining || s == Status::backend_down;
}

}  // namespace depot::protocol
