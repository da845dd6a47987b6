// An agent's side of its ledger: fetches it, accepts its sales, compares it with what is stated.
#include <algorithm>
#include <utility>

#include "manufacturer/agent.hpp"

namespace depot::manufacturer {

using messaging::kNoPosition;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;
using protocol::OfferRow;

constexpr Duration kAcceptEvery = std::chrono::seconds(1);

void Agent::open_ledger(const std::string& store_id) {
  ledger_ = actions_.open_ledger(store_id);
  young_.clear();
  early_.clear();
  head_ = to_accept_ = accepted_ = {};
  caught_up_ = fetching_ = false;
  for (const KeptEntry& kept : ledger_.entries()) note_sales(kept);
  if (ledger_.empty()) return;
  for (Session& session : sessions_) session.doubted = true;  // It is to know our position.
}

void Agent::on_entry(Position at, std::string_view body, TimePoint now) {
  Ledger::Step step = add_entry(at, body);
  while (step == Ledger::Step::added) {
    const auto next = early_.take_next(ledger_);
    if (!next) break;
    step = add_entry(next->first, next->second);
  }
  // Where nothing is missing, or something that was passed over, END is not waited for: it may be
  // lost.
  const bool more_comes = early_.empty() && !ledger_.reaches(head_);
  fetching_ = fetching_ && more_comes;
  fetch_due_ = more_comes ? now + options_.silence_max : std::min(fetch_due_, now + kFetchAgain);
}

Ledger::Step Agent::add_entry(Position at, std::string_view body) {
  const Ledger::Step step = ledger_.add(at, body);
  if (const std::optional<Position> left = ledger_.take_dropped()) {
    young_.clear();
    for (const KeptEntry& kept : ledger_.entries()) note_sales(kept);
    to_accept_ = std::min(to_accept_, *left);
    accepted_ = {};  // What was accepted there is not known.
    actions_.on_dropped(*left);
  }
  if (step == Ledger::Step::malformed) {
    actions_.on_trouble(SyncError::refused, "a ledger entry that cannot be read");
  }
  if (step == Ledger::Step::gap) {
    early_.keep(at, body);
    head_ = std::max(head_, at);
  }
  if (step != Ledger::Step::added) return step;
  note_sales(ledger_.newest());
  actions_.on_entry(ledger_.newest(), caught_up_);
  return step;
}

void Agent::note_sales(const KeptEntry& kept) {
  if (!options_.accept_after || kept.entry.kind != protocol::LedgerKind::sold) return;
  const auto second = [](std::int64_t ms) { return ms / 1'000; };
  const std::int64_t time = kept.entry.time_ms;
  const bool apart = young_.empty() || second(young_.back().time_ms) != second(time);
  if (apart) young_.emplace_back();
  young_.back() = {time, kept.position()};
}

// Cumulative: what a lost one said, the next one says too. Again each second until it is echoed.
void Agent::accept_due(TimePoint now, WallTime wall) {
  const auto after = options_.accept_after.value_or(std::chrono::milliseconds(0));
  const std::int64_t old_ms = (wall - after).time_since_epoch().count();
  while (!young_.empty() && young_.front().time_ms <= old_ms) {
    to_accept_ = std::max(to_accept_, young_.front().at);
    young_.pop_front();
  }
  if (to_accept_ <= accepted_ || now < accept_due_) return;
  accept_due_ = now + kAcceptEvery;
  send(any_hub(), {.type = SyncType::accept, .epoch = to_accept_.epoch, .to = to_accept_.number});
}

void Agent::note_head(Position head) {
  if (head <= head_) return;
  head_ = head;
  if (!fetching_) fetch_due_ = {};
}

// Whatever the cause (goods on sale that we have never heard of, records of an agent before us, a
// restored data set): what the ledger says otherwise is stated again.
void Agent::compare_with_ledger() {
  const auto& totals = ledger_.totals_of(state_.cycle);
  std::vector<OfferRow> rows;
  for (const auto& [sku, row] : state_.offers) {
    const auto total = totals.find(sku);
    const std::int64_t wanted = total == totals.end() ? 0 : total->second.wanted;
    const bool price = total == totals.end() || total->second.unit_price == row.unit_price;
    if (wanted != row.offered || !price) rows.push_back(row);
  }
  for (const auto& [sku, total] : totals) {  // Without a name it keeps its own.
    if (total.wanted == 0 || state_.offers.contains(sku)) continue;
    rows.push_back({sku, "", total.unit_price, 0});
  }
  compared_ = rows.empty();
  state_offers(rows);
}

void Agent::fetch(TimePoint now) {
  const bool again = std::exchange(fetching_, true);
  comparing_ = state_.records.empty();
  fetch_due_ = now + (again ? options_.silence_max : options_.resend_after);
  SyncHeader header{.type = SyncType::fetch, .from = kNoPosition};
  if (!ledger_.empty()) {
    header.epoch = ledger_.newest().epoch;
    header.from = ledger_.newest().number + 1;
  }
  send(any_hub(), header);
}

Position Agent::accept_all() {
  if (!ledger_.empty()) to_accept_ = std::max(to_accept_, ledger_.newest().position());
  accept_due_ = {};
  return to_accept_;
}

std::uint64_t Agent::behind() const {
  if (ledger_.reaches(head_) || head_.epoch == 0) return 0;
  const bool same_epoch = !ledger_.empty() && ledger_.newest().epoch == head_.epoch;
  return same_epoch ? head_.number - ledger_.newest().number : head_.number + 1;
}

}  // namespace depot::manufacturer
