// Ledger entries: from the wire and from an agent's file, and what is added up of them.
//
// Promises: the audit, which has a reader of its own, reads the same; an entry survives its file;
// a statement made of entries is decoded to what was encoded, and differs in nothing from itself.
#include "control/audit_reader.hpp"
#include "manufacturer/ledger.hpp"
#include "manufacturer/ledger_file.hpp"
#include "protocol/orders.hpp"
#include "protocol/statement_text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace depot::fuzz {
namespace {

using namespace depot::manufacturer;
namespace audit = depot::control::audit;
using protocol::LedgerEntry;
using protocol::LedgerKind;

void check_line(std::string_view line) {
  const std::optional<KeptEntry> kept = kept_from_json(line);
  if (!kept) return;
  const std::string once = to_json(*kept);
  must(once.find('\n') == once.npos, "an entry is a line");
  const std::optional<KeptEntry> again = kept_from_json(once);
  must(again && to_json(*again) == once, "decode(encode(x)) == x");
}

void check_entry(std::string_view bytes) {
  const std::optional<LedgerEntry> entry = protocol::decode_ledger_entry(bytes);
  const std::optional<audit::Entry> audited = audit::read_entry(bytes);
  if (!entry) return;
  must(audited.has_value(), "the audit reads what the agent reads");
  must(static_cast<int>(audited->kind) == static_cast<int>(entry->kind), "its kind");
  must(audited->cycle == entry->cycle, "its cycle");
  must(audited->previous.epoch == entry->previous_epoch &&
           audited->previous.number == entry->previous_number,
       "its place");
  if (entry->kind == LedgerKind::cycle) return;
  must(audited->rows.size() == entry->rows.size(), "its rows");
  for (std::size_t i = 0; i < entry->rows.size(); ++i) {
    const protocol::LedgerRow& row = entry->rows[i];
    const audit::EntryRow& other = audited->rows[i];
    must(row.order == other.order && row.sku == other.sku && row.quantity == other.quantity &&
             row.unit_price == other.price && row.available_after == other.available &&
             row.offered_after == other.offered && row.cut_after == other.cut,
         "each of its rows");
  }
}

void check_order(std::string_view bytes) {
  const std::optional<protocol::OrderRow> row = protocol::decode_order_row(bytes);
  const std::optional<audit::OrderRow> audited = audit::read_order(bytes);
  audit::read_position(bytes);
  audit::to_id(bytes);
  if (const auto at = audit::to_position(bytes)) {
    must(audit::to_position(at->text()) == at, "a position written anew is the same");
  }
  if (!row) return;
  must(audited && audited->customer == row->customer && audited->cycle == row->cycle &&
           audited->fingerprint == row->fingerprint && audited->lines.size() == row->lines.size() &&
           audited->parts.size() == row->parts.size(),
       "the audit reads the same order");
}

void check_statement(const protocol::Statement& statement) {
  std::string bytes;
  encode(statement, bytes);
  const auto again = protocol::decode_statement(bytes);
  must(again.has_value(), "a statement that was made is well-formed");
  must(protocol::hash_of(*again) == protocol::hash_of(statement), "decode(encode(x)) == x");
  must(protocol::differences(*again, statement).empty(), "it differs in nothing from itself");
  must(!protocol::to_csv(statement).empty(), "it has a CSV form");
  protocol::to_table(protocol::to_json(statement));
}

// A ledger of made-up entries, each: how far on its number is, its size, its bytes.
void check_ledger(Input& input) {
  Ledger ledger;
  Position next{1, 0};
  for (int count = 0; !input.empty() && count < 40; ++count) {
    const std::uint8_t step = input.byte();
    if (step >= 0xF0) next = {next.epoch + 1, 0};
    if (step >= 0xE0 && step < 0xF0) next.number += step & 15;
    const std::string_view bytes = input.sized_part();
    check_entry(bytes);
    const Ledger::Step done = ledger.add(next, bytes);
    if (done != Ledger::Step::added) continue;
    must(ledger.newest().position() == next, "the newest is what was added");
    check_line(to_json(ledger.newest()));
    news_of(ledger.newest().entry, {}, Currency());
    next.number += 1;
  }
  for (const std::string& cycle : {std::string("c"), std::string("d")}) {
    ledger.totals_of(cycle);
    must(ledger.contradictions(cycle).size() <= Ledger::kContradictionsMax, "a few are enough");
    const auto statement = ledger.statement(cycle, "m1", "EUR", 250);
    if (statement) check_statement(*statement);
    ledger.forget(cycle);
    must(!ledger.end_of(cycle) || !ledger.statement(cycle, "m1", "EUR", 250), "forgotten");
  }
}

}  // namespace
}  // namespace depot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  depot::fuzz::Input input(data, size);
  switch (input.byte() % 4) {
    case 0:
      depot::fuzz::check_line(input.rest());
      break;
    case 1:
      depot::fuzz::check_order(input.rest());
      break;
    case 2:
      depot::fuzz::check_entry(input.rest());
      break;
    default:
      depot::fuzz::check_ledger(input);
  }
  return 0;
}
