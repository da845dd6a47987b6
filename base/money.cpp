#include "base/money.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace depot {
namespace {

// ISO 4217 codes whose minor unit is not a hundredth.
constexpr std::string_view kNoDigits[] = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW",
                                          "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF"};
constexpr std::string_view kThreeDigits[] = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<Currency> currency_from_code(std::string_view code) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (code.size() != 3 || !std::ranges::all_of(code, is_capital)) {
    return fail(ErrorCode::bad_input,
                fmt::format("'{}' is not an ISO 4217 code such as EUR", code.substr(0, 40)));
  }
  Currency currency{.code = std::string(code), .digits = 2};
  if (std::ranges::find(kNoDigits, code) != std::end(kNoDigits)) currency.digits = 0;
  if (std::ranges::find(kThreeDigits, code) != std::end(kThreeDigits)) currency.digits = 3;
  return currency;
}

Result<std::int64_t> parse_money(std::string_view text, const Currency& currency) {
  const auto places = static_cast<std::size_t>(currency.digits);
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  const bool point_fits = point == text.size() || !fraction.empty();
  std::string digits(text.substr(0, point));
  std::int64_t amount = -1;
  if (!digits.empty() && point_fits && fraction.size() <= places) {
    digits.append(fraction).append(places - fraction.size(), '0');
    const char* end = digits.data() + digits.size();
    const bool good = std::ranges::all_of(digits, is_digit);
    if (!good || std::from_chars(digits.data(), end, amount).ec != std::errc()) amount = -1;
  }
  if (amount >= 0 && amount <= kOrderTotalMax) return amount;
  return fail(ErrorCode::bad_input,
              fmt::format("'{}' is not an amount of {}: digits, and behind a point at most {}",
                          text.substr(0, 40), currency.code, currency.digits));
}

std::string format_money(std::int64_t amount_minor, const Currency& currency) {
  std::uint64_t unit = 1;
  for (int i = 0; i < currency.digits; ++i) unit *= 10;
  const std::string_view sign = amount_minor < 0 ? "-" : "";
  const std::uint64_t size = amount_minor < 0 ? 0 - static_cast<std::uint64_t>(amount_minor)
                                              : static_cast<std::uint64_t>(amount_minor);
  if (currency.digits == 0) return fmt::format("{}{}", sign, size);
  return fmt::format("{}{}.{:0{}}", sign, size / unit, size % unit, currency.digits);
}

}  // namespace depot
