#include "base/clock.hpp"

namespace depot {

std::string rfc3339_of_ms(std::int64_t ms) {
  return to_rfc3339(WallTime(std::chrono::milliseconds(ms)));
}

// By hand: an order's answer has one, and a formatter takes ten times as long.
std::string to_rfc3339(WallTime time) {
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day day(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto put = [&text](std::size_t end, std::int64_t value) {
    for (; value > 0; value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(4, static_cast<int>(day.year()) % 10'000);
  put(7, static_cast<unsigned>(day.month()));
  put(10, static_cast<unsigned>(day.day()));
  put(13, clock.hours().count());
  put(16, clock.minutes().count());
  put(19, clock.seconds().count());
  put(23, clock.subseconds().count());
  return text;
}

std::optional<WallTime> from_rfc3339(std::string_view text) {
  // The one form, read by its digits and written again: what is then the same was it.
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  std::string full(text);
  if (text.size() == kForm.size() - 4 && text.ends_with('Z')) full.insert(full.size() - 1, ".000");
  if (full.size() != kForm.size()) return std::nullopt;
  const auto number = [&full](std::size_t at, std::size_t digits) {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + (full[i] - '0');
    return value;
  };
  const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!day.ok()) return std::nullopt;
  const WallTime time = std::chrono::sys_days(day) + std::chrono::hours(number(11, 2)) +
                        std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2)) +
                        std::chrono::milliseconds(number(20, 3));
  return to_rfc3339(time) == full ? std::optional(time) : std::nullopt;
}

}  // namespace depot
