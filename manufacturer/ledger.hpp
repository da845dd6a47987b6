// A manufacturer's own copy of its ledger, and what it adds up to.
//
// Threads: a value.
// Errors:  add() says what became of an entry; one that does not follow is not taken.
// Source:  docs/PROTOCOL.md, "A manufacturer: its ledger out".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer {

struct KeptEntry {
  std::uint64_t epoch = 0, number = 0;
  protocol::LedgerEntry entry;
};

// Of one sku in the newest cycle: offered = available + sold + cut.
struct Totals {
  std::int64_t wanted = 0, unit_price = 0, offered = 0, sold = 0, cut = 0, available = 0;
  friend bool operator==(const Totals&, const Totals&) = default;
};

class Ledger {
 public:
  enum class Step { added, known, gap, malformed };
  Step add(std::uint64_t epoch, std::uint64_t number, std::string_view bytes);
  // Numbers within an epoch follow each other; an epoch begins with 0, and the first with 1-0.
  bool empty() const { return entries_.empty(); }
  bool reaches(std::uint64_t epoch, std::uint64_t number) const;
  const KeptEntry& newest() const { return entries_.back(); }  // REQUIRES: !empty().
  const std::string& cycle() const { return cycle_; }
  const std::map<std::string, Totals>& totals() const { return totals_; }  // by sku
  bool balanced() const { return balanced_; }  // False once an entry contradicted the ones before.

 private:
  void drop_above(std::uint64_t epoch, std::uint64_t number);
  void count(const protocol::LedgerEntry& entry);

  std::vector<KeptEntry> entries_;
  std::string cycle_;
  std::map<std::string, Totals> totals_;
  bool balanced_ = true;
};

// For a person: what was sold or cancelled, what ran out, a line each, of a large entry the first.
// `offers` by sku, for the names.
std::vector<std::string> news_of(const protocol::LedgerEntry& entry,
                                 const std::map<std::string, protocol::OfferRow>& offers,
                                 const Currency& currency);
std::string to_json(const KeptEntry& kept);  // one line

}  // namespace depot::manufacturer
