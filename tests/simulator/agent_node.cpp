#include <fmt/format.h>

#include "base/ids.hpp"
#include "messaging/sync_frame.hpp"
#include "tests/simulator/sync_nodes.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using manufacturer::Agent;
using manufacturer::Change;
using messaging::SyncHeader;
using messaging::SyncType;
using protocol::LedgerKind;

namespace {

constexpr Duration kAgentTick = 50ms;  // AgentLoop's
constexpr std::int64_t kPrice = 250;

}  // namespace

AgentNode::AgentNode(World& world, unsigned number) : Node(world, number) {
  for (unsigned i = 0; i < kHubs; ++i) {
    hubs_.emplace_back(world.net, number, kFirstHub + i, Random(random_.next()));
  }
  for (unsigned i = 0; i < kGoods; ++i) made_[fmt::format("s{}", i)] = 60;
}

void AgentNode::start() {
  const auto wall = world_.wall().time_since_epoch() / 1ms;
  agent_ = std::make_unique<Agent>(
      manufacturer::AgentOptions{.id = id(),
                                 .name = "Name of " + id(),
                                 .hubs = kHubs,
                                 .epoch_min = static_cast<std::uint64_t>(wall),
                                 .accept_after = 2s},
      *this, journal_);
  make(0);
}

void AgentNode::stop() {
  for (Dealer& hub : hubs_) hub.reopen();
  if (random_.chance(50)) {
    for (const Change& change : unwritten_) manufacturer::apply(journal_, change);
  }
  unwritten_.clear();
  file_ = agent_->ledger();
  agent_.reset();
}

void AgentNode::lose_files(std::uint32_t detail) {
  if (detail % 5 == 0) journal_ = {};
  if (detail % 5 == 0 || detail % 5 == 1) file_ = {};
}

void AgentNode::turn() {
  const TimePoint now = local();
  while (Item* item = world_.net.take(number_)) {
    if (item->kind == Item::Kind::published) {
      const Published message(item->bytes);
      agent_->on_published(message.topic, message.header, message.body, now);
      continue;
    }
    for (std::size_t hub = 0; hub < hubs_.size(); ++hub) {
      if (item->connection != hubs_[hub].connection()) continue;
      if (item->kind == Item::Kind::closed) {
        hubs_[hub].on_closed(item->connection);
      } else {
        spoil(item->bytes);
        agent_->on_sync(hub, item->bytes, now);
      }
      break;
    }
  }
  for (Dealer& hub : hubs_) hub.tick(world_.now);
  agent_->on_tick(now, world_.wall());
  tick_due = world_.now + kAgentTick;
}

// The mistakes of an agent.
void AgentNode::spoil(std::string& frame) {
  SyncHeader header;
  if (!read_sync_header(frame, header) || header.type != SyncType::record) return;
  const std::string body = frame.substr(messaging::kSyncHeaderSize);
  const auto& ledger = agent_->ledger();
  if (world_.options.mistake == Mistake::entries_applied_twice && !ledger.empty() &&
      header.to <= ledger.newest().number) {
    if (const auto entry = protocol::decode_ledger_entry(body)) count(*entry);
  }
  if (world_.options.mistake == Mistake::gap_skipped && !ledger.empty() &&
      header.to > ledger.newest().number) {
    header.from = header.to = ledger.newest().number + 1;
    frame.clear();
    write_sync_header(header, frame);
    frame += body;
  }
}

void AgentNode::publish(std::string_view topic, std::string_view header, std::string_view body) {
  for (unsigned i = 0; i < kHubs; ++i) {
    world_.net.publish(number_, kFirstHub + i, Published::pack(topic, header, body));
  }
}

void AgentNode::make(std::uint32_t detail) {
  if (detail != 0) {
    const std::string sku = fmt::format("s{}", detail % kGoods);
    withdrawn_[sku] = detail % 64 == 1;
    made_[sku] += 20 + detail / 64 % 40;
  }
  if (!agent_) return;
  std::vector<protocol::OfferRow> rows;
  for (const auto& [sku, units] : made_) {
    if (!withdrawn_[sku]) rows.push_back({sku, "Good " + sku, kPrice, units});
  }
  agent_->set_offers(rows);
}

void AgentNode::keep(const Change& change) {
  unwritten_.push_back(change);
  if (change.kind == Change::Kind::acknowledged) return;
  for (const Change& one : unwritten_) {
    if (!manufacturer::apply(journal_, one)) throw Violation("a change that does not follow");
  }
  unwritten_.clear();
}

manufacturer::Ledger AgentNode::open_ledger(const std::string&) {
  sold_.clear();
  for (const auto& kept : file_.entries()) count(kept.entry);
  return file_;
}

void AgentNode::on_dropped(manufacturer::Position) {
  throw Violation("an agent drops entries, and no older state was restored");
}

void AgentNode::on_entry(const manufacturer::KeptEntry& kept, bool) {
  ++entries_;
  count(kept.entry);
}

void AgentNode::count(const protocol::LedgerEntry& entry) {
  if (entry.kind != LedgerKind::sold) return;
  for (const auto& row : entry.rows) sold_[row.sku] += row.quantity;
}

std::string AgentNode::unfinished() const {
  const Store& store = world_.store;
  if (!agent_->settled()) return "not settled";
  const std::string& cycle = agent_->state().cycle;
  if (!agent_->ledger().contradictions(cycle).empty()) return "its ledger does not balance";
  const auto& totals = agent_->ledger().totals_of(cycle);
  std::size_t mine = 0;
  for (const auto& [offer, stock] : store.stock) {
    if (manufacturer_of(offer) != id()) continue;
    ++mine;
    const std::string sku(sku_of(offer));
    const auto found = totals.find(sku);
    if (found == totals.end()) return sku + " is not in its ledger";
    const manufacturer::Totals expected{stock.wanted, stock.unit_price, stock.offered,
                                        stock.sold,   stock.cut,        stock.available()};
    if (found->second != expected) return sku + " differs";
    const auto sold = sold_.find(sku);
    if ((sold == sold_.end() ? 0 : sold->second) != stock.sold) return sku + ": sold differs";
    const auto away = withdrawn_.find(sku);
    const bool gone = away != withdrawn_.end() && away->second;
    if (stock.wanted != (gone ? 0 : made_.at(sku))) return sku + " is not offered as wanted";
  }
  return mine == totals.size() && mine > 0 ? "" : "other goods than the store has";
}

}  // namespace depot::simulator
