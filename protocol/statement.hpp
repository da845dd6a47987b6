// A settlement pack: what one manufacturer offered and sold in one cycle, and what it gets for it.
//
// Hub and manufacturer each make it from the same part of the ledger, and compare the hash of the
// canonical rows. For every sku: opening + increases - cuts = sold + unsold.
//
// Threads: values.
// Units:   money in minor units; the fee in hundredths of a percent.
// Errors:  decode_statement returns nullopt for anything not exactly of this form.
// Source:  docs/PROTOCOL.md, "Statements".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/sync.hpp"

namespace depot::protocol {

struct LedgerPosition {
  std::int64_t epoch = 0, number = 0;
  friend auto operator<=>(const LedgerPosition&, const LedgerPosition&) = default;
};

struct StatementOffer {
  std::string sku;
  std::int64_t opening = 0;  // offered when the cycle opened
  std::int64_t increases = 0, cuts = 0;
  std::int64_t sold = 0;  // net of cancelled
  std::int64_t cancelled = 0, unsold = 0;
  friend bool operator==(const StatementOffer&, const StatementOffer&) = default;
};
struct StatementSale {  // of one sku at one price, net of what was cancelled
  std::string sku;
  std::int64_t unit_price = 0, units = 0, money = 0;
  friend bool operator==(const StatementSale&, const StatementSale&) = default;
};
struct StatementDemand {  // beside the agreement: not in the hash
  std::string sku;
  std::int64_t refused = 0, shortage = 0;
  friend bool operator==(const StatementDemand&, const StatementDemand&) = default;
};

struct Statement {
  std::string cycle, manufacturer, currency;
  std::vector<StatementOffer> offers;  // by sku
  std::vector<StatementSale> sales;    // by sku and price; none of 0 units
  std::int64_t units = 0, gross = 0, fee_rate = 0, fee = 0, net = 0;
  LedgerPosition from, to;  // the part of the ledger that it is made of
  std::vector<StatementDemand> demand = {};
  // To `demand`: units refused, one count for each of `offers`. Once.
  void add_refused(std::span<const std::int64_t> counts);
  friend bool operator==(const Statement&, const Statement&) = default;
};

// The text that is hashed, and its SHA-256 (32 bytes). Lines, so that two can be compared by diff.
std::string canonical_text(const Statement& statement);
std::string hash_of(const Statement& statement);
// Half a minor unit and more is rounded up.
std::int64_t fee_of(std::int64_t gross, std::int64_t fee_rate);

// [hash, units, gross, fee_rate, fee, net, cycle, manufacturer, currency, [offers, seven per row],
//  [sales, four per row], [from epoch, from number, to epoch, to number], [demand, three per row]];
// decoding checks the hash. The sums are in front, for who reads nothing else.
void encode(const Statement& statement, std::string& out);
std::optional<Statement> decode_statement(std::string_view bytes);

// A statement, and what its manufacturer has said of it.
struct AnsweredStatement {
  Statement statement;
  std::optional<std::int64_t> agrees;       // 1 it does, 0 it does not; nullopt: not a word yet
  std::optional<std::int64_t> answered_ms;  // of when it said so
  std::string detail;                       // where they differ
};
// statement_v1: 'O' + [statement, agrees | nil, answered_ms | nil, detail | nil]; nullopt also for
// its 'O' + nil, where there is no such statement.
std::optional<AnsweredStatement> decode_answered_statement(std::string_view body);

// Adds up the entries of a ledger, in their order; those of other cycles, and of kinds that move no
// goods, change nothing.
class StatementBuilder {
 public:
  StatementBuilder(std::string cycle, std::string manufacturer, std::string currency,
                   std::int64_t fee_rate, LedgerPosition from);
  void add(LedgerPosition at, const LedgerEntry& entry);
  bool complete() const { return complete_; }  // The entry that closes the cycle was added.
  // Money that Lua and JSON's readers know exactly. Beyond it there is no statement: nullopt.
  static constexpr std::int64_t kMoneyMax = 9'000'000'000'000'000;
  std::optional<Statement> finish() const;

 private:
  struct Sku {
    std::int64_t opening = 0, offered = 0, cut = 0, sold = 0, cancelled = 0, wanted = 0;
  };
  Statement statement_;
  bool complete_ = false;
  std::map<std::string, Sku> skus_;
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> sales_;  // sku, price -> units
};

}  // namespace depot::protocol
