// Bodies of order requests and what comes back, gateway <-> store function. The balancer never
// looks inside; the worker passes them on; store/functions/6*.lua and 70_orders.lua do the same.
//
// Threads: values.
// Errors:  decode_* return nullopt for anything not exactly of this form.
// Source:  docs/PROTOCOL.md, "Bodies".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "protocol/problem.hpp"

namespace depot::protocol {

inline constexpr std::size_t kOrderLinesMax = 1'024;

// Who asks: both come from the token; the function checks that they belong together.
struct Caller {
  SessionHash session;   // 16 bytes
  std::string customer;  // 16 characters
  friend bool operator==(const Caller&, const Caller&) = default;
};

enum class OrderMode : std::uint8_t { all_or_nothing = 0, available = 1 };

struct OrderLine {
  std::string offer;
  std::int64_t quantity = 0;
  std::optional<std::int64_t> seen_price;  // The price the customer saw; a verdict when it moved.
  std::size_t place = 0;  // Among the request's lines, for its error messages; it is not sent.
};

// body: [session, customer, order_id, fingerprint, mode, cart_version | nil,
//        nil | [offer, quantity, seen_price | nil, ... three per line]]
// Exactly one of cart_version and lines is not nil. Lines: equal offers already summed, sorted by
// offer, 1..1024 of them.
struct PlaceOrder {
  Caller caller;
  std::string order_id;
  std::string fingerprint;  // 16 bytes: fingerprint_of(...)
  OrderMode mode = OrderMode::all_or_nothing;
  std::optional<std::int64_t> cart_version;
  std::vector<OrderLine> lines;
};

// BLAKE2b of 16 bytes over the mode and the lines (or the cart's version) as encoded.
std::string fingerprint_of(const PlaceOrder& order);
void encode(const PlaceOrder& order, std::string& out);

// Status of one manufacturer's part, and of the order (its least advanced part).
enum class PartStatus : std::uint8_t {
  paid = 0,
  in_realisation = 1,
  shipped = 2,
  delivered = 3,
  cancelled = 4,
};
std::string_view name_of(PartStatus status);

// A line at fault: in a refusal, in `refused` of a part-filled order.
struct LineVerdict {
  std::string offer;
  std::int64_t requested = 0;
  std::int64_t available = 0;
  LineProblem problem = LineProblem::none;
};

struct PlacedLine {
  std::uint32_t part = 0;  // index into OrderRow::parts
  std::string sku;
  std::int64_t quantity = 0;
  std::int64_t unit_price = 0;
};

struct OrderPart {
  std::string manufacturer;
  std::int64_t epoch = 0;  // ledger epoch and number of the entry that sold it
  std::int64_t number = 0;
};

// An order as stored: immutable, and at the same time its own idempotency record.
// row: [fingerprint, customer, placed_at_ms, cycle, mode,
//       [manufacturer, epoch, number, ... three per part],
//       [part, sku, quantity, unit_price, ... four per line],
//       [offer, requested, available, problem, ... four per refused line]]
struct OrderRow {
  std::string fingerprint;
  std::string customer;
  std::int64_t placed_at_ms = 0;
  std::string cycle;
  OrderMode mode = OrderMode::all_or_nothing;
  std::vector<OrderPart> parts;
  std::vector<PlacedLine> lines;
  std::vector<LineVerdict> refused;
};
std::optional<OrderRow> decode_order_row(std::string_view row);

// A business verdict on POST /v1/orders, recorded for 24 to 48 hours.
// row: [problem, [offer, requested, available, line_problem, ...], cart_version | nil]
struct Refusal {
  Problem problem = Problem::insufficient_stock;
  std::vector<LineVerdict> items;
  // What left the cart: the lines of which nothing is available. nullopt: not a cart purchase.
  std::optional<std::vector<std::string>> removed;
};
std::optional<Refusal> decode_refusal(std::string_view row);

// What the place_order function answers, one string per order: a letter and the row behind it.
//   'P' + order row        placed now              'p' + order row   placed before (a replay)
//   'N' + refusal row      refused now, recorded   'n' + refusal row refused before (a replay)
//   'X' + problem row      not recorded: [problem, detail, offers [offer, ...], retry after ms]
// An order in a list: [order_id, row, [status of each part, ...]].
struct OrderView {
  std::string order_id;
  OrderRow row;
  std::vector<PartStatus> statuses;  // one per part
  PartStatus status() const;         // the least advanced; cancelled when all are
};
// "O" + one view, as get_order and cancel_order answer.
std::optional<OrderView> decode_order_view(std::string_view body);

// body: [session, customer, limit, before | nil]; before: the position a cursor named
struct ListOrders {
  Caller caller;
  int limit = 50;
  std::optional<std::int64_t> before;
};
void encode(const ListOrders& request, std::string& out);
// "O" + [next | nil, view, view, ...], newest first
struct OrderPage {
  std::vector<OrderView> orders;
  std::optional<std::int64_t> next;
};
std::optional<OrderPage> decode_order_page(std::string_view body);

// body of get_order and cancel_order: [session, customer, order_id]
struct OrderRequest {
  Caller caller;
  std::string order_id;
};
void encode(const OrderRequest& request, std::string& out);

// Any function's "no": 'X' + [problem, detail | nil, [offer, ...] | nil, retry_after_ms | nil]
struct ProblemReply {
  Problem problem = Problem::internal;
  std::string detail = {};
  std::vector<std::string> offers = {};
  std::int64_t retry_after_ms = 0;
};
std::optional<ProblemReply> decode_problem(std::string_view body);  // the letter included
std::string encode_problem(const ProblemReply& problem);            // the letter included

}  // namespace depot::protocol
