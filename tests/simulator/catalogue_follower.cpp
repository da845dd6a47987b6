#include "tests/simulator/catalogue_follower.hpp"

#include "messaging/sync_frame.hpp"

namespace depot::simulator {

CatalogueFollower::CatalogueFollower(World& world, unsigned gateway, Random random)
    : world_(world),
      gateway_(gateway),
      random_(random),
      sync_(world.net, gateway, hub_, Random(random_.next())),
      news_(holder_, world.config),
      replica_(name_of_node(gateway), holder_, news_, metrics_, [] { return TimePoint(); }) {}

void CatalogueFollower::on_item(const Item& item, TimePoint local) {
  if (item.kind == Item::Kind::published && item.from == hub_) {
    const Published message(item.bytes);
    replica_.on_public(message.topic, message.header, message.body, local);
  } else if (item.connection == kNoConnection || item.connection != sync_.connection()) {
    return;
  } else if (item.kind == Item::Kind::closed) {
    sync_.on_closed(item.connection);
  } else {
    replica_.on_sync(item.bytes, local);
  }
}

void CatalogueFollower::tick(TimePoint local) {
  if (!std::exchange(connected_, true)) {  // New sockets, both.
    world_.net.subscribe(gateway_, hub_);
    replica_.connect(local);
  }
  sync_.tick(world_.now);
  replica_.tick(local);
  auto& outbox = replica_.outbox();
  while (!outbox.empty() && sync_.send(std::string_view(outbox.front()))) outbox.pop_front();
  if (!replica_.silent(local)) return;
  hub_ = kFirstHub + (hub_ + 1 - kFirstHub) % kHubs;
  sync_.reopen();
  sync_.turn_to(hub_);
  connected_ = false;
}

std::string CatalogueFollower::unfinished() const {
  const auto catalogue = holder_.get();
  for (const auto& [offer, name] : world_.store.names) {
    const auto item = catalogue->find(offer);
    if (!item) return offer + " is not in its catalogue";
    if (item->available != world_.store.stock.at(offer).available()) {
      return offer + " has another quantity in its catalogue";
    }
  }
  return "";
}

}  // namespace depot::simulator
