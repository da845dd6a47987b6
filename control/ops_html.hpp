// The small pieces that /ops is made of: escaped text, tables, and numbers with their units.
//
// Threads: any.
// Errors:  none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace depot::control {

// For text and for attributes in double quotes, in HTML and in SVG.
std::string escaped(std::string_view text);

// Plain texts, escaped here; each row begins with what it is about, its header.
struct Table {
  std::string id;  // of the element around it that scrolls
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};
std::string html_of(const Table& table);

inline constexpr char kNone[] = "–";  // in the place of a number that there is not

std::string per_second(double value);   // "0.4/s", "1,234/s"
std::string seconds_text(double time);  // "250 µs", "1.2 ms", "12 s"
std::string mebibytes(double count);    // "3.4 MiB"
inline constexpr double kMebibyte = 1 << 20;
std::string percent(double share);            // 0.5: "50 %"
std::string whole(double value);              // "1,234,567"
std::string long_time(std::int64_t seconds);  // "8 d 2 h", "3 min 5 s", "5 min"
std::string or_none(std::optional<double> value, std::string (*text)(double));

}  // namespace depot::control
