// What the audit keeps while it reads, all that is recorded of each order and each manufacturer's
// ledger recomputed entry by entry; and what it decides from that.
//
// Threads: one.
// Source:  docs/STORE.md; docs/ARCHITECTURE.md, "Stock".
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/unordered_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "control/audit.hpp"
#include "control/audit_reader.hpp"

namespace depot::control::audit {

struct IdHash {
  std::size_t operator()(const Id& id) const { return std::hash<std::string_view>{}(view(id)); }
};

struct Part {           // one manufacturer's part of an order: what its row or a ledger entry says
  std::uint32_t maker;  // index into Books::makers
  Position at;          // the entry
  std::uint64_t digest = 0;  // of its lines
};
using Parts = boost::container::small_vector<Part, 1>;  // Nearly all orders have one.
enum class Proof : std::uint8_t {                       // of what was asked for, by the fingerprint
  by_lines,                                             // It is that of the row's lines.
  open,        // It is of something else: a cart, or lines with the prices that were seen.
  impossible,  // There can be no such row.
};
struct Placed {
  Id customer, fingerprint;
  std::uint64_t asked = 0, receipt = 0;  // digests: what was asked for, and what is to be answered
  Proof proof = Proof::by_lines;
  bool in_part = false;
};
struct Record {  // all that is recorded of one order
  // By rows:
  std::optional<Placed> placed;
  Parts parts;
  std::vector<std::int64_t> statuses;            // of parts; none where there is no state row
  boost::container::small_vector<Id, 1> listed;  // by the lists of these accounts
  // By ledgers:
  Parts sold;
  std::vector<Part> cancelled;
};

// What a ledger says was available of one offer: after each of its rows, over all cycles.
struct Availability {
  std::uint32_t maker = 0;                                // index into Books::makers
  std::vector<Position> at;                               // of each row, ascending
  std::map<std::int64_t, std::vector<std::size_t>> rows;  // units -> the rows that left so many
};

class Books {
 public:
  explicit Books(AuditResult& result) : result_(result) {}
  std::vector<std::string> makers;
  boost::unordered_map<Id, Record, IdHash> orders;
  boost::unordered_map<Id, Id, IdHash> refused;  // order -> fingerprint of what was asked for
  bool keeps_stock = false;                      // what follows; for histories only
  boost::unordered_map<std::string, Availability> stock;  // by offer id

  std::uint32_t maker(std::string_view name);  // its index; new ones are appended
  // Rows as they lie in Redis, which SCAN may return twice; malformed ones are violations.
  void add_order(const Id& id, std::string_view row);
  void add_state(const Id& id, std::string_view row);
  void add_refusal(std::string_view key, std::string_view order, std::string_view row);
  // Each account once. `among`: keeps only these of the listed orders; sorted; null for all.
  void add_list(const Id& customer, std::string_view ids, const std::vector<Id>* among);
  void note_stock(std::uint32_t maker, std::string_view sku, Position at, std::int64_t available);

 private:
  AuditResult& result_;
  std::map<std::string, std::uint32_t, std::less<>> maker_index_;
};

// Cycle and manufacturer of a statement that could not be made -> why; "": the operator has
// resolved it.
using Missing = std::map<std::pair<std::string, std::string>, std::string>;

// One manufacturer's ledger, walked from its first entry on.
class Ledger {
 public:
  Ledger(Redis& redis, Books& books, AuditResult& result, std::uint32_t maker)
      : redis_(redis), books_(books), result_(result), index_(maker), maker_(books.makers[maker]) {}

  // Walks on to the newest entry, or to the one named, judging each (L1, L2, L4, L9) and adding
  // what it says of orders.
  void read_on(const std::string& until = "+");
  // Reads head and counters of one moment, walks up to that head, and compares (L3).
  void compare_counters();
  // S1: a settlement pack of this manufacturer; S2: those that a cycle in such a state must have.
  void judge_pack(const std::string& cycle, std::string_view sums, std::string_view pack);
  void judge_settled(const std::map<std::string, std::int64_t>& states, const Missing& missing);
  bool knows(std::string_view cycle, std::string_view sku) const;
  std::size_t offers() const { return counters_.size(); }
  Position head() const { return last_; }

 private:
  struct Counters {
    std::int64_t price = 0, wanted = 0, offered = 0, cut = 0, sold = 0, worst = 0;
    std::int64_t opening = 0, cancelled = 0;
    std::string text() const;
  };
  void compare(const Reply& moment);
  void read_item(const redisReply* item);
  void judge(Position at, const Entry& entry);
  void turn(Position at, const Entry& entry);
  std::string statement_text(const std::string& cycle, std::string_view currency,
                             std::int64_t& units, Money& gross) const;
  void judge_row(const std::string& where, const Entry& entry, const EntryRow& row);
  std::string name(Position at) const { return maker_ + " " + at.text(); }

  Redis& redis_;
  Books& books_;
  AuditResult& result_;
  std::uint32_t index_;
  std::string maker_;
  Position last_;                             // 0-0 before the first entry
  std::map<std::string, Counters> counters_;  // by cycle + '\0' + sku
  std::map<std::tuple<std::string, std::string, std::int64_t>, std::int64_t>
      sales_;                               // cycle, sku, price -> units
  std::map<std::string, Position> closed_;  // cycle -> the entry that closes it
  std::set<std::string> packs_;             // cycles whose pack was judged
};

// L5 to L8 for one order; true when all is well. `redis` is asked only to explain.
bool judge_order(const Id& id, const Books& books, Redis& redis, AuditResult& result);

// L10, once all rows have been read.
void judge_requests(const Books& books, Redis& redis, AuditResult& result);

// H1 to H6, H8 and H9, from the *.jsonl files in `folder`.
void judge_histories(const std::string& folder, const Books& books, AuditResult& result);

// H7 from the agents' folders in `folder`.
void judge_agents(const std::string& folder, Redis& redis, AuditResult& result);

// What clients were told of stock, and when; for H4 to H6.
struct ToldStock {
  std::string offer;
  std::int64_t requested = 0, available = 0;
  friend auto operator<=>(const ToldStock&, const ToldStock&) = default;
};
struct Span {  // of an order: first asked for, first acknowledged; nanoseconds
  static constexpr std::int64_t kNever = INT64_MAX;
  std::int64_t invoked = kNever, answered = kNever;
};
struct Statement {                         // one answer that says what is available
  std::string who;                         // asked, for the explanation
  std::int64_t invoked = 0, answered = 0;  // it may be of any moment between
  std::vector<ToldStock> told;
};
void judge_times(const boost::unordered_map<Id, Span, IdHash>& spans,
                 const std::vector<Statement>& refusals, const std::vector<Statement>& reads,
                 const Books& books, AuditResult& result);

}  // namespace depot::control::audit
