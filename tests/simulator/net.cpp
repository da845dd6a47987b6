#include "tests/simulator/net.hpp"

#include <algorithm>
#include <cstring>

#include "messaging/frame.hpp"
#include "messaging/sync_frame.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using messaging::FrameType;

namespace {

constexpr Duration kConnectMin = 20ms, kConnectMax = 1s;  // ZeroMQ's, as PROTOCOL.md has them

// Most are fast, some are not.
Duration delay(Random& random) {
  return random.between(50us, 250us) + (random.chance(10) ? random.between(0ms, 10ms) : 0ms);
}

// What its protocol says it can miss, hear twice or late.
bool may_be_lost(unsigned dealer, std::string_view frame) {
  if (frame.size() < messaging::kHeaderSize || frame[0] != 0x5A) {
    return dealer >= kFirstAgent;  // sync of an agent
  }
  const auto type = static_cast<FrameType>(frame[2]);
  return type == FrameType::hello || type == FrameType::welcome || type == FrameType::credit ||
         type == FrameType::ping || type == FrameType::pong || type == FrameType::reply ||
         type == FrameType::request;
}

}  // namespace

Net::Net(std::uint64_t seed, const TimePoint& now) : now_(now) {
  arrival.fill(TimePoint::max());
  for (unsigned a = 0; a < kNodes; ++a) {
    for (unsigned b = 0; b < kNodes; ++b) pairs_[a][b].random = Random(seed, 1000 + a * 100 + b);
  }
}

Item* Net::fresh(Item::Kind kind, unsigned from, TimePoint at) {
  if (free_.empty()) free_.push_back(&items_.emplace_back());
  Item* item = free_.back();
  free_.pop_back();
  item->kind = kind;
  item->from = from;
  item->at = at;
  item->connection = kNoConnection;
  return item;
}

void Net::give_back(Item* item) {
  item->done = nullptr;
  item->bytes.clear();
  free_.push_back(item);
}

void Net::put(unsigned node, Item* item) {
  const auto mix = [this](std::uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15 + (hash >> 29);
  };
  mix(static_cast<std::uint64_t>(item->at.time_since_epoch().count()) * kNodes + node);
  for (std::size_t i = 0; i < item->bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, item->bytes.data() + i, std::min<std::size_t>(8, item->bytes.size() - i));
    mix(word);
  }
  auto& inbox = inboxes_[node];
  auto at = inbox.end();
  while (at != inbox.begin() && (*std::prev(at))->at > item->at) --at;
  inbox.insert(at, item);
  arrival[node] = inbox.front()->at;
}

Item* Net::take(unsigned node) {
  if (taken_) give_back(taken_);
  taken_ = nullptr;
  auto& inbox = inboxes_[node];
  while (!inbox.empty() && inbox.front()->at <= now_) {
    Item* item = inbox.front();
    inbox.pop_front();
    arrival[node] = inbox.empty() ? TimePoint::max() : inbox.front()->at;
    if (item->connection == kNoConnection) return taken_ = item;
    Connection& connection = connections_[item->connection];
    const bool lost = item->sequence <= connection.ways[item->at_router].lost_upto;
    bool& open = connection.open[item->at_router];
    if (open && item->kind == Item::Kind::closed) {
      open = false;
      return taken_ = item;
    }
    if (open && !lost) return taken_ = item;
    give_back(item);
  }
  return nullptr;
}

std::uint32_t Net::connect(unsigned dealer, unsigned router) {
  if (!alive[router] || frozen_until[router] > now_ || pair(dealer, router).stalled > now_) {
    return kNoConnection;
  }
  const auto id = static_cast<std::uint32_t>(connections_.size());
  Connection& connection = connections_.emplace_back();
  connection.dealer = dealer;
  connection.router = router;
  connection.routing_id.assign(1, '\0');
  for (int shift = 0; shift < 32; shift += 8) {
    connection.routing_id.push_back(static_cast<char>(id >> shift));
  }
  connections_of_[dealer].push_back(id);
  connections_of_[router].push_back(id);
  return id;
}

std::uint32_t Net::connection_of(std::string_view routing_id) {
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    id |= std::uint32_t{static_cast<unsigned char>(routing_id[i + 1])} << (8 * i);
  }
  return id;
}

bool Net::is_open(std::uint32_t connection, bool at_router) const {
  return connections_[connection].open[at_router];
}

bool Net::send(std::uint32_t id, bool by_router, std::string_view frame) {
  Connection& connection = connections_[id];
  if (!connection.open[by_router]) return false;
  Item* item = fresh(Item::Kind::frame, by_router ? connection.router : connection.dealer, now_);
  item->bytes = frame;
  send_item(connection, id, by_router, item, may_be_lost(connection.dealer, frame));
  return true;
}

bool Net::send(std::uint32_t id, bool by_router, std::function<void()> done) {
  Connection& connection = connections_[id];
  if (!connection.open[by_router]) return false;
  Item* item = fresh(Item::Kind::done, by_router ? connection.router : connection.dealer, now_);
  item->done = std::move(done);
  send_item(connection, id, by_router, item, false);
  return true;
}

void Net::send_item(Connection& connection, std::uint32_t id, bool by_router, Item* item,
                    bool loose) {
  Pair& between = pair(connection.dealer, connection.router);
  Direction& way = connection.ways[by_router ? 0 : 1];
  const unsigned to = by_router ? connection.dealer : connection.router;
  item->connection = id;
  item->at_router = !by_router;
  item->sequence = ++way.sent;
  item->at = std::max(now_ + delay(between.random), between.stalled + 50us);
  loose = loose && between.losing > now_;
  if (loose && between.random.chance(10)) return give_back(item);
  if (loose && between.random.chance(10)) {
    Item* copy = fresh(item->kind, item->from, item->at + between.random.between(0ms, 300ms));
    copy->bytes = item->bytes;
    copy->connection = id;
    copy->at_router = !by_router;
    copy->sequence = item->sequence;
    put(to, copy);
  }
  if (loose && between.random.chance(20)) {
    item->at += between.random.between(0ms, 300ms);
  } else {
    item->at = way.last = std::max(item->at, way.last);
  }
  put(to, item);
}

void Net::close(std::uint32_t id, bool by_router, bool loses) {
  Connection& connection = connections_[id];
  if (!connection.open[by_router]) return;
  connection.open[by_router] = false;
  Direction& way = connection.ways[by_router ? 0 : 1];
  if (loses) way.lost_upto = way.sent;
  if (!connection.open[!by_router]) return;
  Item* item = fresh(Item::Kind::closed, by_router ? connection.router : connection.dealer, now_);
  send_item(connection, id, by_router, item, false);
}

void Net::publish(unsigned from, unsigned to, std::string bytes) {
  Pair& between = pair(from, to);
  if (!alive[to] || subscribed_at(from, to) > now_) return;
  const bool to_hub = to >= kFirstHub && to < kFirstAgent;
  const Pair& link = to_hub ? between : pair(to, from);
  const bool in_order = to < kFirstBalancer;
  const bool loose = link.losing > now_;
  if (loose && between.random.chance(15)) return;
  const bool twice = loose && !in_order && between.random.chance(10);
  for (int copies = twice ? 2 : 1; copies > 0; --copies) {
    TimePoint at = std::max(now_ + delay(between.random), link.stalled + 50us);
    if (loose && !in_order && between.random.chance(20)) at += between.random.between(0ms, 120ms);
    if (in_order) at = between.last_published = std::max(at, between.last_published);
    Item* item = fresh(Item::Kind::published, from, at);
    item->bytes = bytes;
    put(to, item);
  }
}

void Net::subscribe(unsigned subscriber, unsigned publisher) {
  Pair& between = pair(subscriber, publisher);
  between.subscribed = now_ + between.random.between(1ms, 300ms);
}

void Net::post(unsigned from, unsigned to, Duration late, std::function<void()> done) {
  Item* item = fresh(Item::Kind::done, from, now_ + late);
  item->done = std::move(done);
  put(to, item);
}

void Net::start(unsigned node) {
  alive[node] = true;
  for (unsigned other = 0; other < kNodes; ++other) {
    Pair& between = pair(node, other);
    between.subscribed = pair(other, node).subscribed = now_ + between.random.between(20ms, 500ms);
  }
}

void Net::stop(unsigned node, Random* random) {
  alive[node] = false;
  for (const std::uint32_t id : connections_of_[node]) {
    close(id, connections_[id].router == node, random && random->chance(50));
  }
  connections_of_[node].clear();
  if (taken_) give_back(taken_);
  taken_ = nullptr;
  for (Item* item : inboxes_[node]) give_back(item);
  inboxes_[node].clear();
  arrival[node] = TimePoint::max();
}

void Net::stall(unsigned a, unsigned b, TimePoint until) { pair(a, b).stalled = until; }
void Net::lose(unsigned a, unsigned b, TimePoint until) { pair(a, b).losing = until; }

void Net::cut(unsigned a, unsigned b) {
  for (const std::uint32_t id : connections_of_[a]) {
    Connection& connection = connections_[id];
    if (connection.router != b) continue;
    for (Direction& way : connection.ways) way.lost_upto = way.sent;
    for (const bool by_router : {false, true}) {
      if (!connection.open[!by_router]) continue;
      Item* item = fresh(Item::Kind::closed, by_router ? b : a, now_);
      send_item(connection, id, by_router, item, false);
    }
  }
}

void Net::heal() {
  const TimePoint soon = now_ + 1ms;
  for (auto& row : pairs_) {
    for (Pair& between : row) {
      between.stalled = between.losing = TimePoint{};
      between.last_published = std::min(between.last_published, soon);
    }
  }
  for (Connection& connection : connections_) {
    for (Direction& way : connection.ways) way.last = std::min(way.last, soon);
  }
  for (unsigned node = 0; node < kNodes; ++node) {  // What was held up arrives, in its order.
    for (Item* item : inboxes_[node]) item->at = std::min(item->at, soon);
    if (!inboxes_[node].empty()) arrival[node] = inboxes_[node].front()->at;
  }
}

bool Dealer::tick(TimePoint now) {
  if (connected() || now < due_) return false;
  connection_ = net_.connect(node_, router_);
  due_ = now + random_.between(backoff_ / 2, backoff_);
  backoff_ = connected() ? kConnectMin : std::min<Duration>(backoff_ * 2, kConnectMax);
  return connected();
}

void Dealer::reopen() {
  if (connected()) net_.close(connection_, false, random_.chance(50));
  connection_ = kNoConnection;
}

bool Dealer::on_closed(std::uint32_t connection) {
  if (connection != connection_) return false;
  connection_ = kNoConnection;
  return true;
}

}  // namespace depot::simulator
