#include "base/money.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace depot {
namespace {

// ISO 4217 codes whose minor unit is not a hundredth.
constexpr std::array<std::string_view, 16> kNoDigits = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY",
                                                        "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
                                                        "VND", "VUV", "XAF", "XOF"};
constexpr std::array<std::string_view, 7> kThreeDigits = {"BHD", "IQD", "JOD", "KWD",
                                                          "LYD", "OMR", "TND"};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

Error bad_money(std::string_view text, const Currency& currency) {
  return Error{ErrorCode::bad_input,
               fmt::format("'{}' is not an amount of {}: digits, and behind a point at most {}",
                           text.substr(0, 40), currency.code, currency.digits)};
}

}  // namespace

Result<Currency> currency_from_code(std::string_view code) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (code.size() != 3 || !std::ranges::all_of(code, is_capital)) {
    return fail(ErrorCode::bad_input,
                fmt::format("'{}' is not an ISO 4217 code such as EUR", code.substr(0, 40)));
  }
  Currency currency{.code = std::string(code), .digits = 2};
  if (std::ranges::find(kNoDigits, code) != kNoDigits.end()) currency.digits = 0;
  if (std::ranges::find(kThreeDigits, code) != kThreeDigits.end()) currency.digits = 3;
  return currency;
}

Result<std::int64_t> parse_money(std::string_view text, const Currency& currency) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  const bool has_fraction = point != std::string_view::npos;
  if (whole.empty() || has_fraction == fraction.empty() ||
      fraction.size() > static_cast<std::size_t>(currency.digits)) {
    return tl::unexpected(bad_money(text, currency));
  }
  std::int64_t amount = 0;
  const auto append = [&](char c) {
    if (!is_digit(c) || amount > kOrderTotalMax) return false;
    amount = amount * 10 + (c - '0');
    return true;
  };
  if (!std::ranges::all_of(whole, append) || !std::ranges::all_of(fraction, append) ||
      amount > kOrderTotalMax) {
    return tl::unexpected(bad_money(text, currency));
  }
  for (std::size_t i = fraction.size(); i < static_cast<std::size_t>(currency.digits); ++i) {
    amount *= 10;
  }
  if (amount > kOrderTotalMax) return tl::unexpected(bad_money(text, currency));
  return amount;
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
