#include "control/ops_html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/numbers.hpp"

namespace depot::control {
namespace {

constexpr std::pair<char, const char*> kEscapes[] = {
    {'&', "&amp;"},
    {'<', "&lt;"},
    {'>', "&gt;"},
    {'"', "&quot;"},
    {'{', "&#123;"}};  // A value is never taken for one of the page's marks.

// Digits as a reader wants them: "0.42" as 0.4, "123.4" as 123.
std::string short_number(double value) {
  return std::abs(value) < 9.95 ? fmt::format("{:.1f}", value) : whole(value);
}

bool is_number(const std::string& text) {
  return !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) != 0 ||
                           text[0] == '-' || text[0] == '+' || text == kNone);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto* escape = std::ranges::find(kEscapes, c, &std::pair<char, const char*>::first);
    if (escape != std::end(kEscapes)) {
      out += escape->second;
    } else {
      out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;  // XML takes no control characters.
    }
  }
  return out;
}

std::string html_of(const Table& table) {
  const std::string caption = escaped(table.caption);
  std::string out = fmt::format(
      "<section class=\"scroll\" id=\"{}\" aria-label=\"{}\" tabindex=\"0\">\n"
      "<table>\n<caption>{}</caption>\n<thead><tr>",
      table.id, caption, caption);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const bool words = !table.rows.empty() && !is_number(table.rows.front()[i]);
    out += fmt::format("<th scope=\"col\"{}>{}</th>", words ? " class=\"words\"" : "",
                       escaped(table.columns[i]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr><th scope=\"row\">" + escaped(row.front()) + "</th>";
    for (auto cell = row.begin() + 1; cell != row.end(); ++cell) {
      out += (is_number(*cell) ? "<td>" : "<td class=\"words\">") + escaped(*cell) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</section>\n";
}

std::string per_second(double value) { return short_number(value) + "/s"; }

std::string seconds_text(double time) {
  if (time < 0.0009995) return fmt::format("{:.0f} µs", time * 1e6);
  if (time < 0.9995) return short_number(time * 1e3) + " ms";
  return short_number(time) + " s";
}

std::string mebibytes(double count) { return short_number(count) + " MiB"; }

std::string percent(double share) { return short_number(share * 100) + " %"; }

std::string whole(double value) { return grouped(fmt::format("{:.0f}", value)); }

std::string long_time(std::int64_t seconds) {
  const std::int64_t s = std::max<std::int64_t>(0, seconds);
  const auto both = [](std::int64_t whole, const char* unit, std::int64_t rest, const char* less) {
    return fmt::format("{} {}", whole, unit) + (rest == 0 ? "" : fmt::format(" {} {}", rest, less));
  };
  if (s >= 86'400) return both(s / 86'400, "d", s % 86'400 / 3'600, "h");
  if (s >= 3'600) return both(s / 3'600, "h", s % 3'600 / 60, "min");
  return s >= 60 ? both(s / 60, "min", s % 60, "s") : fmt::format("{} s", s);
}

std::string or_none(std::optional<double> value, std::string (*text)(double)) {
  return value ? text(*value) : kNone;
}

}  // namespace depot::control
