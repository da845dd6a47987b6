#include "protocol/problem.hpp"

#include <array>

#include "base/fatal.hpp"

namespace depot::protocol {
namespace {

// In the order of their numbers, from 1.
constexpr std::array<ProblemRow, 26> kProblems = {{
    {Problem::malformed, "malformed", 400, "The request cannot be read"},
    {Problem::idempotency_key_missing, "idempotency_key_missing", 400,
     "The header Idempotency-Key is missing or empty"},
    {Problem::unauthenticated, "unauthenticated", 401, "You are not signed in"},
    {Problem::card_required, "card_required", 402, "A payment card is needed to buy"},
    {Problem::forbidden, "forbidden", 403, "This is not yours to do"},
    {Problem::not_found, "not_found", 404, "There is nothing here"},
    {Problem::method_not_allowed, "method_not_allowed", 405, "This address has other methods"},
    {Problem::email_taken, "email_taken", 409, "There is an account with this e-mail already"},
    {Problem::insufficient_stock, "insufficient_stock", 409, "There is not enough in stock"},
    {Problem::price_changed, "price_changed", 409, "The price is another now"},
    {Problem::offer_withdrawn, "offer_withdrawn", 409, "The offer was withdrawn"},
    {Problem::limit_exceeded, "limit_exceeded", 409, "More than one customer may buy"},
    {Problem::cart_changed, "cart_changed", 409, "The cart has changed since you saw it"},
    {Problem::cycle_closed, "cycle_closed", 409, "The sales cycle is closed"},
    {Problem::not_cancellable, "not_cancellable", 409, "The order can no longer be cancelled"},
    {Problem::too_large, "too_large", 413, "The body is too large"},
    {Problem::unsupported_media_type, "unsupported_media_type", 415,
     "The body must be application/json"},
    {Problem::invalid, "invalid", 422, "A value is not allowed"},
    {Problem::unknown_offer, "unknown_offer", 422, "There is no such offer"},
    {Problem::too_many_lines, "too_many_lines", 422, "There are too many lines"},
    {Problem::idempotency_key_reused, "idempotency_key_reused", 422,
     "The Idempotency-Key was used for another request"},
    {Problem::rate_limited, "rate_limited", 429, "Too many attempts"},
    {Problem::headers_too_large, "headers_too_large", 431, "The headers are too large"},
    {Problem::internal, "internal", 500, "Depot has failed"},
    {Problem::unavailable, "unavailable", 503, "Depot cannot do this now; nothing has happened"},
    {Problem::timeout, "timeout", 504, "No answer in time; say it again with the same key"},
}};

constexpr bool is_ordered() {
  for (std::size_t i = 0; i < kProblems.size(); ++i) {
    if (static_cast<std::size_t>(kProblems[i].problem) != i + 1) return false;
  }
  return true;
}
static_assert(is_ordered());

constexpr std::string_view kLineProblems[] = {"",      "withdrawn", "price_changed",
                                              "limit", "sold_out",  "short"};

}  // namespace

std::span<const ProblemRow> problem_table() { return kProblems; }

const ProblemRow& row_of(Problem problem) {
  const auto index = static_cast<std::size_t>(problem) - 1;
  DEPOT_ASSERT(index < kProblems.size());
  return kProblems[index];
}

std::string_view name_of(LineProblem problem) {
  const auto index = static_cast<std::size_t>(problem);
  return index < std::size(kLineProblems) ? kLineProblems[index] : "";
}

}  // namespace depot::protocol
