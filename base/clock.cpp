#include "base/clock.hpp"

#include <fmt/chrono.h>

namespace depot {

std::string to_rfc3339(WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%FT%T}.{:03}Z", second, (time - second).count());
}

}  // namespace depot
