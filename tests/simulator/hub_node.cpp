#include "messaging/sync_frame.hpp"
#include "tests/simulator/other_nodes.hpp"
#include "tests/simulator/request_nodes.hpp"
#include "tests/simulator/sync_nodes.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using manufacturer_hub::CataloguePage;
using manufacturer_hub::FeedEntry;
using manufacturer_hub::LedgerLine;
using manufacturer_hub::OfferAnswer;
using messaging::Sent;

namespace {

constexpr Duration kHubTick = 50ms;  // HubLoop's

Error error_of(ErrorCode code) { return {code, "the store is not there"}; }

}  // namespace

HubNode::HubNode(World& world, unsigned number)
    : Node(world, number),
      commands_(world.net, number, Random(random_.next())),
      feed_(world.net, number, Random(random_.next())) {}

void HubNode::start() {
  life_ = std::make_unique<Life>(*this);
  subscribed_ = {};
}

void HubNode::stop() {
  commands_.forget();
  feed_.forget();
  life_.reset();
}

void HubNode::turn() {
  const TimePoint now = local();
  commands_.tick(world_.now);
  feed_.tick(world_.now);
  while (Item* item = world_.net.take(number_)) {
    if (item->kind == Item::Kind::done) {
      item->done();
    } else if (item->kind == Item::Kind::closed) {
      commands_.on_closed(item->connection);
      feed_.on_closed(item->connection);
    } else if (item->kind == Item::Kind::published) {
      const Published message(item->bytes);
      life_->hub.on_published(message.topic, message.header, message.body, now);
    } else {
      life_->hub.on_sync(world_.net.routing_id(item->connection), item->bytes, now);
    }
  }
  follow_store();
  watch_subscriptions();
  life_->hub.on_tick(now, world_.wall());
  commands_.flush();
  feed_.flush();
  const Duration pace = life_->hub.publishing() ? world_.config.hub.pace : kHubTick;
  tick_due = world_.now + pace;
}

void HubNode::watch_subscriptions() {
  const auto watch = [this](unsigned node, std::initializer_list<std::string> topics) {
    const TimePoint at = world_.net.subscribed_at(number_, node);
    if (!world_.net.alive[node] || at > world_.now || at == subscribed_[node]) return;
    subscribed_[node] = at;
    for (const std::string& topic : topics) life_->hub.on_subscription(topic);
  };
  for (unsigned i = kFirstAgent; i < kFirstAgent + kAgents; ++i) {
    watch(i, {"head/" + name_of_node(i) + "/", "cycle/"});
  }
  for (unsigned i = kFirstGateway; i < kFirstGateway + kGateways; ++i) {
    if (follows(i)) watch(i, {"stock/", "catalogue/", "cycle/"});
  }
}

bool HubNode::follows(unsigned gateway) const {
  return dynamic_cast<const GatewayNode&>(world_.node(gateway)).follows() == number_;
}

void HubNode::follow_store() {
  Life& life = *life_;
  const bool connected = commands_.connected() && feed_.connected();
  if (life.up && !connected) life.ready = life.preparing = false;
  life.up = connected;
  if (!connected) return;
  if (!life.ready && !life.preparing) prepare();
  if (life.ready && !life.reading) read_more();
}

void HubNode::prepare() {
  life_->preparing = true;
  commands_.command(
      [this](const StoreClient::Respond& respond) {
        respond([this, state = world_.store.state()] {
          if (!life_->preparing) return;
          life_->preparing = false;
          life_->ready = true;
          life_->hub.on_store(state);
        });
      },
      [this](ErrorCode) {
        if (life_) life_->preparing = false;
      });
}

void HubNode::read_more() {
  life_->reading = true;
  const std::uint64_t from = life_->hub.feed_number();
  const auto answer = [this, from](const StoreClient::Respond& respond) {
    respond([this, from, entries = world_.store.feed(from + 1)] {
      life_->reading = false;
      for (const FeedEntry& entry : entries) life_->hub.on_feed(entry);
    });
  };
  auto& store = dynamic_cast<StoreNode&>(world_.node(kStore));
  feed_.command(
      [&store, from, answer](const StoreClient::Respond& respond) {
        store.await_feed(from, [answer, respond] { answer(respond); });
      },
      [this](ErrorCode) {
        if (life_) life_->reading = false;
      });
}

Sent HubNode::send(std::string_view peer, std::string_view frame) {
  const std::uint32_t connection = Net::connection_of(peer);
  return world_.net.send(connection, true, frame) ? Sent::yes : Sent::unreachable;
}

void HubNode::publish(std::string_view topic, std::string_view header, std::string_view body) {
  std::string_view kind, id;
  messaging::split_topic(topic, kind, id);
  const std::string bytes = Published::pack(topic, header, body);
  for (unsigned i = kFirstAgent; i < kFirstAgent + kAgents; ++i) {
    if (kind == "cycle" || (kind == "head" && id == name_of_node(i))) {
      world_.net.publish(number_, i, bytes);
    }
  }
  for (unsigned i = kFirstGateway; i < kFirstGateway + kGateways; ++i) {
    if (kind != "head" && follows(i)) world_.net.publish(number_, i, bytes);
  }
}

template <typename Read, typename Then>
void HubNode::query(Read read, Then then) {
  commands_.command(
      [read, then](const StoreClient::Respond& respond) {
        respond([then, answer = read()] { then(answer); });
      },
      [this, then](ErrorCode code) {
        if (life_) then(tl::unexpected(error_of(code)));
      });
}

void HubNode::greet(const std::string& peer, const protocol::SyncHello& hello) {
  query([this, hello] { return world_.store.hello(hello); },
        [this, peer](const Result<protocol::SyncWelcome>& answer) {
          life_->hub.on_greeted(peer, answer);
        });
}

void HubNode::apply(const std::string& manufacturer, std::uint64_t epoch, std::uint64_t number,
                    std::string_view record, bool /*whole*/) {
  query(
      [this, manufacturer, epoch, number, bytes = std::string(record)] {
        return world_.store.offer(manufacturer, epoch, number, bytes);
      },
      [this, manufacturer](const Result<OfferAnswer>& answer) {
        life_->hub.on_applied(manufacturer, answer, local());
      });
}

void HubNode::accept(const std::string& peer, const std::string&, std::uint64_t epoch,
                     std::uint64_t number) {
  query([] { return true; },
        [this, peer, epoch, number](const Result<bool>& written) {
          life_->hub.on_accepted(peer, epoch, number, written.has_value());
        });
}

void HubNode::read_ledger(std::uint64_t ticket, const std::string& manufacturer,
                          std::uint64_t epoch, std::uint64_t from) {
  query(
      [this, manufacturer, epoch, from] { return world_.store.ledger(manufacturer, epoch, from); },
      [this, ticket](const Result<std::vector<LedgerLine>>& page) {
        life_->hub.on_ledger(ticket, page);
      });
}

void HubNode::read_feed(std::uint64_t ticket, std::uint64_t from) {
  query([this, from] { return world_.store.feed(from); },
        [this, ticket](const Result<std::vector<FeedEntry>>& page) {
          life_->hub.on_feed_page(ticket, page);
        });
}

void HubNode::read_catalogue(std::uint64_t ticket, const std::string& cursor) {
  struct Page {
    std::string bytes, next_cursor;
    std::uint64_t number;
  };
  query(
      [this, cursor] {
        Page page;
        const CataloguePage read = world_.store.catalogue(cursor, page.bytes);
        page.next_cursor = read.next_cursor;
        page.number = read.number;
        return page;
      },
      [this, ticket](const Result<Page>& page) {
        if (!page) return life_->hub.on_catalogue(ticket, tl::unexpected(page.error()));
        life_->hub.on_catalogue(ticket,
                                CataloguePage{page->next_cursor, page->number, page->bytes});
      });
}

}  // namespace depot::simulator
