// Time: a steady clock for deadlines, a wall clock for what is written down.
//
// Deciders take `now` as an argument; only loops and main read a clock.
//
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace depot {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

inline TimePoint steady_now() { return std::chrono::steady_clock::now(); }
inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// RFC 3339 in UTC with milliseconds: "2026-11-22T09:25:51.042Z".
std::string to_rfc3339(WallTime time);       // of the years 0 to 9999
std::string rfc3339_of_ms(std::int64_t ms);  // the same, of milliseconds since 1970
// The same in UTC ("...Z"), with milliseconds or without; nullopt for anything else.
std::optional<WallTime> from_rfc3339(std::string_view text);

}  // namespace depot
