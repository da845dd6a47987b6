#include "manufacturer/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace depot::manufacturer {

constexpr std::size_t kNewsMax = 10;  // Lines about one entry; a person reads no more.

using protocol::CycleState;
using protocol::LedgerEntry;
using protocol::LedgerKind;
using protocol::LedgerPosition;
using protocol::LedgerRow;

namespace {

LedgerPosition on_wire(const Position& at) {
  return {static_cast<std::int64_t>(at.epoch), static_cast<std::int64_t>(at.number)};
}

void move(Totals& total, LedgerKind kind, const LedgerRow& row) {
  const bool offer = kind == LedgerKind::offer, cancelled = kind == LedgerKind::cancelled;
  if (offer) total.wanted = row.quantity, total.unit_price = row.unit_price;
  if (!offer) total.sold += cancelled ? -row.quantity : row.quantity;
  if (offer || cancelled) total.offered = row.offered_after, total.cut = row.cut_after;
  total.available = row.available_after;
}

bool moves_goods(const LedgerEntry& entry) {
  return entry.kind == LedgerKind::offer || entry.kind == LedgerKind::sold ||
         entry.kind == LedgerKind::cancelled;
}

}  // namespace

bool Ledger::reaches(Position at) const { return !empty() && newest().position() >= at; }

bool Ledger::may_follow(Position at) const {
  return at.number == 0 || (!empty() && at == Position{newest().epoch, newest().number + 1});
}

Ledger::Step Ledger::add(Position at, std::string_view bytes) {
  if (reaches(at)) return Step::known;
  if (!may_follow(at)) return Step::gap;
  std::optional<LedgerEntry> entry = protocol::decode_ledger_entry(bytes);
  return entry ? add({at.epoch, at.number, std::move(*entry)}) : Step::malformed;
}

Ledger::Step Ledger::add(KeptEntry kept) {
  if (reaches(kept.position())) return Step::known;
  if (!may_follow(kept.position())) return Step::gap;
  if ((kept.number == 0) != (kept.entry.kind == LedgerKind::epoch)) return Step::malformed;
  if (!std::ranges::all_of(kept.entry.rows, protocol::is_sound)) return Step::malformed;
  if (kept.number == 0) {
    const Position previous{static_cast<std::uint64_t>(kept.entry.previous_epoch),
                            static_cast<std::uint64_t>(kept.entry.previous_number)};
    // An older state of the data was restored: what we hold above it did not happen there.
    drop_above(previous);
    if (previous.epoch != 0 && !reaches(previous)) return Step::gap;
  }
  count(kept);
  entries_.push_back(std::move(kept));
  return Step::added;
}

const std::map<std::string, Totals>& Ledger::totals_of(const std::string& cycle) const {
  static const std::map<std::string, Totals> nothing;
  return cycle == cycle_ ? totals_ : nothing;
}

void Ledger::drop_above(Position position) {
  if (empty() || newest().position() <= position) return;
  std::deque<KeptEntry> kept = std::move(entries_);
  const std::vector<End> ends = std::move(ends_);
  const Position forgotten = forgotten_;
  *this = {};
  dropped_ = Position{};
  if (position <= forgotten) return;  // Of what was before it nothing can be counted any more.
  dropped_ = position;
  forgotten_ = forgotten;
  for (const End& end : ends) {
    if (end.at <= forgotten) ends_.push_back(end);
  }
  for (KeptEntry& old : kept) {
    if (old.position() > position) break;
    count(old);
    entries_.push_back(std::move(old));
  }
  if (entries_.empty()) *this = {}, dropped_ = Position{};
}

// The entries of orders' parts and of settlement name a cycle that has ended, while the current one
// runs: they move no goods.
void Ledger::count(const KeptEntry& kept) {
  const LedgerEntry& entry = kept.entry;
  const bool moves = moves_goods(entry);
  const CycleState state = entry.transition.state;
  const bool turns = entry.kind == LedgerKind::cycle;
  if (turns && state == CycleState::closed) ends_.push_back({entry.cycle, kept.position()});
  const bool begins = turns && (state == CycleState::open || state == CycleState::collecting);
  if (!moves && !begins) return;
  if (entry.cycle != cycle_) {
    totals_.clear();
    cycle_ = entry.cycle;
  }
  if (!moves) return;
  for (const LedgerRow& row : entry.rows) move(totals_[row.sku], entry.kind, row);
}

std::vector<std::string> Ledger::contradictions(const std::string& cycle) const {
  std::map<std::string, Totals> totals;
  std::vector<std::string> found;
  for (const KeptEntry& kept : entries_) {
    if (kept.entry.cycle != cycle || !moves_goods(kept.entry)) continue;
    for (const LedgerRow& row : kept.entry.rows) {
      Totals& total = totals[row.sku];
      move(total, kept.entry.kind, row);
      const auto add = [&](const std::string& what) {
        if (found.size() == kContradictionsMax) return;
        found.push_back(fmt::format("entry {}-{}: {} {}", kept.epoch, kept.number, row.sku, what));
      };
      const bool sold = kept.entry.kind == LedgerKind::sold;
      if (sold && row.unit_price != total.unit_price) {
        add(fmt::format("sold at {}, offered at {}", row.unit_price, total.unit_price));
      }
      if (total.offered != total.available + total.sold + total.cut) {
        add(fmt::format("offered {} is not {} available + {} sold + {} cut", total.offered,
                        total.available, total.sold, total.cut));
      }
    }
  }
  return found;
}

std::optional<protocol::Statement> Ledger::statement(const std::string& cycle,
                                                     const std::string& manufacturer,
                                                     const std::string& currency,
                                                     std::int64_t fee_rate) const {
  const auto end = std::ranges::find(ends_, cycle, &End::cycle);
  if (end == ends_.end() || end->at <= forgotten_) return std::nullopt;
  Position from{1, 0};
  if (end != ends_.begin()) from = {(end - 1)->at.epoch, (end - 1)->at.number + 1};
  protocol::StatementBuilder builder(cycle, manufacturer, currency, fee_rate, on_wire(from));
  for (const KeptEntry& kept : entries_) builder.add(on_wire(kept.position()), kept.entry);
  return builder.finish();
}

std::optional<LedgerPosition> Ledger::end_of(const std::string& cycle) const {
  const auto end = std::ranges::find(ends_, cycle, &End::cycle);
  return end == ends_.end() ? std::nullopt : std::optional(on_wire(end->at));
}

void Ledger::forget(const std::string& cycle) {
  const auto end = std::ranges::find(ends_, cycle, &End::cycle);
  if (end == ends_.end()) return;
  while (entries_.size() > 1 && entries_.front().position() <= end->at) entries_.pop_front();
  forgotten_ = std::max(forgotten_, end->at);
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

}  // namespace depot::manufacturer
