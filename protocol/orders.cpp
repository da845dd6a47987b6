#include "protocol/orders.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::string_view kPartStatuses[] = {"paid", "in_realisation", "shipped", "delivered",
                                              "cancelled"};
constexpr std::size_t kRowFields = 8;

// What a repeat of the order must say again: mode, and the lines or the cart's version.
void write_wish(const PlaceOrder& order, Writer& writer) {
  writer.integer(static_cast<std::int64_t>(order.mode));
  write(writer, order.cart_version);
  if (order.cart_version) {
    writer.nil();
    return;
  }
  writer.array(order.lines.size() * 3);
  for (const OrderLine& line : order.lines) {
    write(writer, line.offer, line.quantity, line.seen_price);
  }
}

void read_verdicts(Reader& reader, std::vector<LineVerdict>& verdicts) {
  read_rows(reader, 4, verdicts, [&](LineVerdict& verdict) {
    read(reader, verdict.offer, verdict.requested, verdict.available,
         up_to(verdict.problem, LineProblem::short_));
  });
}

void read_row(Reader& reader, OrderRow& row) {
  read(reader, sized(row.fingerprint, kHashSize), row.customer, row.placed_at_ms, row.cycle,
       up_to(row.mode, OrderMode::available));
  read_rows(reader, 3, row.parts,
            [&](OrderPart& part) { read(reader, part.manufacturer, part.epoch, part.number); });
  read_rows(reader, 4, row.lines, [&](PlacedLine& line) {
    read(reader, ranged(line.part, 0, std::ssize(row.parts) - 1), line.sku, line.quantity,
         line.unit_price);
  });
  read_verdicts(reader, row.refused);
}

// Three elements of an array that is already open: a view inside a page, or a page of one.
void read_view(Reader& reader, OrderView& view) {
  read(reader, sized(view.order_id, kIdSize));
  if (reader.array() != kRowFields) return reader.fail();
  read_row(reader, view.row);
  read_rows(reader, 1, view.statuses,
            [&](PartStatus& status) { read(reader, up_to(status, PartStatus::cancelled)); });
  if (view.statuses.size() != view.row.parts.size()) reader.fail();
}

Ranged<Problem> any_problem(Problem& problem) {
  return ranged(problem, 1, static_cast<std::int64_t>(Problem::timeout));
}

}  // namespace

std::string fingerprint_of(const PlaceOrder& order) {
  std::string bytes;
  bytes.reserve(16 + order.lines.size() * 40);
  Writer writer(bytes);
  write_wish(order, writer);
  return blake2b(bytes, kHashSize);
}

void encode(const PlaceOrder& order, std::string& out) {
  Writer writer(out);
  writer.array(7);
  write(writer, order.caller, order.order_id, order.fingerprint);
  write_wish(order, writer);
}

std::string_view name_of(PartStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < std::size(kPartStatuses) ? kPartStatuses[index] : "";
}

std::optional<OrderRow> decode_order_row(std::string_view row) {
  return decode_array<OrderRow>(row, kRowFields, read_row);
}

std::optional<Refusal> decode_refusal(std::string_view row) {
  return decode_array<Refusal>(row, 3, [](Reader& reader, Refusal& refusal) {
    read(reader, any_problem(refusal.problem));
    read_verdicts(reader, refusal.items);
    // Which version the refusal left: only a cart purchase has one.
    std::optional<std::int64_t> cart_version;
    read(reader, cart_version);
    if (!cart_version) return;
    refusal.removed.emplace();
    for (const LineVerdict& item : refusal.items) {
      if (item.available == 0) refusal.removed->push_back(item.offer);
    }
  });
}

PartStatus OrderView::status() const {
  // Cancelled is the highest number and always of the whole order, so the least is right.
  return statuses.empty() ? PartStatus::paid : *std::ranges::min_element(statuses);
}

std::optional<OrderView> decode_order_view(std::string_view body) {
  return decode_reply<OrderView>('O', body, 3, read_view);
}

void encode(const ListOrders& request, std::string& out) {
  write_array(out, request.caller, request.limit, request.before);
}

std::optional<OrderPage> decode_order_page(std::string_view body) {
  if (!body.starts_with('O')) return std::nullopt;
  Reader reader(body.substr(1));
  std::optional<OrderPage> page(std::in_place);
  const std::size_t fields = reader.array();
  if (fields == 0) return std::nullopt;
  read(reader, page->next);
  for (std::size_t i = 1; i < fields && reader.ok(); ++i) {
    if (reader.array() != 3) return std::nullopt;
    read_view(reader, page->orders.emplace_back());
  }
  return reader.done() ? std::move(page) : std::nullopt;
}

void encode(const OrderRequest& request, std::string& out) {
  write_array(out, request.caller, request.order_id);
}

std::optional<ProblemReply> decode_problem(std::string_view body) {
  return decode_reply<ProblemReply>('X', body, 4, [](Reader& reader, ProblemReply& reply) {
    read(reader, any_problem(reply.problem), or_nothing(reply.detail), or_nothing(reply.offers),
         or_nothing(reply.retry_after_ms));
  });
}

std::string encode_problem(const ProblemReply& problem) {
  std::string out = "X";
  Writer writer(out);
  writer.array(4).integer(static_cast<std::int64_t>(problem.problem)).string(problem.detail);
  writer.array(problem.offers.size());
  for (const std::string& offer : problem.offers) writer.string(offer);
  writer.integer(problem.retry_after_ms);
  return out;
}

}  // namespace depot::protocol
