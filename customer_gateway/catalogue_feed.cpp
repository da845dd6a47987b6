#include "customer_gateway/catalogue_feed.hpp"

#include "messaging/poller.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;

constexpr int kMessagesPerTurn = 256;
constexpr auto kTick = 50ms;  // also how long stopping takes

}  // namespace

CatalogueFeed::CatalogueFeed(messaging::Context& context, const Config& config,
                             const std::string& name, CatalogueHolder& holder, StockNews& news,
                             Metrics& metrics, Log& log)
    : context_(context),
      config_(config),
      log_(log),
      replica_(name, holder, news, metrics),
      thread_([this] { run(); }) {}

CatalogueFeed::~CatalogueFeed() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void CatalogueFeed::run() {
  for (int hub = 0; !stop_.load(std::memory_order_relaxed); hub = (hub + 1) % config_.hub.count) {
    follow(hub);
  }
}

void CatalogueFeed::follow(int hub) {
  messaging::Socket updates(context_, messaging::SocketKind::sub);
  messaging::Socket sync(context_, messaging::SocketKind::dealer);
  // Subscribed before the snapshot is asked for, so that nothing falls between the two.
  for (const std::string_view topic : kTopics) updates.subscribe(topic);
  updates.connect(config_.hub_out_endpoint(hub));
  sync.connect(config_.hub_sync_endpoint(hub));
  replica_.connect(steady_now());
  messaging::Poller poller;
  poller.add(updates);
  poller.add(sync);
  messaging::Message topic, header, body;
  while (!stop_.load(std::memory_order_relaxed)) {
    poller.wait(kTick);
    const TimePoint now = steady_now();
    for (int i = 0; i < kMessagesPerTurn && updates.receive_published(topic, header, body); ++i) {
      replica_.on_public(topic.bytes(), header.bytes(), body.bytes(), now);
    }
    for (int i = 0; i < kMessagesPerTurn && sync.receive(body); ++i) {
      replica_.on_sync(body.bytes(), now);
    }
    replica_.tick(now);
    auto& outbox = replica_.outbox();
    while (!outbox.empty() && sync.send(outbox.front()) == messaging::Sent::yes) {
      outbox.pop_front();
    }
    if (replica_.silent(now)) {
      return log_.warning("the hub does not answer: connecting again",
                          {{"endpoint", config_.hub_out_endpoint(hub)}});
    }
  }
}

}  // namespace depot::customer_gateway
