// Bodies of what an enrolled manufacturer asks for itself, by its token; and the pages of `depot
// manufacturer list`, which asks Redis without a worker between.
//
// Threads: values.
// Errors:  decode_* return nullopt for anything not exactly of this form.
// Source:  docs/PROTOCOL.md, "Bodies"; store/functions/80_enrolled.lua.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "protocol/sync.hpp"

namespace depot::protocol {

// Who asks: both come from the token; the function checks that they belong together.
struct ManufacturerCaller {
  std::string manufacturer;
  SessionHash secret;  // 16 bytes
};

// body of manufacturer_offers: [manufacturer, secret, [offer, ...]], at most 100 of them; without
// any it only tells who asks
struct OwnOffersRequest {
  ManufacturerCaller caller;
  std::vector<std::string> offers;
};
void encode(const OwnOffersRequest& request, std::string& out);

struct OwnOffer {
  std::string offer;
  std::int64_t unit_price = 0;
  std::int64_t wanted = 0, offered = 0, cut = 0, sold = 0;
  std::int64_t refused = 0;  // units that customers wanted and did not get
};
// Reply: [manufacturer's name, [offer, price, wanted, offered, cut, sold, refused, ... seven
// each]], of the offers asked for those that the current cycle has.
struct OwnOffers {
  std::string name;
  std::vector<OwnOffer> offers;
};
std::optional<OwnOffers> decode_own_offers(std::string_view body);

// A row of an entry of the manufacturer's ledger; rows count from 1.
struct LedgerPlace {
  std::int64_t epoch = 0, number = 0, row = 0;
};

// body of manufacturer_sales: [manufacturer, secret, limit, nil | [epoch, number, row]]
struct SalesRequest {
  ManufacturerCaller caller;
  std::int64_t limit = 50;
  std::optional<LedgerPlace> before;
};
void encode(const SalesRequest& request, std::string& out);

struct Sale {
  std::int64_t epoch = 0, number = 0;
  LedgerKind kind = LedgerKind::sold;  // or cancelled
  std::int64_t time_ms = 0;
  std::string order, sku;
  std::int64_t quantity = 0, unit_price = 0;
};
// Reply: [nil | [epoch, number, row],
//         [epoch, number, kind, time_ms, order, sku, quantity, unit_price, ... eight per row]],
// newest first. A page may be empty and yet have a next one.
struct SalesPage {
  std::optional<LedgerPlace> next;
  std::vector<Sale> sales;
};
std::optional<SalesPage> decode_sales_page(std::string_view body);

// body of manufacturer_statements: [manufacturer, secret, limit, nil | cycle]: those of the cycles
// before that one
struct StatementsRequest {
  ManufacturerCaller caller;
  std::int64_t limit = 50;
  std::optional<std::string> before;
};
void encode(const StatementsRequest& request, std::string& out);

// body of manufacturer_statement: [manufacturer, secret, cycle, first byte]
struct StatementRequest {
  ManufacturerCaller caller;
  std::string cycle;
  std::int64_t first = 0;  // the bytes of it that are here already
};
void encode(const StatementRequest& request, std::string& out);

// Reply: [agrees | nil, answered_ms | nil, detail | nil, size of the pack, its bytes from the first
// on, at most 200 KiB], or X not_found. The answer as in AnsweredStatement, the pack as in
// decode_statement (statement.hpp).
struct StatementPiece {
  std::optional<std::int64_t> agrees, answered_ms;
  std::string detail;
  std::size_t size = 0;
  std::string bytes;
};
std::optional<StatementPiece> decode_statement_piece(std::string_view body);

struct StatementSummary {
  std::string cycle;
  CycleState state = CycleState::closed;
  std::int64_t units = 0, gross = 0, fee = 0, net = 0;
  std::optional<std::int64_t> agrees;  // 1, 0; nullopt: nothing said yet
};
// Reply: [nil | cycle, [cycle, state, units, gross, fee, net, agrees | nil, ... seven per row]],
// newest first.
struct StatementsPage {
  std::optional<std::string> next;
  std::vector<StatementSummary> rows;
};
std::optional<StatementsPage> decode_statements_page(std::string_view body);

// One of list_manufacturers_v1: [next cursor, [id, name, enrolled_ms | false, epoch, number, ...]]
struct ManufacturerRow {
  std::string id, name;
  std::optional<std::int64_t> enrolled_ms;
  std::int64_t epoch = 0, number = 0;  // of its ledger's newest entry; epoch 0: it has none
};
struct ManufacturerPage {
  std::string next;  // "0" at the end
  std::vector<ManufacturerRow> rows;
};
std::optional<ManufacturerPage> decode_manufacturer_page(std::string_view body);

}  // namespace depot::protocol
