// What a run has to keep to, like "p99<10": a figure's name, an operator, a number.
//
// Threads: values.
// Errors:  parse_threshold returns bad_input, with the words that it would take.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace depot::bench {

using NamedFigures = std::map<std::string, double, std::less<>>;

struct Threshold {
  std::string text, name = {}, op = {};  // op: < <= > >=
  double bound = 0;
  bool holds(double value) const;
};
// `known`: the figures that there will be.
Result<Threshold> parse_threshold(std::string_view text, const NamedFigures& known);

}  // namespace depot::bench
