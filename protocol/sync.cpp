#include "protocol/sync.hpp"

#include <array>

#include "base/ids.hpp"
#include "base/money.hpp"
#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::array<std::string_view, 6> kLedgerKinds = {"epoch",     "offer", "sold",
                                                          "cancelled", "state", "cycle"};
// Totals add up over a cycle; far above any, and sums of them stay below 2^53.
constexpr std::int64_t kOfferedMax = 1'000'000'000'000;

void write_optional(std::optional<std::int64_t> value, Writer& writer) {
  value ? writer.integer(*value) : writer.nil();
}

void read_cycle(Reader& reader, Cycle& cycle) {
  if (reader.array() != 4) return reader.fail();
  cycle.id = reader.string();
  cycle.state = read_enum(reader, CycleState::settled);
  cycle.opens_at_ms = reader.integer();
  cycle.closes_at_ms = reader.integer();
}

std::string read_product_name(Reader& reader, std::size_t size_min = 1) {
  const std::string_view name = reader.string();
  if (name.size() < size_min || name.size() > kProductNameMax) reader.fail();
  return std::string(name);
}

void read_offer_rows(Reader& reader, std::vector<OfferRow>& rows) {
  const std::size_t count = reader.rows(4);
  if (count > kOfferRowsPerRecordMax) return reader.fail();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    rows.push_back({.sku = std::string(reader.string()),
                    .name = read_product_name(reader, 0),
                    .unit_price = reader.integer(0, kUnitPriceMax),
                    .offered = reader.integer(0, kOfferedMax)});
    if (!is_name_part(rows.back().sku)) reader.fail();
  }
}

// The fields of one row of each kind, in the order of LedgerKind.
constexpr std::array<std::size_t, 6> kLedgerRowFields = {2, 6, 5, 7, 2, 4};

LedgerRow read_ledger_row(Reader& reader, LedgerKind kind) {
  LedgerRow row;
  const bool changes_offer = kind == LedgerKind::offer || kind == LedgerKind::cancelled;
  if (kind != LedgerKind::offer) row.order = reader.string();
  if (kind != LedgerKind::state) row.sku = reader.string();
  row.quantity = reader.integer();
  if (kind == LedgerKind::state) return row;
  row.unit_price = reader.integer();
  if (changes_offer) {
    row.offered_after = reader.integer();
    row.cut_after = reader.integer();
  }
  row.available_after = reader.integer();
  return row;
}

}  // namespace

void encode(const OfferRecord& record, std::string& out) {
  Writer writer(out);
  writer.array(2).string(record.cycle).array(record.rows.size() * 4);
  for (const OfferRow& row : record.rows) {
    writer.string(row.sku).string(row.name).integer(row.unit_price).integer(row.offered);
  }
}

std::optional<OfferRecord> decode_offer_record(std::string_view bytes) {
  return decode_array<OfferRecord>(bytes, 2, [](Reader& reader, OfferRecord& record) {
    record.cycle = reader.string();
    read_offer_rows(reader, record.rows);
  });
}

void encode(const SyncHello& hello, std::string& out) {
  Writer writer(out);
  if (!hello.manufacturer) {
    writer.array(2).string("gateway").string(hello.name);
    return;
  }
  writer.array(7).string("manufacturer").string(hello.id).string(hello.name);
  write_optional(hello.agent_epoch, writer);
  write_optional(hello.last_number, writer);
  write_optional(hello.ledger_epoch, writer);
  write_optional(hello.ledger_number, writer);
}

std::optional<SyncHello> decode_sync_hello(std::string_view bytes) {
  Reader reader(bytes);
  SyncHello hello;
  const std::size_t fields = reader.array();
  const std::string_view role = reader.string();
  if (fields == 7 && role == "manufacturer") {
    hello.manufacturer = true;
    hello.id = reader.string();
    hello.name = read_product_name(reader);
    hello.agent_epoch = reader.optional_integer();
    hello.last_number = reader.optional_integer();
    hello.ledger_epoch = reader.optional_integer();
    hello.ledger_number = reader.optional_integer();
    if (!is_name_part(hello.id)) return std::nullopt;
  } else if (fields == 2 && role == "gateway") {
    hello.name = read_product_name(reader);
  } else {
    return std::nullopt;
  }
  return reader.done() ? std::optional(std::move(hello)) : std::nullopt;
}

void encode(const SyncWelcome& welcome, std::string& out) {
  Writer writer(out);
  writer.array(6).string(welcome.store_id);
  encode(welcome.cycle, out);
  writer.integer(welcome.agent_epoch).integer(welcome.last_number);
  writer.integer(welcome.ledger_epoch).integer(welcome.ledger_number);
}

std::optional<SyncWelcome> decode_sync_welcome(std::string_view bytes) {
  return decode_array<SyncWelcome>(bytes, 6, [](Reader& reader, SyncWelcome& welcome) {
    welcome.store_id = reader.string();
    read_cycle(reader, welcome.cycle);
    welcome.agent_epoch = reader.integer();
    welcome.last_number = reader.integer();
    welcome.ledger_epoch = reader.integer();
    welcome.ledger_number = reader.integer();
  });
}

void encode(const CatalogueRecord& record, std::string& out) {
  Writer writer(out);
  writer.array(3).array(record.items.size() * 5);
  for (const CatalogueItem& item : record.items) {
    writer.string(item.offer).string(item.name).integer(item.unit_price);
    writer.integer(item.available).boolean(item.withdrawn);
  }
  writer.array(record.manufacturers.size() * 2);
  for (const auto& [id, name] : record.manufacturers) writer.string(id).string(name);
  record.cycle ? encode(*record.cycle, out) : void(writer.nil());
}

std::optional<CatalogueRecord> decode_catalogue_record(std::string_view bytes) {
  return decode_array<CatalogueRecord>(bytes, 3, [](Reader& reader, CatalogueRecord& record) {
    const std::size_t items = reader.rows(5);
    record.items.reserve(items);
    for (std::size_t left = items; left > 0 && reader.ok(); --left) {
      record.items.push_back({.offer = std::string(reader.string()),
                              .name = std::string(reader.string()),
                              .unit_price = reader.integer(),
                              .available = reader.integer(),
                              .withdrawn = reader.boolean()});
      if (!is_offer_id(record.items.back().offer)) reader.fail();
    }
    for (std::size_t left = reader.rows(2); left > 0 && reader.ok(); --left) {
      const std::string_view id = reader.string();
      record.manufacturers.emplace_back(id, reader.string());
    }
    if (!reader.absent()) read_cycle(reader, record.cycle.emplace());
  });
}

void encode(const std::vector<StockRow>& rows, std::string& out) {
  Writer writer(out);
  writer.array(rows.size() * 3);
  for (const StockRow& row : rows) {
    writer.string(row.offer).integer(row.available).integer(row.unit_price);
  }
}

std::optional<std::vector<StockRow>> decode_stock_record(std::string_view bytes) {
  Reader reader(bytes);
  std::vector<StockRow> rows;
  const std::size_t count = reader.rows(3);
  rows.reserve(count);
  for (std::size_t left = count; left > 0 && reader.ok(); --left) {
    rows.push_back({.offer = std::string(reader.string()),
                    .available = reader.integer(),
                    .unit_price = reader.integer()});
    if (!is_offer_id(rows.back().offer)) reader.fail();
  }
  return reader.done() ? std::optional(std::move(rows)) : std::nullopt;
}

std::string_view name_of(LedgerKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kLedgerKinds.size() ? kLedgerKinds[index] : "";
}

std::optional<LedgerEntry> decode_ledger_entry(std::string_view bytes) {
  return decode_array<LedgerEntry>(bytes, 4, [](Reader& reader, LedgerEntry& entry) {
    entry.kind = read_enum(reader, LedgerKind::cycle);
    entry.time_ms = reader.integer();
    entry.cycle = reader.string();
    if (entry.kind == LedgerKind::cycle) return read_cycle(reader, entry.transition);
    const std::size_t rows = reader.rows(kLedgerRowFields[static_cast<std::size_t>(entry.kind)]);
    if (entry.kind == LedgerKind::epoch) {
      if (rows != 1) return reader.fail();
      entry.previous_epoch = reader.integer();
      entry.previous_number = reader.integer();
      return;
    }
    entry.rows.reserve(rows);
    for (std::size_t left = rows; left > 0 && reader.ok(); --left) {
      entry.rows.push_back(read_ledger_row(reader, entry.kind));
    }
  });
}

}  // namespace depot::protocol
