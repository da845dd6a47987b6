#include "customer_gateway/card.hpp"

#include <algorithm>

namespace depot::customer_gateway {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (auto it = digits.rbegin(); it != digits.rend(); ++it, twice = !twice) {
    const int digit = *it - '0';
    sum += twice ? (digit * 2) / 10 + (digit * 2) % 10 : digit;
  }
  return sum % 10 == 0;
}

struct Brand {
  std::string_view name;
  int prefix_digits, from, to;
  std::size_t length_min, length_max, cvc;
};
constexpr Brand kBrands[] = {
    {"visa", 1, 4, 4, 13, 19, 3},
    {"amex", 2, 34, 34, 15, 15, 4},
    {"amex", 2, 37, 37, 15, 15, 4},
    {"mastercard", 2, 51, 55, 16, 16, 3},
    {"mastercard", 4, 2221, 2720, 16, 16, 3},
    {"discover", 4, 6011, 6011, 16, 19, 3},
    {"discover", 3, 644, 649, 16, 19, 3},
    {"discover", 2, 65, 65, 16, 19, 3},
    {"jcb", 4, 3528, 3589, 16, 19, 3},
    {"diners", 2, 36, 36, 14, 19, 3},
    {"diners", 2, 38, 39, 14, 19, 3},
    {"unionpay", 2, 62, 62, 16, 19, 3},
    {"maestro", 2, 56, 58, 12, 19, 3},
    {"other", 0, 0, 0, 12, 19, 3},
};

const Brand& brand_of(std::string_view digits) {
  return *std::ranges::find_if(kBrands, [&](const Brand& brand) {
    int prefix = 0;
    for (int i = 0; i < brand.prefix_digits; ++i) {
      prefix = prefix * 10 + (digits[static_cast<std::size_t>(i)] - '0');
    }
    return prefix >= brand.from && prefix <= brand.to;
  });
}

}  // namespace

tl::expected<protocol::Card, std::vector<FieldError>> check_card(const CardEntry& entry,
                                                                 WallTime now) {
  std::vector<FieldError> errors;
  std::string digits;
  for (const char c : entry.number) {
    if (c != ' ' && c != '-') digits += c;
  }
  protocol::Card card;
  std::size_t cvc_digits = 3;
  if (digits.size() < 12 || digits.size() > 19 || !std::ranges::all_of(digits, is_digit)) {
    errors.push_back({"/number", "A card number has 12 to 19 digits."});
  } else {
    const Brand& brand = brand_of(digits);
    cvc_digits = brand.cvc;
    if (digits.size() < brand.length_min || digits.size() > brand.length_max) {
      errors.push_back({"/number", "This brand's numbers have another length."});
    } else if (!luhn(digits)) {
      errors.push_back({"/number", "The check digit does not fit: a digit is mistyped."});
    }
    card.brand = brand.name;
    card.last4 = digits.substr(digits.size() - 4);
  }
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const std::int64_t year = static_cast<int>(today.year());
  const std::int64_t month = static_cast<unsigned>(today.month());
  const bool is_month = entry.exp_month >= 1 && entry.exp_month <= 12;
  if (!is_month) errors.push_back({"/exp_month", "A month is 1 to 12."});
  if (entry.exp_year < 2000 || entry.exp_year > year + 20) {
    errors.push_back({"/exp_year", "A year has four digits and is at most 20 years ahead."});
  } else if (entry.exp_year * 12 + (is_month ? entry.exp_month : 12) < year * 12 + month) {
    errors.push_back({"/exp_year", "The card has expired."});
  }
  if (entry.cvc.size() != cvc_digits || !std::ranges::all_of(entry.cvc, is_digit)) {
    errors.push_back({"/cvc", "The CVC has 3 digits, 4 on American Express."});
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  card.exp_month = static_cast<int>(entry.exp_month);
  card.exp_year = static_cast<int>(entry.exp_year);
  return card;
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  const bool plain = std::ranges::all_of(
      text, [](unsigned char c) { return c > 0x20 && c != 0x7F && c != '"' && c != '\\'; });
  if (at == std::string_view::npos) return false;
  const std::string_view domain = text.substr(at + 1);
  return plain && text.size() <= 254 && at >= 1 && at <= 64 && !domain.empty() &&
         domain.find('@') == std::string_view::npos && domain.front() != '.' &&
         domain.back() != '.';
}

bool is_password(std::string_view text) { return text.size() >= 8 && text.size() <= 128; }

}  // namespace depot::customer_gateway
