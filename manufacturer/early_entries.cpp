#include "manufacturer/early_entries.hpp"

#include <iterator>

namespace depot::manufacturer {

void EarlyEntries::keep(Position at, std::string_view bytes) {
  if (!entries_.try_emplace(at, bytes).second) return;
  bytes_ += bytes.size();
  while (entries_.size() > kEntriesMax || bytes_ > kBytesMax) take(std::prev(entries_.end()));
}

std::optional<std::pair<Position, std::string>> EarlyEntries::take_next(const Ledger& ledger) {
  while (!empty() && ledger.reaches(entries_.begin()->first)) take(entries_.begin());
  if (empty() || !ledger.may_follow(entries_.begin()->first)) return std::nullopt;
  const Position at = entries_.begin()->first;
  return std::pair(at, take(entries_.begin()));
}

std::string EarlyEntries::take(Entries::iterator entry) {
  bytes_ -= entry->second.size();
  return std::move(entries_.extract(entry).mapped());
}

}  // namespace depot::manufacturer
