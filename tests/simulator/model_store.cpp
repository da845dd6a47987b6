#include "tests/simulator/model_store.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "protocol/msgpack.hpp"

namespace depot::manufacturer_hub {

using protocol::LedgerKind;
using protocol::Writer;

namespace {

std::string array_of(std::size_t count, const std::string& values) {
  std::string bytes;
  Writer(bytes).array(count);
  return bytes + values;
}

}  // namespace

protocol::SyncWelcome ModelStore::hello(const protocol::SyncHello& hello) {
  Maker& maker = makers_[hello.id];
  const auto at_epoch = static_cast<std::uint64_t>(hello.ledger_epoch.value_or(0));
  const auto at_number = static_cast<std::uint64_t>(hello.ledger_number.value_or(0));
  const bool above = std::pair(at_epoch, at_number) > std::pair(maker.epoch, maker.number);
  if (maker.epoch == 0 || above) {
    std::string bytes, rows;
    Writer(rows).integer(static_cast<std::int64_t>(maker.epoch));
    Writer(rows).integer(static_cast<std::int64_t>(maker.number));
    Writer(bytes).array(4).integer(0).integer(1).string(cycle.id);
    maker.epoch = std::max(maker.epoch, at_epoch) + 1;
    maker.number = 0;
    ledgers_[hello.id].push_back({maker.epoch, 0, bytes + array_of(2, rows)});
  }
  if (manufacturers[hello.id] != hello.name) {
    manufacturers[hello.id] = hello.name;
    std::string pair;
    Writer(pair).array(2).string(hello.id).string(hello.name);
    add_feed({{"c", "1"}, {"w", pair}});
  }
  return {store_id,
          cycle,
          static_cast<std::int64_t>(maker.agent_epoch),
          static_cast<std::int64_t>(maker.last),
          static_cast<std::int64_t>(maker.epoch),
          static_cast<std::int64_t>(maker.number)};
}

OfferAnswer ModelStore::offer(const std::string& id, std::uint64_t epoch, std::uint64_t number,
                              const std::string& bytes) {
  Maker& maker = makers_[id];
  const auto answer = [&maker](OfferVerdict verdict) {
    return OfferAnswer{verdict, maker.agent_epoch, maker.last};
  };
  if (epoch < maker.agent_epoch) return answer(OfferVerdict::old_epoch);
  if (epoch == maker.agent_epoch && number <= maker.last) return answer(OfferVerdict::duplicate);
  if (number != (epoch == maker.agent_epoch ? maker.last + 1 : 1)) return answer(OfferVerdict::gap);
  maker.agent_epoch = epoch;
  maker.last = number;
  const auto record = protocol::decode_offer_record(bytes);
  if (record->cycle != cycle.id) return answer(OfferVerdict::stale_cycle);
  std::string rows, values, named;
  std::size_t changed = 0, new_names = 0;
  for (const protocol::OfferRow& row : record->rows) {
    const std::string offer_id = make_offer_id(id, row.sku);
    const bool known = stock.contains(offer_id);
    ModelStock& s = stock[offer_id];
    if (!known || (!row.name.empty() && names[offer_id] != row.name)) {
      if (!row.name.empty()) names[offer_id] = row.name;
      Writer(named).string(offer_id).string(names[offer_id]);
      ++new_names;
    }
    s.unit_price = row.unit_price;
    s.wanted = row.offered;
    const std::int64_t target = std::max(s.wanted, s.sold), net = s.offered - s.cut;
    if (target > net) s.offered += target - net;
    if (target < net) s.cut += net - target;
    Writer(values).string(offer_id).integer(s.wanted == 0 ? -1 : s.available());
    Writer(values).integer(s.unit_price);
    Writer(rows).string(row.sku).integer(s.wanted).integer(s.unit_price).integer(s.offered);
    Writer(rows).integer(s.cut).integer(s.available());
    ++changed;
  }
  Fields fields = {{"s", array_of(changed * 3, values)}};
  if (new_names > 0) {
    fields.emplace_back("c", "1");
    fields.emplace_back("n", array_of(new_names * 2, named));
  }
  add_entry(id, LedgerKind::offer, array_of(changed * 6, rows), std::move(fields));
  return answer(OfferVerdict::applied);
}

bool ModelStore::sell(const std::string& offer, std::int64_t quantity) {
  const auto found = stock.find(offer);
  if (found == stock.end() || found->second.available() < quantity) return false;
  ModelStock& s = found->second;
  s.sold += quantity;
  std::string rows, values;
  Writer(rows).array(5).string("ORDER").string(sku_of(offer)).integer(quantity);
  Writer(rows).integer(s.unit_price).integer(s.available());
  Writer(values).array(3).string(offer).integer(s.available()).integer(s.unit_price);
  add_entry(std::string(manufacturer_of(offer)), LedgerKind::sold, rows, {{"s", values}});
  return true;
}

void ModelStore::start_cycle(const std::string& id) {
  cycle.id = id;
  stock.clear();
  std::string row;
  encode(cycle, row);
  add_feed({{"y", row}});
}

void ModelStore::add_entry(const std::string& id, LedgerKind kind, const std::string& rows,
                           Fields fields) {
  Maker& maker = makers_[id];
  ++maker.number;
  std::string bytes, head;
  Writer(bytes).array(4).integer(static_cast<std::int64_t>(kind)).integer(1).string(cycle.id);
  ledgers_[id].push_back({maker.epoch, maker.number, bytes + rows});
  Writer(head).array(3).string(id).integer(static_cast<std::int64_t>(maker.epoch));
  Writer(head).integer(static_cast<std::int64_t>(maker.number));
  fields.emplace_back("m", head);
  add_feed(std::move(fields));
}

std::vector<LedgerLine> ModelStore::ledger(const std::string& id, std::uint64_t epoch,
                                           std::uint64_t from) const {
  std::vector<LedgerLine> page;
  const auto found = ledgers_.find(id);
  if (found == ledgers_.end()) return page;
  const auto position = [](const Line& line) { return std::pair(line.epoch, line.number); };
  auto line = std::ranges::lower_bound(found->second, std::pair(epoch, from), {}, position);
  for (; line != found->second.end() && page.size() < kPageEntries; ++line) {
    page.push_back({line->epoch, line->number, line->bytes});
  }
  return page;
}

std::vector<FeedEntry> ModelStore::feed(std::uint64_t from) const {
  std::vector<FeedEntry> page;
  const std::size_t oldest = feed_.size() - std::min(feed_.size(), feed_kept);
  for (std::size_t i = std::max<std::size_t>(from, oldest);
       i < feed_.size() && page.size() < kPageEntries; ++i) {
    page.push_back({i, {}});
    for (const auto& [name, bytes] : feed_[i]) page.back().fields.emplace_back(name, bytes);
  }
  return page;
}

CataloguePage ModelStore::catalogue(const std::string& cursor, std::string& bytes) const {
  constexpr std::size_t kItems = 7;  // Small pages: several parts.
  protocol::CatalogueRecord record;
  std::size_t index = 0;
  const std::size_t first = std::stoul(cursor);
  for (const auto& [offer, name] : names) {
    if (index++ < first || record.items.size() == kItems) continue;
    const auto found = stock.find(offer);
    const bool here = found != stock.end(), withdrawn = !here || found->second.wanted == 0;
    record.items.push_back({offer, name, here ? found->second.unit_price : 0,
                            here ? found->second.available() : 0, withdrawn});
  }
  record.manufacturers.assign(manufacturers.begin(), manufacturers.end());
  record.cycle = cycle;
  encode(record, bytes);
  const bool last = first + kItems >= names.size();
  return {last ? "0" : std::to_string(first + kItems), feed_.size() - 1, bytes};
}

}  // namespace depot::manufacturer_hub
