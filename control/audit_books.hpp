// What the audit keeps while it reads: fixed-size records to be sorted and laid side by side, and
// each manufacturer's ledger, recomputed entry by entry.
//
// Threads: one.
// Source:  docs/STORE.md; docs/ARCHITECTURE.md, "Stock".
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/audit.hpp"
#include "control/audit_reader.hpp"

namespace depot::control::audit {

struct Placed {  // an order row
  Id order, customer;
  std::array<char, 16> fingerprint;
  std::uint32_t parts;
  auto operator<=>(const Placed&) const = default;
};
struct Part {  // of an order row; or what a ledger entry says of one order
  Id order;
  std::uint32_t maker;  // index into Books::makers
  std::uint32_t place;  // among the parts of the order's row; 0 in an entry
  Position at;
  std::uint64_t digest;  // of its lines
  auto operator<=>(const Part&) const = default;
};
struct State {  // an orderstate row
  Id order;
  std::vector<std::int64_t> statuses;
  auto operator<=>(const State&) const = default;
};
struct Listed {  // one id in an account's list
  Id order, customer;
  std::uint32_t index;
  auto operator<=>(const Listed&) const = default;
};
struct Refused {
  Id order;
  std::array<char, 16> fingerprint;
  auto operator<=>(const Refused&) const = default;
};

struct Books {
  std::vector<std::string> makers;
  // From rows:
  std::vector<Placed> placed;
  std::vector<Part> parts;
  std::vector<State> states;
  std::vector<Listed> listed;
  std::vector<Refused> refused;
  // From ledgers:
  std::vector<Part> sold, cancelled;

  std::uint32_t maker(std::string_view name);  // its index; new ones are appended
  void add_order(const Id& id, std::string_view bytes, AuditResult& result);
  void add_state(const Id& id, std::string_view bytes, AuditResult& result);
  void add_list(const Id& customer, std::string_view ids, AuditResult& result);
  void sort();  // and drops what SCAN returned twice

 private:
  std::map<std::string, std::uint32_t, std::less<>> maker_index_;
};

// The record of that order; null where there is none. REQUIRES: sorted.
template <typename T>
const T* find(const std::vector<T>& records, const Id& order) {
  const auto found = std::lower_bound(records.begin(), records.end(), order,
                                      [](const T& a, const Id& b) { return a.order < b; });
  return found != records.end() && found->order == order ? &*found : nullptr;
}

// One manufacturer's ledger, walked from its first entry on.
class Ledger {
 public:
  Ledger(Redis& redis, std::string maker, std::uint32_t index);

  // Walks on to the newest entry, or to the one named, judging each (L1, L2, L4, L9) and adding
  // what it says of orders.
  void read_on(Books& books, AuditResult& result, const std::string& until = "+");
  // Reads head and counters of one moment, walks up to that head, and compares (L3).
  void compare_counters(Books& books, AuditResult& result);
  bool knows(std::string_view cycle, std::string_view sku) const;
  std::size_t offers() const { return counters_.size(); }
  Position head() const { return last_; }

 private:
  struct Counters {
    std::int64_t price = 0, wanted = 0, offered = 0, cut = 0, sold = 0, worst = 0;
    bool operator==(const Counters&) const = default;
    std::string text() const;
  };
  void compare(const Reply& moment, AuditResult& result);
  void judge(Position at, const Entry& entry, Books& books, AuditResult& result);
  void judge_row(Position at, const Entry& entry, const EntryRow& row, AuditResult& result);
  std::string name(Position at) const { return maker_ + " " + at.text(); }

  Redis& redis_;
  std::string maker_;
  std::uint32_t index_;
  Position last_{0, -1};
  std::map<std::string, Counters> counters_;  // by cycle + '\0' + sku
};

}  // namespace depot::control::audit
