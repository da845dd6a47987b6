// Entries of a ledger that came before one which got lost on the way: they wait here until that one
// is there, so that only what is missing is asked for.
//
// Bounded: where there is no room the highest goes, since what is missing comes from the lowest on.
//
// Threads: a value.
// Source:  docs/PROTOCOL.md, "A manufacturer: its ledger out".
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "manufacturer/ledger.hpp"

namespace depot::manufacturer {

class EarlyEntries {
 public:
  static constexpr std::size_t kEntriesMax = 10'000;
  static constexpr std::size_t kBytesMax = 16UL * 1024 * 1024;

  // `bytes`: as it came.
  void keep(Position at, std::string_view bytes);
  // The lowest that `ledger` lacks, if that may be its next; it is not here any more, as little as
  // what the ledger has.
  std::optional<std::pair<Position, std::string>> take_next(const Ledger& ledger);
  void clear() { *this = {}; }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Entries = std::map<Position, std::string>;
  std::string take(Entries::iterator entry);
  Entries entries_;
  std::size_t bytes_ = 0;
};

}  // namespace depot::manufacturer
