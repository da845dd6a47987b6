#include "protocol/sync.hpp"

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/money.hpp"
#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::string_view kLedgerKinds[] = {"epoch",     "offer", "sold",
                                             "cancelled", "state", "cycle"};

void read_inner_cycle(Reader& reader, Cycle& cycle) {
  if (reader.array() != kCycleFields) return reader.fail();
  read_cycle(reader, cycle);
}

// The fields of one row of each kind, in the order of LedgerKind.
constexpr std::size_t kLedgerRowFields[] = {2, 6, 5, 7, 2, 4};

void read_ledger_row(Reader& reader, LedgerKind kind, LedgerRow& row) {
  if (kind != LedgerKind::offer) read(reader, row.order);
  if (kind == LedgerKind::state) return read(reader, row.quantity);
  read(reader, row.sku, row.quantity, row.unit_price);
  if (kind != LedgerKind::sold) read(reader, row.offered_after, row.cut_after);
  read(reader, row.available_after);
  if (!is_sound(row)) reader.fail();
}

// Why no manufacturer may offer it; "" for one that is well.
std::string fault_of(const OfferRow& row) {
  if (!is_name_part(row.sku)) return "a sku that is not 1 to 64 of A-Z a-z 0-9 . _ -";
  if (row.unit_price < 1 || row.unit_price > kUnitPriceMax) {
    return fmt::format("{}: a unit price of {}, must be 1 to {}", row.sku, row.unit_price,
                       kUnitPriceMax);
  }
  const std::int64_t most = offered_max(row.unit_price);
  if (row.offered >= 0 && row.offered <= most) return "";
  return fmt::format("{}: {} units at {}, must be 0 to {}", row.sku, row.offered, row.unit_price,
                     most);
}

}  // namespace

void encode(const OfferRecord& record, std::string& out) {
  Writer writer(out);
  writer.array(2).string(record.cycle).array(record.rows.size() * 4);
  for (const OfferRow& row : record.rows) {
    write(writer, row.sku, row.name, row.unit_price, row.offered);
  }
}

std::optional<OfferRecord> decode_offer_record(std::string_view bytes, std::string* why) {
  return decode_array<OfferRecord>(bytes, 2, [why](Reader& reader, OfferRecord& record) {
    read(reader, record.cycle);
    const auto read_row = [&](OfferRow& row) {
      read(reader, row.sku, sized(row.name, 0, kProductNameMax), row.unit_price, row.offered);
      const std::string fault = reader.ok() ? fault_of(row) : "";
      if (fault.empty()) return;
      if (why) *why = fault;
      reader.fail();
    };
    read_rows(reader, 4, record.rows, read_row, kOfferRowsPerRecordMax);
  });
}

void encode(const SyncHello& hello, std::string& out) {
  if (!hello.manufacturer) return write_array(out, "gateway", hello.name);
  write_array(out, "manufacturer", hello.id, hello.name, hello.agent_epoch, hello.last_number,
              hello.ledger_epoch, hello.ledger_number);
}

std::optional<SyncHello> decode_sync_hello(std::string_view bytes) {
  Reader reader(bytes);
  std::optional<SyncHello> hello(std::in_place);
  const std::size_t fields = reader.array();
  const std::string_view role = reader.string();
  hello->manufacturer = fields == 7 && role == "manufacturer";
  if (!hello->manufacturer && (fields != 2 || role != "gateway")) return std::nullopt;
  if (hello->manufacturer) read(reader, hello->id);
  read(reader, sized(hello->name, 1, kProductNameMax));
  if (hello->manufacturer) {
    read(reader, hello->agent_epoch, hello->last_number, hello->ledger_epoch, hello->ledger_number);
    if (!is_name_part(hello->id)) return std::nullopt;
  }
  return reader.done() ? hello : std::nullopt;
}

void encode(const SyncWelcome& welcome, std::string& out) {
  Writer writer(out);
  writer.array(6).string(welcome.store_id);
  encode(welcome.cycle, out);
  write(writer, welcome.agent_epoch, welcome.last_number, welcome.ledger_epoch,
        welcome.ledger_number);
}

std::optional<SyncWelcome> decode_sync_welcome(std::string_view bytes) {
  return decode_array<SyncWelcome>(bytes, 6, [](Reader& reader, SyncWelcome& welcome) {
    read(reader, welcome.store_id);
    read_inner_cycle(reader, welcome.cycle);
    read(reader, welcome.agent_epoch, welcome.last_number, welcome.ledger_epoch,
         welcome.ledger_number);
  });
}

void encode(const SyncAsk& ask, std::string& out) {
  Writer writer(out);
  writer.array(1 + ask.arguments.size()).string(ask.verb);
  for (const std::string& argument : ask.arguments) writer.string(argument);
}

std::optional<SyncAsk> decode_sync_ask(std::string_view bytes) {
  Reader reader(bytes);
  std::optional<SyncAsk> ask(std::in_place);
  const std::size_t count = reader.array();
  if (count < 1 || count > 1 + kAskArgumentsMax) return std::nullopt;
  ask->verb = reader.string();
  while (reader.ok() && ask->arguments.size() + 1 < count) {
    ask->arguments.push_back(reader.is_integer() ? std::to_string(reader.integer())
                                                 : std::string(reader.string()));
  }
  return reader.done() ? ask : std::nullopt;
}

void encode(const CatalogueRecord& record, std::string& out) {
  Writer writer(out);
  writer.array(3).array(record.items.size() * 5);
  for (const CatalogueItem& item : record.items) {
    write(writer, item.offer, item.name, item.unit_price, item.available, item.withdrawn);
  }
  writer.array(record.manufacturers.size() * 2);
  for (const auto& [id, name] : record.manufacturers) writer.string(id).string(name);
  record.cycle ? encode(*record.cycle, out) : void(writer.nil());
}

std::optional<CatalogueRecord> decode_catalogue_record(std::string_view bytes) {
  return decode_array<CatalogueRecord>(bytes, 3, [](Reader& reader, CatalogueRecord& record) {
    read_rows(reader, 5, record.items, [&](CatalogueItem& item) {
      read(reader, item.offer, item.name, item.unit_price, item.available, item.withdrawn);
      if (!is_offer_id(item.offer)) reader.fail();
    });
    read_rows(reader, 2, record.manufacturers,
              [&](auto& manufacturer) { read(reader, manufacturer.first, manufacturer.second); });
    if (!reader.absent()) read_inner_cycle(reader, record.cycle.emplace());
  });
}

void encode(const std::vector<StockRow>& rows, std::string& out) {
  Writer writer(out);
  writer.array(rows.size() * 3);
  for (const StockRow& row : rows) write(writer, row.offer, row.available, row.unit_price);
}

std::optional<std::vector<StockRow>> decode_stock_record(std::string_view bytes) {
  Reader reader(bytes);
  std::optional<std::vector<StockRow>> rows(std::in_place);
  read_rows(reader, 3, *rows, [&](StockRow& row) {
    read(reader, row.offer, row.available, row.unit_price);
    if (!is_offer_id(row.offer)) reader.fail();
  });
  return reader.done() ? std::move(rows) : std::nullopt;
}

std::string_view name_of(LedgerKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < std::size(kLedgerKinds) ? kLedgerKinds[index] : "";
}

bool is_sound(const LedgerRow& row) {
  // The store counts in doubles. Units are added up: it takes nine million rows of the most.
  constexpr std::int64_t kExactMax = std::int64_t{1} << 53;
  const auto exact = [](std::int64_t value) { return value >= -kExactMax && value <= kExactMax; };
  return row.quantity >= 0 && row.quantity <= kOfferedMax && exact(row.unit_price) &&
         exact(row.offered_after) && exact(row.cut_after) && exact(row.available_after);
}

std::optional<LedgerEntry> decode_ledger_entry(std::string_view bytes) {
  return decode_array<LedgerEntry>(bytes, 4, [](Reader& reader, LedgerEntry& entry) {
    read(reader, up_to(entry.kind, LedgerKind::cycle), entry.time_ms, entry.cycle);
    if (!reader.ok()) return;
    if (entry.kind == LedgerKind::cycle) return read_inner_cycle(reader, entry.transition);
    const std::size_t fields = kLedgerRowFields[static_cast<std::size_t>(entry.kind)];
    if (entry.kind == LedgerKind::epoch) {
      if (reader.rows(fields) != 1) return reader.fail();
      return read(reader, entry.previous_epoch, entry.previous_number);
    }
    read_rows(reader, fields, entry.rows,
              [&](LedgerRow& row) { read_ledger_row(reader, entry.kind, row); });
  });
}

}  // namespace depot::protocol
