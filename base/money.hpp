// Money is a count of minor units (cents) in the one currency of this Depot; never a float.
//
// Threads: values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace depot {

inline constexpr std::int64_t kUnitPriceMax = 100'000'000;      // 10^8 minor units
inline constexpr std::int64_t kOfferedMax = 1'000'000'000'000;  // units of one offer
// Of one offer, price times units. However often both change, never more than kOfferWorthMax / p
// units of it are sold at a price of p or more; summed over all p up to kUnitPriceMax that is less
// than 20 times kOfferWorthMax in a cycle. A statement has a limit of its own: kMoneyMax there.
inline constexpr std::int64_t kOfferWorthMax = 100'000'000'000'000;  // 10^14, one largest line
constexpr std::int64_t offered_max(std::int64_t unit_price) {
  return unit_price < 1 ? kOfferedMax : std::min(kOfferedMax, kOfferWorthMax / unit_price);
}
inline constexpr std::int64_t kQuantityMax = 1'000'000;                // of one order line
inline constexpr std::int64_t kOrderTotalMax = 1'000'000'000'000'000;  // 10^15, below 2^53

struct Currency {
  std::string code = "EUR";  // ISO 4217
  int digits = 2;            // Minor units are 10^-digits.
};

// Fails with bad_input for a code that is not three capital letters. Digits: JPY 0, KWD 3, most 2.
Result<Currency> currency_from_code(std::string_view code);

// "12.99" -> 1299. A decimal with a point, no sign, no exponent, no grouping; more digits than the
// currency has is an error, never rounded. Fails with bad_input.
Result<std::int64_t> parse_money(std::string_view text, const Currency& currency);

// 1299 -> "12.99".
std::string format_money(std::int64_t amount_minor, const Currency& currency);

}  // namespace depot
