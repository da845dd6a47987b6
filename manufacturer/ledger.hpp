// A manufacturer's own copy of its ledger, and what it adds up to.
//
// Kept in memory: what is behind the last cycle whose statement is done with (see forget()), and
// where the cycles before it ended. Where an older state of the data was restored that ended before
// that, nothing is left here, and all of it is to be fetched anew.
//
// Threads: a value.
// Errors:  add() says what became of an entry; one that does not follow is not taken.
// Source:  docs/PROTOCOL.md, "A manufacturer: its ledger out".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "protocol/statement.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer {

struct Position {
  std::uint64_t epoch = 0, number = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

struct KeptEntry {
  std::uint64_t epoch = 0, number = 0;
  protocol::LedgerEntry entry;
  Position position() const { return {epoch, number}; }
};

// Of one sku in the newest cycle: offered = available + sold + cut.
struct Totals {
  std::int64_t wanted = 0, unit_price = 0, offered = 0, sold = 0, cut = 0, available = 0;
  std::int64_t shortage() const { return sold > wanted ? sold - wanted : 0; }
  friend bool operator==(const Totals&, const Totals&) = default;
};

class Ledger {
 public:
  enum class Step { added, known, gap, malformed };
  Step add(Position at, std::string_view bytes);
  Step add(KeptEntry entry);
  // Numbers within an epoch follow each other; an epoch begins with 0, and the first with 1-0.
  bool empty() const { return entries_.empty(); }
  bool reaches(Position at) const;
  bool may_follow(Position at) const;  // as far as numbers tell; of entry 0 they do not
  const KeptEntry& newest() const { return entries_.back(); }  // REQUIRES: !empty().
  // By sku; none of a cycle that is not the newest.
  const std::map<std::string, Totals>& totals_of(const std::string& cycle) const;

  // Where add() dropped entries since the last call: what is behind that position, 0-0 for all.
  std::optional<Position> take_dropped() { return std::exchange(dropped_, std::nullopt); }

  // Made of the entries of a cycle that has ended; nullopt where they are not here.
  std::optional<protocol::Statement> statement(const std::string& cycle,
                                               const std::string& manufacturer,
                                               const std::string& currency,
                                               std::int64_t fee_rate) const;
  // Entries of that cycle that contradict those before them: another price than was offered, or
  // offered that is not available + sold + cut. At most kContradictionsMax.
  static constexpr std::size_t kContradictionsMax = 20;
  std::vector<std::string> contradictions(const std::string& cycle) const;
  std::optional<protocol::LedgerPosition> end_of(
      const std::string& cycle) const;  // where it closed
  // The entries up to that cycle's end will not be asked for any more.
  void forget(const std::string& cycle);
  const std::deque<KeptEntry>& entries() const { return entries_; }  // behind what is forgotten

 private:
  struct End {  // of a cycle
    std::string cycle;
    Position at;
  };

  void drop_above(Position position);
  void count(const KeptEntry& kept);

  std::deque<KeptEntry> entries_;
  std::vector<End> ends_;  // in their order
  Position forgotten_;     // up to here
  std::optional<Position> dropped_;
  std::string cycle_;
  std::map<std::string, Totals> totals_;
};

// For a person: what was sold or cancelled, what ran out, a line each, of a large entry the first.
// `offers` by sku, for the names.
std::vector<std::string> news_of(const protocol::LedgerEntry& entry,
                                 const std::map<std::string, protocol::OfferRow>& offers,
                                 const Currency& currency);

}  // namespace depot::manufacturer
