#include "customer_gateway/locale.hpp"

#include <algorithm>
#include <charconv>

#include "base/numbers.hpp"
#include "http/server.hpp"

namespace depot::customer_gateway {
namespace {

constexpr std::string_view kNoBreak = "\u00a0";
constexpr std::string_view kNames[] = {"en", "pl"};
constexpr std::string_view kMonths[][12] = {
    {"January", "February", "March", "April", "May", "June", "July", "August", "September",
     "October", "November", "December"},
    {"stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września",
     "października", "listopada", "grudnia"}};

struct Sign {
  Language language;
  std::string_view code, text;
};
constexpr Sign kSigns[] = {{Language::en, "EUR", "€"}, {Language::en, "USD", "$"},
                           {Language::en, "GBP", "£"}, {Language::en, "JPY", "¥"},
                           {Language::pl, "EUR", "€"}, {Language::pl, "PLN", "zł"}};

// Polish groups from five digits on: 1234, 12 345.
std::string grouped(Language language, std::string_view digits) {
  const bool polish = language == Language::pl;
  if (polish && digits.size() < 5) return std::string(digits);
  return depot::grouped(std::string(digits), polish ? kNoBreak : ",");
}

// The weight of one "pl-PL;q=0.8" of Accept-Language for `name`, in thousandths; 0 for none.
int weight_of(std::string_view range, std::string_view name) {
  range.remove_prefix(std::min(range.find_first_not_of(" \t"), range.size()));
  const std::size_t end = std::min(range.find_first_of("; \t"), range.size());
  const std::string_view primary = range.substr(0, std::min(end, range.find('-')));
  if (!http::equal_folded(primary, name)) return 0;
  const std::size_t q = range.find("q=", end);
  if (q == std::string_view::npos) return 1000;
  double weight = 0;
  std::from_chars(range.data() + q + 2, range.data() + range.size(), weight);
  return static_cast<int>(std::clamp(weight, 0.0, 1.0) * 1000);
}

}  // namespace

std::string_view name_of(Language language) { return kNames[static_cast<std::size_t>(language)]; }

Language preferred_language(std::string_view chosen, std::string_view accept_language) {
  for (const Language language : kLanguages) {
    if (name_of(language) == chosen) return language;
  }
  Language best = Language::en;
  int best_weight = 0;
  while (!accept_language.empty()) {
    const std::size_t end = std::min(accept_language.find(','), accept_language.size());
    for (const Language language : kLanguages) {
      const int weight = weight_of(accept_language.substr(0, end), name_of(language));
      if (weight <= best_weight) continue;  // Of equal ones the first.
      best_weight = weight;
      best = language;
    }
    accept_language.remove_prefix(std::min(end + 1, accept_language.size()));
  }
  return best;
}

std::string_view plural_of(Language language, std::int64_t number) {
  if (number == 1) return "one";
  if (language == Language::en) return "other";
  const std::int64_t tens = number % 100, units = number % 10;
  return units >= 2 && units <= 4 && (tens < 12 || tens > 14) ? "few" : "many";
}

std::string number_text(Language language, std::int64_t number) {
  const std::string digits = std::to_string(number);
  return number < 0 ? "-" + grouped(language, std::string_view(digits).substr(1))
                    : grouped(language, digits);
}

std::string decimal_text(Language language, std::string_view decimal) {
  const std::size_t point = std::min(decimal.find('.'), decimal.size());
  std::string number = grouped(language, decimal.substr(0, point));
  if (point < decimal.size()) {
    (number += language == Language::pl ? ',' : '.') += decimal.substr(point + 1);
  }
  return number;
}

std::string money_text(Language language, std::int64_t amount_minor, const Currency& currency) {
  std::string text = format_money(amount_minor, currency);
  const std::string minus = amount_minor < 0 ? "-" : "";
  text.erase(0, minus.size());
  const std::string number = decimal_text(language, text);
  const auto* sign = std::ranges::find_if(kSigns, [&](const Sign& one) {
    return one.language == language && one.code == currency.code;
  });
  const bool known = sign != std::end(kSigns);
  const std::string shown(known ? sign->text : std::string_view(currency.code));
  if (language == Language::pl) return minus + number + std::string(kNoBreak) + shown;
  return minus + shown + (known ? "" : std::string(kNoBreak)) + number;
}

std::string time_text(Language language, std::string_view rfc3339) {
  std::size_t month = 0, day = 0;
  if (rfc3339.size() < 20 || rfc3339.back() != 'Z') return std::string(rfc3339);
  std::from_chars(&rfc3339[5], &rfc3339[7], month);
  std::from_chars(&rfc3339[8], &rfc3339[10], day);
  if (month < 1 || month > 12) return std::string(rfc3339);
  std::string text = std::to_string(day) + " ";
  text += kMonths[static_cast<std::size_t>(language)][month - 1];
  ((text += " ") += rfc3339.substr(0, 4)) += ", ";
  return (text += rfc3339.substr(11, 5)) += " UTC";
}

}  // namespace depot::customer_gateway
