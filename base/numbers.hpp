// Numbers as a person reads them on a terminal.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/money.hpp"

namespace depot {

// 1234567 -> "1,234,567".
std::string grouped(std::uint64_t number);
// 123456 -> "1,234.56 EUR".
std::string grouped_money(std::int64_t amount_minor, const Currency& currency);
// (1, "order") -> "1 order", (2000, "order") -> "2,000 orders"; `many` where it is no s that is
// added.
std::string counted(std::uint64_t number, std::string_view one, std::string_view many = "");

}  // namespace depot
