#include "protocol/orders.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/money.hpp"
#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::array<std::string_view, 5> kPartStatuses = {"paid", "in_realisation", "shipped",
                                                           "delivered", "cancelled"};

// What a repeat of the order must say again: mode, and the lines or the cart's version.
void write_wish(const PlaceOrder& order, Writer& writer) {
  writer.integer(static_cast<std::int64_t>(order.mode));
  if (order.cart_version) {
    writer.integer(*order.cart_version).nil();
    return;
  }
  writer.nil().array(order.lines.size() * 3);
  for (const OrderLine& line : order.lines) {
    writer.string(line.offer).integer(line.quantity);
    line.seen_price ? writer.integer(*line.seen_price) : writer.nil();
  }
}

void read_lines(Reader& reader, std::vector<OrderLine>& lines) {
  const std::size_t count = reader.rows(3);
  if (count < 1 || count > kOrderLinesMax) return reader.fail();
  lines.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    OrderLine line{.offer = std::string(reader.string()),
                   .quantity = reader.integer(1, kQuantityMax),
                   .seen_price = reader.optional_integer()};
    const bool ordered = lines.empty() || lines.back().offer < line.offer;
    if (!ordered || !is_offer_id(line.offer)) reader.fail();
    lines.push_back(std::move(line));
  }
}

void read_verdicts(Reader& reader, std::vector<LineVerdict>& verdicts) {
  for (std::size_t left = reader.rows(4); left > 0 && reader.ok(); --left) {
    verdicts.push_back({.offer = std::string(reader.string()),
                        .requested = reader.integer(),
                        .available = reader.integer(),
                        .problem = read_enum(reader, LineProblem::short_)});
  }
}

void read_row(Reader& reader, OrderRow& row) {
  row.fingerprint = read_sized(reader, kHashSize);
  row.customer = reader.string();
  row.placed_at_ms = reader.integer();
  row.cycle = reader.string();
  row.mode = read_enum(reader, OrderMode::available);
  for (std::size_t left = reader.rows(3); left > 0 && reader.ok(); --left) {
    row.parts.push_back({.manufacturer = std::string(reader.string()),
                         .epoch = reader.integer(),
                         .number = reader.integer()});
  }
  const std::size_t lines = reader.rows(4);
  row.lines.reserve(lines);
  for (std::size_t left = lines; left > 0 && reader.ok(); --left) {
    const std::int64_t part = reader.integer(0, std::ssize(row.parts) - 1);
    row.lines.push_back({.part = static_cast<std::uint32_t>(part),
                         .sku = std::string(reader.string()),
                         .quantity = reader.integer(),
                         .unit_price = reader.integer()});
  }
  read_verdicts(reader, row.refused);
}

constexpr std::size_t kRowFields = 8;

// Three elements of an array that is already open: a view inside a page, or a page of one.
void read_view(Reader& reader, OrderView& view) {
  view.order_id = read_sized(reader, kIdSize);
  if (reader.array() != kRowFields) return reader.fail();
  read_row(reader, view.row);
  for (std::size_t left = reader.array(); left > 0 && reader.ok(); --left) {
    view.statuses.push_back(read_enum(reader, PartStatus::cancelled));
  }
  if (view.statuses.size() != view.row.parts.size()) reader.fail();
}

}  // namespace

std::string fingerprint_of(const PlaceOrder& order) {
  std::string bytes;
  bytes.reserve(16 + order.lines.size() * 40);
  Writer writer(bytes);
  write_wish(order, writer);
  std::string hash = sha256(bytes);
  hash.resize(kHashSize);
  return hash;
}

void encode(const PlaceOrder& order, std::string& out) {
  Writer writer(out);
  writer.array(7);
  write_caller(order.caller, writer);
  writer.string(order.order_id).string(order.fingerprint);
  write_wish(order, writer);
}

std::optional<PlaceOrder> decode_place_order(std::string_view body) {
  return decode_array<PlaceOrder>(body, 7, [](Reader& reader, PlaceOrder& order) {
    read_caller(reader, order.caller);
    order.order_id = read_sized(reader, kIdSize);
    order.fingerprint = read_sized(reader, kHashSize);
    order.mode = read_enum(reader, OrderMode::available);
    order.cart_version = reader.optional_integer();
    if (!order.cart_version) return read_lines(reader, order.lines);
    if (!reader.absent()) reader.fail();
  });
}

std::string_view name_of(PartStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kPartStatuses.size() ? kPartStatuses[index] : "";
}

std::optional<OrderRow> decode_order_row(std::string_view row) {
  return decode_array<OrderRow>(row, kRowFields, read_row);
}

std::optional<Refusal> decode_refusal(std::string_view row) {
  return decode_array<Refusal>(row, 4, [](Reader& reader, Refusal& refusal) {
    const auto problem = problem_from_number(reader.unsigned_integer());
    if (!problem) return reader.fail();
    refusal.problem = *problem;
    read_verdicts(reader, refusal.items);
    if (!reader.absent()) {
      refusal.removed.emplace();
      for (std::size_t left = reader.array(); left > 0 && reader.ok(); --left) {
        refusal.removed->emplace_back(reader.string());
      }
    }
    reader
        .optional_integer();  // The cart's version is for the fingerprint's sake; nobody shows it.
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
  Writer writer(out);
  writer.array(4);
  write_caller(request.caller, writer);
  writer.integer(request.limit);
  request.before ? writer.integer(*request.before) : writer.nil();
}

std::optional<OrderPage> decode_order_page(std::string_view body) {
  if (body.empty() || body.front() != 'O') return std::nullopt;
  Reader reader(body.substr(1));
  OrderPage page;
  const std::size_t fields = reader.array();
  if (fields == 0) return std::nullopt;
  page.next = reader.optional_integer();
  for (std::size_t i = 1; i < fields && reader.ok(); ++i) {
    if (reader.array() != 3) return std::nullopt;
    read_view(reader, page.orders.emplace_back());
  }
  if (!reader.done()) return std::nullopt;
  return std::optional<OrderPage>(std::move(page));
}

void encode(const OrderRequest& request, std::string& out) {
  Writer writer(out);
  writer.array(3);
  write_caller(request.caller, writer);
  writer.string(request.order_id);
}

std::optional<ProblemReply> decode_problem(std::string_view body) {
  return decode_reply<ProblemReply>('X', body, 4, [](Reader& reader, ProblemReply& reply) {
    const auto problem = problem_from_number(reader.unsigned_integer());
    if (!problem) return reader.fail();
    reply.problem = *problem;
    reply.detail = reader.optional_string().value_or("");
    if (!reader.absent()) {
      for (std::size_t left = reader.array(); left > 0 && reader.ok(); --left) {
        reply.offers.emplace_back(reader.string());
      }
    }
    reply.retry_after_ms = reader.optional_integer().value_or(0);
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
