#include "customer_gateway/catalogue_replica.hpp"

#include <algorithm>
#include <utility>

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using messaging::PublicKind;
using messaging::SyncHeader;
using messaging::SyncType;

constexpr Duration kSilenceMax = 2s;
constexpr Duration kAnswerMax = 2s;
constexpr Duration kUnansweredMax = 2 * kAnswerMax;
constexpr Duration kHelloEvery = 200ms;
constexpr std::size_t kHeldMax = 10'000;  // Beyond it the rest is a gap, and fetched.

}  // namespace

CatalogueReplica::CatalogueReplica(std::string name, CatalogueHolder& holder, StockNews& news,
                                   Metrics& metrics, TimePoint (*clock)())
    : name_(std::move(name)),
      clock_(clock),
      holder_(holder),
      news_(news),
      gaps_(metrics.counter("depot_catalogue_gaps_total", "Gaps in the feed, fetched again")),
      snapshots_(metrics.counter("depot_catalogue_snapshots_total", "Snapshots taken")),
      malformed_(metrics.counter("depot_catalogue_malformed_total", "Messages without a sense")),
      products_(metrics.gauge("depot_catalogue_offers", "Offers in the catalogue")) {}

void CatalogueReplica::connect(TimePoint now) {
  heard_ = answered_ = now;
  unanswered_ = false;
  greet(now);
}

void CatalogueReplica::greet(TimePoint now) {
  phase_ = Phase::greeting;
  progress_ = now;
  outbox_.clear();
  protocol::SyncHello hello;
  hello.name = name_;
  std::string body;
  encode(hello, body);
  say(SyncType::hello, 0, 0, body);
}

void CatalogueReplica::say(SyncType type, std::uint64_t epoch, std::uint64_t from,
                           std::string_view body) {
  std::string frame;
  write_sync_header(SyncHeader{.type = type, .epoch = epoch, .from = from}, frame);
  outbox_.push_back(frame.append(body));
}

void CatalogueReplica::fetch(TimePoint now) {
  gaps_.add();
  phase_ = Phase::waiting;
  progress_ = now;
  std::uint64_t lowest = messaging::kNoPosition;
  for (const auto& follower : followers_) lowest = std::min(lowest, follower.last());
  say(SyncType::fetch, followers_[0].epoch(), lowest + 1);
}

void CatalogueReplica::snapshot(TimePoint now) {
  phase_ = Phase::waiting;
  progress_ = now;
  for (auto& follower : followers_) follower.forget();
  say(SyncType::snapshot, 0, 0);
}

void CatalogueReplica::on_public(std::string_view topic, std::string_view header_bytes,
                                 std::string_view body, TimePoint now) {
  const auto* known = std::ranges::find(kTopics, topic);
  SyncHeader header;
  if (known == std::end(kTopics) || !read_sync_header(header_bytes, header)) {
    return malformed_.add();
  }
  const auto kind = static_cast<PublicKind>(known - kTopics + 1);
  heard_ = now;
  if (phase_ == Phase::live) return handle(kind, header, body, now);
  if (held_.size() < kHeldMax) held_.push_back({kind, header, std::string(body)});
}

void CatalogueReplica::handle(PublicKind kind, const SyncHeader& header, std::string_view body,
                              TimePoint now) {
  switch (follower(kind).see(header)) {
    case messaging::Follower::Step::duplicate:
      return;
    case messaging::Follower::Step::gap:
      return fetch(now);
    case messaging::Follower::Step::other_epoch:
      return snapshot(now);
    case messaging::Follower::Step::apply:
      break;
  }
  if (header.type != SyncType::record || apply(kind, body, now)) return;
  malformed_.add();
  snapshot(now);
}

void CatalogueReplica::on_sync(std::string_view frame, TimePoint now) {
  SyncHeader header;
  if (!read_sync_header(frame, header)) return malformed_.add();
  const std::string_view body = frame.substr(messaging::kSyncHeaderSize);
  switch (header.type) {
    case SyncType::welcome: {
      if (phase_ != Phase::greeting) return;
      const auto& first = followers_[0];
      const bool same = first.has_position() && first.epoch() == header.epoch;
      return same ? fetch(now) : snapshot(now);
    }
    case SyncType::snapshot:
      progress_ = answered_ = now;
      return on_part(header, body);
    case SyncType::record: {
      const bool known = header.flags >= 1 && header.flags <= followers_.size();
      if (phase_ != Phase::waiting || !known) return;
      progress_ = answered_ = now;
      const auto kind = static_cast<PublicKind>(header.flags);
      if (header.to <= follower(kind).last()) return;
      follower(kind).set(header.epoch, header.to);
      if (!apply(kind, body, now)) malformed_.add();
      return;
    }
    case SyncType::end:
      return on_end(header, now);
    case SyncType::error:
      if (header.flags == static_cast<std::uint32_t>(messaging::SyncError::say_hello)) greet(now);
      return;
    default:
      return;
  }
}

void CatalogueReplica::on_part(const SyncHeader& header, std::string_view body) {
  if (phase_ != Phase::waiting) return;
  if (header.flags == 0) {
    in_snapshot_ = true;
    parts_.clear();
    part_manufacturers_.clear();
  }
  auto record = protocol::decode_catalogue_record(body);
  if (!record) return malformed_.add();
  std::ranges::move(record->items, std::back_inserter(parts_));
  for (auto& [id, name] : record->manufacturers) part_manufacturers_[id] = std::move(name);
  if (!record->cycle) return;
  cycle_ = record->cycle->id;
  holder_.set_cycle(std::move(*record->cycle));
}

void CatalogueReplica::on_end(const SyncHeader& header, TimePoint now) {
  if (phase_ != Phase::waiting) return;
  const bool all_anew = std::exchange(in_snapshot_, false);
  // The end of a FETCH whose records asked for a snapshot: that is still to come.
  if (!all_anew && !followers_[0].has_position()) return;
  for (auto& follower : followers_) {
    const bool keep = !all_anew && follower.has_position() && follower.last() > header.to;
    follower.set(header.epoch, keep ? follower.last() : header.to);
  }
  if (all_anew) {
    snapshots_.add();
    replace(std::exchange(parts_, {}), std::exchange(part_manufacturers_, {}));
    news_.renew();
  }
  phase_ = Phase::live;
  holder_.set_ready(true);
  for (const Held& held : std::exchange(held_, {})) {
    if (phase_ != Phase::live) {
      held_.push_back(held);  // A gap among them: the rest waits once more.
    } else {
      handle(held.kind, held.header, held.body, now);
    }
  }
}

bool CatalogueReplica::apply(PublicKind kind, std::string_view body, TimePoint now) {
  bool good = false;
  if (kind == PublicKind::stock) good = apply_stock(body);
  if (kind == PublicKind::catalogue) good = apply_catalogue(body);
  if (kind == PublicKind::cycle) {
    const auto cycle = protocol::decode_cycle(body);
    good = cycle.has_value();
    // Offers that are not stated for the new cycle are withdrawn: only a snapshot says which.
    if (good && std::exchange(cycle_, cycle->id) != cycle->id) snapshot(now);
    if (good) holder_.set_cycle(*cycle);
    news_.cycle_changed();
  }
  holder_.changed();
  return good;
}

bool CatalogueReplica::apply_stock(std::string_view body) {
  const auto rows = protocol::decode_stock_record(body);
  if (!rows) return false;
  for (const protocol::StockRow& row : *rows) {
    catalogue_->set(row.offer, row.available, row.unit_price);
    news_.changed(row.offer);
    const auto pending = pending_.find(row.offer);
    if (pending == pending_.end()) continue;
    pending->second.available = row.available;
    pending->second.unit_price = row.unit_price;
    pending->second.withdrawn = row.available < 0;
  }
  return true;
}

bool CatalogueReplica::apply_catalogue(std::string_view body) {
  auto record = protocol::decode_catalogue_record(body);
  if (!record) return false;
  for (auto& [id, name] : record->manufacturers) {
    const auto known = catalogue_->manufacturers().find(id);
    const bool same = known != catalogue_->manufacturers().end() && known->second == name;
    if (!same) pending_manufacturers_[id] = std::move(name);
  }
  for (protocol::CatalogueItem& item : record->items) {
    const auto known = catalogue_->find(item.offer);
    if (known && known->name == item.name && !pending_.contains(item.offer)) {
      catalogue_->set(item.offer, item.available, item.unit_price);
      if (item.withdrawn) catalogue_->withdraw(item.offer);
      news_.changed(item.offer);
    } else {
      pending_[item.offer] = std::move(item);
    }
  }
  return true;
}

void CatalogueReplica::rebuild(TimePoint now) {
  const TimePoint started = clock_();
  auto items = catalogue_->items();
  for (auto& [offer, item] : pending_) {
    news_.changed(offer);
    items.push_back(std::move(item));
  }
  auto manufacturers = catalogue_->manufacturers();
  for (auto& [id, name] : pending_manufacturers_) manufacturers[id] = std::move(name);
  replace(items, std::move(manufacturers));
  // At most a third of the time goes into it, however large the catalogue.
  rebuild_due_ = now + 3 * (clock_() - started);
}

void CatalogueReplica::replace(const std::vector<protocol::CatalogueItem>& items,
                               Catalogue::Manufacturers manufacturers) {
  pending_.clear();
  pending_manufacturers_.clear();
  catalogue_ = std::make_shared<Catalogue>(items, std::move(manufacturers));
  products_.set(static_cast<std::int64_t>(catalogue_->size()));
  holder_.replace(catalogue_);
}

void CatalogueReplica::tick(TimePoint now) {
  const bool stale = !pending_.empty() || !pending_manufacturers_.empty();
  if (stale && phase_ == Phase::live && now >= rebuild_due_) rebuild(now);
  news_.publish(now);
  const Duration waited = now - progress_;
  if (phase_ == Phase::greeting && waited >= kHelloEvery && outbox_.empty()) {
    greet(now);
  } else if (phase_ == Phase::waiting && waited >= kAnswerMax) {
    greet(now);
  }
  if (phase_ == Phase::live) answered_ = now;
  if (now - answered_ < kUnansweredMax) return;
  unanswered_ = true;
  holder_.set_ready(false);
  // What was asked for may be what cannot come: next time it is everything anew.
  for (auto& follower : followers_) follower.forget();
}

bool CatalogueReplica::silent(TimePoint now) const {
  return unanswered_ || now - heard_ >= kSilenceMax;
}

}  // namespace depot::customer_gateway
