#include "base/numbers.hpp"

#include <algorithm>

namespace depot {
namespace {

// Commas into the digits before `end`, none right behind a sign.
void group(std::string& number, std::size_t end) {
  const std::size_t first = number.starts_with('-') ? 1 : 0;
  for (std::size_t at = end; at > first + 3; at -= 3) number.insert(at - 3, 1, ',');
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  group(out, out.size());
  return out;
}

std::string grouped_money(std::int64_t amount_minor, const Currency& currency) {
  std::string out = format_money(amount_minor, currency);
  group(out, std::min(out.find('.'), out.size()));
  return out + " " + currency.code;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  const std::string_view added = number != 1 && many.empty() ? "s" : "";
  return grouped(number)
      .append(" ")
      .append(number != 1 && !many.empty() ? many : one)
      .append(added);
}

}  // namespace depot
