// Bodies of the sync half: manufacturers and gateways <-> hub.
//
// The 40-byte header in front of them (kind of message, epoch, from, to, time) is messaging's.
//
// Threads: values.
// Errors:  decode_* return nullopt for anything not exactly of this form.
// Source:  docs/PROTOCOL.md, "Sync".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/cycles.hpp"

namespace depot::protocol {

inline constexpr std::size_t kProductNameMax = 200;  // bytes
inline constexpr std::size_t kOfferRowsPerRecordMax = 200;

// One sku's offer: absolute totals for the cycle that the record names.
struct OfferRow {
  std::string sku;
  std::string name;  // "" keeps the one it has
  std::int64_t unit_price = 0;
  std::int64_t offered = 0;  // the total wanted on sale in this cycle; 0 withdraws
  friend bool operator==(const OfferRow&, const OfferRow&) = default;
};

// offer/<manufacturer>/ RECORD: [cycle, [sku, name, unit_price, offered, ... four per row]]
struct OfferRecord {
  std::string cycle;
  std::vector<OfferRow> rows;
  friend bool operator==(const OfferRecord&, const OfferRecord&) = default;
};
void encode(const OfferRecord& record, std::string& out);
// why: of nullopt, the first row that is wrong and its limits, where that is the reason.
std::optional<OfferRecord> decode_offer_record(std::string_view bytes, std::string* why = nullptr);

// sync HELLO from a manufacturer: ["manufacturer", id, name, agent_epoch | nil, last_number | nil,
//                                  ledger_epoch | nil, ledger_number | nil]
// sync HELLO from a gateway:      ["gateway", name]
struct SyncHello {
  bool manufacturer = false;
  std::string id;    // the manufacturer's; "" for a gateway
  std::string name;  // shown to customers; the process' name for a gateway
  std::optional<std::int64_t> agent_epoch, last_number;     // nil: no journal
  std::optional<std::int64_t> ledger_epoch, ledger_number;  // nil: no position yet
  friend bool operator==(const SyncHello&, const SyncHello&) = default;
};
void encode(const SyncHello& hello, std::string& out);
std::optional<SyncHello> decode_sync_hello(std::string_view bytes);

// sync WELCOME: [store_id, cycle, agent_epoch, last_number, ledger_epoch, ledger_number]
// agent_epoch and last_number: what the data set knows of this manufacturer (0, 0: nothing).
struct SyncWelcome {
  std::string store_id;
  Cycle cycle;
  std::int64_t agent_epoch = 0, last_number = 0;
  std::int64_t ledger_epoch = 0, ledger_number = 0;  // the ledger's head
  friend bool operator==(const SyncWelcome&, const SyncWelcome&) = default;
};
void encode(const SyncWelcome& welcome, std::string& out);
std::optional<SyncWelcome> decode_sync_welcome(std::string_view bytes);

// sync ASK of a manufacturer: [verb, argument, ...], texts or integers; docs/PROTOCOL.md has the
// verbs. Its ANSWER is that of a function: 'O' + row, or 'X' + a problem.
inline constexpr std::size_t kAskArgumentsMax = 200;
struct SyncAsk {
  std::string verb;
  std::vector<std::string> arguments;  // integers in decimal
  friend bool operator==(const SyncAsk&, const SyncAsk&) = default;
};
void encode(const SyncAsk& ask, std::string& out);
std::optional<SyncAsk> decode_sync_ask(std::string_view bytes);

// One offer as gateways see it.
struct CatalogueItem {
  std::string offer;
  std::string name;
  std::int64_t unit_price = 0;
  std::int64_t available = 0;
  bool withdrawn = false;  // not offered in this cycle, or no longer
  friend bool operator==(const CatalogueItem&, const CatalogueItem&) = default;
};
// catalogue/ RECORD and SNAPSHOT part:
//   [[offer, name, unit_price, available, withdrawn, ... five per item], [manufacturer, name, ...],
//    cycle]
struct CatalogueRecord {
  std::vector<CatalogueItem> items;
  std::vector<std::pair<std::string, std::string>> manufacturers;  // id, name
  std::optional<Cycle> cycle;
  friend bool operator==(const CatalogueRecord&, const CatalogueRecord&) = default;
};
void encode(const CatalogueRecord& record, std::string& out);
std::optional<CatalogueRecord> decode_catalogue_record(std::string_view bytes);

// stock/ RECORD: [offer, available, unit_price, ... three per offer], absolute as of the header's
// `to`.
struct StockRow {
  std::string offer;
  std::int64_t available = 0;  // -1: withdrawn
  std::int64_t unit_price = 0;
  friend bool operator==(const StockRow&, const StockRow&) = default;
};
void encode(const std::vector<StockRow>& rows, std::string& out);
std::optional<std::vector<StockRow>> decode_stock_record(std::string_view bytes);

// cycle/ RECORD: the cycle, as encode(Cycle).

// Ledger entries, as FETCH answers them: RECORD per entry, [kind, time_ms, cycle, rows].
enum class LedgerKind : std::uint8_t {
  epoch = 0,      // [previous_epoch, previous_number]: entry 0 opens an epoch
  offer = 1,      // [sku, wanted, unit_price, offered_after, cut_after, available_after, ...six]
  sold = 2,       // [order, sku, quantity, unit_price, available_after, ... five per row]
  cancelled = 3,  // [order, sku, quantity, unit_price, offered_after, cut_after, available_after]
  state = 4,      // [order, part status, ... two per row]
  cycle = 5,      // [cycle, state, opens_at_ms, closes_at_ms]
};
std::string_view name_of(LedgerKind kind);

struct LedgerRow {
  std::string order;          // "" for offer rows
  std::string sku;            // "" for state and cycle rows
  std::int64_t quantity = 0;  // sold, cancelled; `wanted` for an offer; status for state
  std::int64_t unit_price = 0;
  std::int64_t offered_after = 0, cut_after = 0, available_after = 0;
};
// False for units and money that no ledger of ours has, and whose sums would overflow.
bool is_sound(const LedgerRow& row);
struct LedgerEntry {
  LedgerKind kind = LedgerKind::sold;
  std::int64_t time_ms = 0;
  std::string cycle;
  std::vector<LedgerRow> rows;                           // of offer, sold, cancelled, state
  std::int64_t previous_epoch = 0, previous_number = 0;  // epoch entries only
  Cycle transition;                                      // cycle entries only
};
// [kind, time_ms, cycle, [rows flat as above]]
std::optional<LedgerEntry> decode_ledger_entry(std::string_view bytes);

}  // namespace depot::protocol
