// Subscribes to all that a hub announces, in ZeroMQ's own protocol (ZMTP 3.0), and reads nothing.
//
// Threads: one.
// Errors:  WireError where nobody listens, or answers within a second.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "tests/support/wire.hpp"

namespace depot::test {

class DeafSubscriber {
 public:
  explicit DeafSubscriber(const std::string& path) : wire_(path) {
    const std::string command =
        std::string("\x05READY\x0bSocket-Type", 18) + std::string("\0\0\0\x03SUB", 7);
    wire_.send(std::string("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16) + std::string(48, '\0') +
               '\x04' + static_cast<char>(command.size()) + command);
    // A subscription before the other side's READY would end it.
    std::string greeting;
    while (greeting.find("READY") == std::string::npos) {
      const std::optional<std::string> more = wire_.read_more(std::chrono::seconds(1));
      if (!more || more->empty()) throw WireError("the hub says no READY");
      greeting += *more;
    }
    wire_.send(std::string("\0\x01\x01", 3));
  }

  // What lies there for it, after all.
  std::string read(std::chrono::milliseconds time) { return wire_.read_all(time); }

 private:
  Wire wire_;
};

}  // namespace depot::test
