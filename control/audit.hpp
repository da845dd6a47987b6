// The one checker: reads what Redis holds and recomputes it from the ledger.
//
// It shares no code with what it checks: its own blocking connection, its own msgpack walk, its own
// arithmetic of docs/STORE.md, nothing from store/ or protocol/. Linear, about 350 bytes of
// memory per order. It may run on a live system: rows are read before heads, heads and counters
// together, and an order that looks wrong is read and judged again with newer heads before it is
// called wrong.
//
// The rules, by the name that a violation carries; docs/RELIABILITY.md has them by what they are
// for:
//   L1 each ledger's entries are gap-free, epochs chained
//   L2 offered = available + sold + cut and available >= 0 at every entry, each sale at the price
//      offered
//   L3 counters and heads equal what the ledger says
//   L4 offered and cut follow from wanted and sold alone (so no repeated or reordered offer could
//      move them)
//   L5 an order has exactly one sale entry per part, where its row says, with equal lines and
//      prices; likewise cancelled
//   L6 no sale without its order
//   L7 never both placed and refused
//   L8 each order exactly once in its account's list
//   L9 each entry is well-formed and of this cycle's stock
//   L10 an order's row is what its request asked for, as the fingerprint says. Undecided where that
//      may be of what is not known any more: a cart of a deleted account, prices of lines of which
//      nothing was sold or of more than ten
//   S1 each settlement statement says what its ledger adds up to
//   S2 whoever is to have a statement has one
//   H1 every acknowledged order is there, is what was asked for (of a cart: what the client knows
//      of that version) at the prices seen, and was answered with its row's lines and total
//   H2 one key never has two different answers
//   H3 no order that nobody asked for
//   H4 a refusal tells what its ledger had left at a moment while it was asked for, and less than
//      was asked for
//   H5 an order that was answered before another was asked for stands before it in each ledger that
//      both are in
//   H6 what a read tells, a ledger had left while it was read, or as much earlier as such a read
//   may
//      be behind
//   H7 what an agent keeps of its ledger is the ledger's, entry by entry, from the first on
//   H8 where the histories say that all had healed: each order was answered in the time that they
//      give for it
//   H9 what was told to be cancelled is, and nothing is that nobody asked to cancel
//
// Threads: any; one run per call.
// Errors:  StartupError (exit 69) where Redis cannot be read, (exit 1) an unreadable history, or
//          no agent's file.
// Source:  docs/STORE.md; docs/ARCHITECTURE.md, "Stock".
#pragma once

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/redis_login.hpp"

namespace depot::control::audit {

__extension__ using Money = __int128;  // Sums over everybody may be beyond 63 bits.

enum class Harm { other, lost, doubled };

struct Violation {
  std::string rule;
  std::string text;  // what is wrong, with the entries
};

struct Head {  // a ledger's newest entry
  std::string manufacturer;
  std::int64_t epoch = 0, number = 0;
};

struct AuditResult {
  std::uint64_t manufacturers = 0, offers = 0, entries = 0, orders = 0, cancelled = 0;
  std::uint64_t refusals = 0, customers = 0, requests = 0;  // requests: read from histories
  std::uint64_t undecided = 0;                              // orders of which L10 says nothing
  std::uint64_t packs = 0;                                  // of settlements
  std::uint64_t agents = 0, behind = 0;  // agents' files read, entries that they do not have yet
  std::int64_t units_sold = 0;           // net of what was cancelled
  Money money_minor = 0;
  std::int64_t oversold = 0;            // units, at the worst moment
  std::uint64_t lost = 0, doubled = 0;  // orders
  std::vector<Head> heads;
  std::uint64_t violations = 0;
  std::vector<Violation> first;  // the first kShownMax of them

  static constexpr std::size_t kShownMax = 200;
  bool clean() const { return violations == 0; }
  template <typename... Args>
  void add(std::string_view rule, Harm harm, fmt::format_string<Args...> text, Args&&... args) {
    ++violations;
    lost += harm == Harm::lost;
    doubled += harm == Harm::doubled;
    if (first.size() == kShownMax) return;
    first.push_back({std::string(rule), fmt::format(text, std::forward<Args>(args)...)});
  }
};

// Of what is done: what is being read, and how many of it were.
using Progress = std::function<void(std::string_view what, std::uint64_t done)>;

// What others say of the books, to be set beside them: folders, or "".
struct Witnesses {
  std::string histories;  // clients' *.jsonl (bench/history.hpp)
  std::string agents;     // <manufacturer>/ledger-<store id>.jsonl (docs/MANUFACTURERS.md)
};

// `progress` is called many times a second.
AuditResult run(const RedisLogin& login, const Witnesses& witnesses = {},
                const Progress& progress = {});

std::string to_text(const AuditResult& result, const Currency& currency);
boost::json::object json_of(const AuditResult& result);

// `depot audit`: prints the result; 0 clean, 1 otherwise.
int run_audit(const Config& config, const Witnesses& witnesses, bool json);

}  // namespace depot::control::audit
