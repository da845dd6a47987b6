#include "bench/threshold.hpp"

#include <fmt/format.h>

#include <charconv>

namespace depot::bench {

bool Threshold::holds(double value) const {
  if (op == "<") return value < bound;
  if (op == "<=") return value <= bound;
  if (op == ">") return value > bound;
  return value >= bound;
}

Result<Threshold> parse_threshold(std::string_view text, const NamedFigures& known) {
  const std::size_t at = text.find_first_of("<>");
  Threshold threshold{.text = std::string(text)};
  bool good = at != std::string_view::npos;
  if (good) {
    threshold.name = text.substr(0, at);
    threshold.op = text.substr(at, at + 1 < text.size() && text[at + 1] == '=' ? 2 : 1);
    const std::string_view number = text.substr(at + threshold.op.size());
    const auto read =
        std::from_chars(number.data(), number.data() + number.size(), threshold.bound);
    good = read.ec == std::errc() && read.ptr == number.data() + number.size();
  }
  if (good && known.contains(threshold.name)) return threshold;
  std::string names;
  for (const auto& [name, value] : known) names += (names.empty() ? "" : ", ") + name;
  return fail(ErrorCode::bad_input,
              fmt::format("threshold {}: it is a figure, one of < <= > >=, and a number, like "
                          "p99<10; figures are {}",
                          text, names));
}

}  // namespace depot::bench
