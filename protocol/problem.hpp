// The closed list of problems: one table of number (between processes), name, HTTP status, title.
//
// Source: docs/openapi.yaml and the pages below /problems/.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace depot::protocol {

enum class Problem : std::uint8_t {  // The numbers are the wire's and the records': never reused.
  malformed = 1,
  idempotency_key_missing = 2,
  unauthenticated = 3,
  card_required = 4,
  forbidden = 5,
  not_found = 6,
  method_not_allowed = 7,
  email_taken = 8,
  insufficient_stock = 9,
  price_changed = 10,
  offer_withdrawn = 11,
  limit_exceeded = 12,
  cart_changed = 13,
  cycle_closed = 14,
  not_cancellable = 15,
  too_large = 16,
  unsupported_media_type = 17,
  invalid = 18,
  unknown_offer = 19,
  too_many_lines = 20,
  idempotency_key_reused = 21,
  rate_limited = 22,
  headers_too_large = 23,
  internal = 24,
  unavailable = 25,
  timeout = 26,
};

struct ProblemRow {
  Problem problem;
  std::string_view name;  // "insufficient_stock"; type is "/problems/<name>"
  int http_status;
  std::string_view title;  // for a person
};

std::span<const ProblemRow> problem_table();
const ProblemRow& row_of(Problem problem);

// What is wrong with one line of a cart or a refused order. The first that holds, in this order.
enum class LineProblem : std::uint8_t {
  none = 0,
  withdrawn = 1,
  price_changed = 2,
  limit = 3,
  sold_out = 4,
  short_ = 5,
};
std::string_view name_of(LineProblem problem);  // "", "withdrawn", ..., "short"

}  // namespace depot::protocol
