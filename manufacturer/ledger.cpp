#include "manufacturer/ledger.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <tuple>

#include "base/clock.hpp"

namespace depot::manufacturer {

constexpr std::size_t kNewsMax = 10;  // Lines about one entry; a person reads no more.

using protocol::LedgerEntry;
using protocol::LedgerKind;
using protocol::LedgerRow;

bool Ledger::reaches(std::uint64_t epoch, std::uint64_t number) const {
  return !empty() && std::tie(newest().epoch, newest().number) >= std::tie(epoch, number);
}

Ledger::Step Ledger::add(std::uint64_t epoch, std::uint64_t number, std::string_view bytes) {
  if (reaches(epoch, number)) return Step::known;
  const bool next = !empty() && epoch == newest().epoch && number == newest().number + 1;
  if (!next && number != 0) return Step::gap;
  std::optional<LedgerEntry> entry = protocol::decode_ledger_entry(bytes);
  if (!entry || (number == 0) != (entry->kind == LedgerKind::epoch)) return Step::malformed;
  if (number == 0) {
    const auto previous_epoch = static_cast<std::uint64_t>(entry->previous_epoch);
    const auto previous_number = static_cast<std::uint64_t>(entry->previous_number);
    // An older state of the data was restored: what we hold above it did not happen there.
    drop_above(previous_epoch, previous_number);
    if (previous_epoch != 0 && !reaches(previous_epoch, previous_number)) return Step::gap;
  }
  count(*entry);
  entries_.push_back({epoch, number, std::move(*entry)});
  return Step::added;
}

void Ledger::drop_above(std::uint64_t epoch, std::uint64_t number) {
  if (empty() || std::tie(newest().epoch, newest().number) <= std::tie(epoch, number)) return;
  std::vector<KeptEntry> kept = std::move(entries_);
  *this = {};
  for (KeptEntry& old : kept) {
    if (std::tie(old.epoch, old.number) > std::tie(epoch, number)) break;
    count(old.entry);
    entries_.push_back(std::move(old));
  }
}

void Ledger::count(const LedgerEntry& entry) {
  if (entry.cycle != cycle_) {
    totals_.clear();
    cycle_ = entry.cycle;
  }
  const bool offer = entry.kind == LedgerKind::offer;
  const bool cancelled = entry.kind == LedgerKind::cancelled;
  if (!offer && !cancelled && entry.kind != LedgerKind::sold) return;
  for (const LedgerRow& row : entry.rows) {
    Totals& total = totals_[row.sku];
    if (offer) total.wanted = row.quantity, total.unit_price = row.unit_price;
    if (!offer) total.sold += cancelled ? -row.quantity : row.quantity;
    if (offer || cancelled) total.offered = row.offered_after, total.cut = row.cut_after;
    total.available = row.available_after;
    balanced_ = balanced_ && total.offered == total.available + total.sold + total.cut;
  }
}

std::vector<std::string> news_of(const LedgerEntry& entry,
                                 const std::map<std::string, protocol::OfferRow>& offers,
                                 const Currency& currency) {
  std::vector<std::string> news;
  if (entry.kind != LedgerKind::sold && entry.kind != LedgerKind::cancelled) return news;
  const bool sold = entry.kind == LedgerKind::sold;
  for (const LedgerRow& row : entry.rows) {
    if (news.size() >= kNewsMax) {
      news.push_back(fmt::format("and more: {} lines in this batch", entry.rows.size()));
      break;
    }
    const auto offer = offers.find(row.sku);
    const std::string& name = offer == offers.end() ? row.sku : offer->second.name;
    news.push_back(fmt::format("{} {} x {} ({}) at {}; {} left", sold ? "sold" : "cancelled",
                               row.quantity, name, row.order,
                               format_money(row.unit_price, currency), row.available_after));
    if (sold && row.available_after == 0) news.push_back(name + " is sold out");
  }
  return news;
}

std::string to_json(const KeptEntry& kept) {
  const LedgerEntry& entry = kept.entry;
  boost::json::array rows;
  for (const LedgerRow& row : entry.rows) {
    rows.push_back({{"order", row.order},
                    {"sku", row.sku},
                    {"quantity", row.quantity},
                    {"unit_price", row.unit_price},
                    {"offered", row.offered_after},
                    {"cut", row.cut_after},
                    {"available", row.available_after}});
  }
  const WallTime time{std::chrono::milliseconds(entry.time_ms)};
  return boost::json::serialize(
      boost::json::object{{"epoch", kept.epoch},
                          {"number", kept.number},
                          {"kind", name_of(entry.kind)},
                          {"time", to_rfc3339(time)},
                          {"cycle", entry.cycle},
                          {"previous", {entry.previous_epoch, entry.previous_number}},
                          {"state", static_cast<int>(entry.transition.state)},
                          {"rows", std::move(rows)}});
}

}  // namespace depot::manufacturer
