// Digits for people: 1234567 as "1,234,567".
//
// Threads: any.
// Errors:  none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace depot {

// `number`: perhaps a minus, digits, perhaps a point and more digits. Those before the point get
// `mark` between their thousands.
inline std::string grouped(std::string number, std::string_view mark = ",") {
  const std::size_t first = number.starts_with('-') ? 4 : 3;
  for (std::size_t at = std::min(number.find('.'), number.size()); at > first;) {
    number.insert(at -= 3, mark);
  }
  return number;
}
inline std::string grouped(std::uint64_t number) { return grouped(std::to_string(number)); }

}  // namespace depot
