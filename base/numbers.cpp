#include "base/numbers.hpp"

#include <algorithm>

namespace depot {

std::string grouped(std::string number, std::string_view mark) {
  const std::size_t first = number.starts_with('-') ? 4 : 3;
  for (std::size_t at = std::min(number.find('.'), number.size()); at > first;) {
    number.insert(at -= 3, mark);
  }
  return number;
}

std::string grouped(std::uint64_t number) { return grouped(std::to_string(number)); }

std::string grouped_money(std::int64_t amount_minor, const Currency& currency) {
  return grouped(format_money(amount_minor, currency)) + " " + currency.code;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  const std::string_view added = number != 1 && many.empty() ? "s" : "";
  return grouped(number)
      .append(" ")
      .append(number != 1 && !many.empty() ? many : one)
      .append(added);
}

}  // namespace depot
