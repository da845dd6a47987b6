// Numbers as a person reads them.
//
// Threads: values.
// Errors:  none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/money.hpp"

namespace depot {

// `number`: perhaps a minus, digits, perhaps a point and more digits. Those before the point get
// `mark` between their thousands: "1,234.5".
std::string grouped(std::string number, std::string_view mark = ",");
std::string grouped(std::uint64_t number);
// 123456 -> "1,234.56 EUR".
std::string grouped_money(std::int64_t amount_minor, const Currency& currency);
// (1, "order") -> "1 order", (2000, "order") -> "2,000 orders"; `many` where it is no s that is
// added.
std::string counted(std::uint64_t number, std::string_view one, std::string_view many = "");

}  // namespace depot
