// What the tests of the messages share: a caller, and a message's bytes.
//
// Threads: any.
#pragma once

#include <string>

#include "protocol/orders.hpp"

namespace depot::protocol {

inline const Caller kCaller{std::string(16, 's'), std::string(16, 'c')};

std::string encoded(const auto& value) {
  std::string out;
  encode(value, out);
  return out;
}

}  // namespace depot::protocol
