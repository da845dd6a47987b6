#include "manufacturer/production.hpp"

#include <algorithm>

namespace depot::manufacturer {
namespace {

constexpr std::uint64_t kParts = 1'000;

// FNV-1a: the same in every run and build, which std::hash does not promise.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

Production::Production(const std::vector<ProductionLine>& lines) {
  for (const ProductionLine& line : lines) lines_.push_back({line});
}

Made Production::decide(const std::map<std::string, Totals>& totals, TimePoint now) {
  // Of what is offered, and not as much as an offer may hold.
  const auto has_room = [this](const std::string& sku) {
    const auto row = std::ranges::find(catalogue_, sku, &protocol::OfferRow::sku);
    const auto made = made_.find(sku);
    return row != catalogue_.end() &&
           row->offered + (made == made_.end() ? 0 : made->second) < offered_max(row->unit_price);
  };
  Made batches;
  for (Line& line : lines_) {
    if (line.due == TimePoint{}) {
      line.due =
          now + line.every * static_cast<std::int64_t>(1 + hash_of(line.sku) % kParts) / kParts;
    }
    const auto total = totals.find(line.sku);
    const std::int64_t available = total == totals.end() ? 0 : total->second.available;
    line.standing = (line.pause_at > 0 && available >= line.pause_at) || !has_room(line.sku);
    if (line.standing) line.due = now + line.every;
    if (now < line.due) continue;
    batches[line.sku] = line.batch;
    made_[line.sku] += line.batch;
    line.due = std::max<TimePoint>(line.due + line.every, now);  // One late batch is made up for.
  }
  return batches;
}

std::vector<protocol::OfferRow> Production::wanted() const {
  std::vector<protocol::OfferRow> rows = catalogue_;
  for (protocol::OfferRow& row : rows) {
    const auto made = made_.find(row.sku);
    if (made != made_.end())
      row.offered = std::min(offered_max(row.unit_price), row.offered + made->second);
  }
  return rows;
}

}  // namespace depot::manufacturer
