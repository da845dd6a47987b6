// Agents, hubs and a gateway's catalogue, the real deciders, on a hostile network and a model of
// the store: whatever is lost, doubled, late, killed or restored, at the end all hold the same
// totals.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>

#include "base/ids.hpp"
#include "customer_gateway/catalogue_replica.hpp"
#include "manufacturer/agent.hpp"
#include "tests/simulator/model_store.hpp"
#include "tests/unit/manufacturer_hub/event.hpp"

namespace depot {
namespace {

using namespace std::chrono_literals;
using manufacturer::Agent;
using manufacturer::KeptEntry;
using manufacturer_hub::Hub;
using manufacturer_hub::ModelStore;
using messaging::Sent;

class World;

// A connection ends with either process: the router then knows nobody by its name.
struct HubNode final : manufacturer_hub::HubActions {
  HubNode(World& w, std::size_t i) : world(w), index(i) {}
  Sent send(std::string_view peer, std::string_view frame) override;
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void warn(std::string_view, std::string_view) override {}
  void greet(const std::string& peer, const protocol::SyncHello& hello) override;
  void apply(const std::string& id, std::uint64_t epoch, std::uint64_t number,
             std::string_view record, bool /*whole*/) override;
  void accept(const std::string&, const std::string&, std::uint64_t, std::uint64_t) override {}
  void read_ledger(std::uint64_t ticket, const std::string& id, std::uint64_t epoch,
                   std::uint64_t from) override;
  void read_feed(std::uint64_t ticket, std::uint64_t from) override;
  void ask(const std::string&, std::uint64_t, const std::string&,
           const protocol::SyncAsk&) override {}
  void read_catalogue(std::uint64_t ticket, const std::string& cursor) override;
  void start();

  World& world;
  std::size_t index;
  int life = 0;
  Metrics metrics;
  std::unique_ptr<Hub> hub;
  std::deque<std::function<void(bool answered)>> calls;
};

struct AgentNode final : manufacturer::AgentActions {
  AgentNode(World& w, std::size_t i) : world(w), index(i) {}
  void send(std::size_t hub, std::string_view frame) override;
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void on_entry(const KeptEntry&, bool) override {}
  void on_cycle(const protocol::Cycle&) override {}
  void on_trouble(messaging::SyncError, std::string_view) override {}
  void start();
  std::string id() const { return "m" + std::to_string(index); }

  World& world;
  std::size_t index;
  int life = 0;
  std::vector<protocol::OfferRow> file;
  std::unique_ptr<Agent> agent;
};

class World {
 public:
  World(std::uint32_t seed, std::size_t hub_count, std::size_t agent_count) : random(seed) {
    for (std::size_t i = 0; i < hub_count; ++i) hubs.push_back(std::make_unique<HubNode>(*this, i));
    for (auto& hub : hubs) hub->start();
    for (std::size_t i = 0; i < agent_count; ++i) {
      agents.push_back(std::make_unique<AgentNode>(*this, i));
      set_file(i, 3, 10);
      agents.back()->start();
    }
    gateway =
        std::make_unique<customer_gateway::CatalogueReplica>("gateway-1", holder, news, metrics);
    gateway->connect(now);
  }

  void set_file(std::size_t agent, std::int64_t count, std::int64_t offered) {
    AgentNode& node = *agents[agent];
    node.file.clear();
    for (std::int64_t i = 0; i < count; ++i) {
      node.file.push_back({"s" + std::to_string(i), "Good", 100 + offered, offered});
    }
    if (node.agent) node.agent->set_offers(node.file);
  }

  // As ROUTER and DEALER do while they are connected: all of it, in order.
  void post_in_order(std::function<void()> deliver) {
    network.emplace(now + 1ms, std::move(deliver));
  }
  // What agents and hubs say on sync: they bear the worst, within one history of the data.
  void post_on_sync(std::function<void()> deliver) {
    orderly_sync ? post_in_order(std::move(deliver)) : post(std::move(deliver));
  }
  // A frame may be lost, doubled or late; late ones overtake each other.
  void post(std::function<void()> deliver) {
    if (hostile && chance(15)) return;
    for (int copies = hostile && chance(10) ? 2 : 1; copies > 0; --copies) {
      const Duration late = hostile && chance(20) ? std::chrono::milliseconds(random() % 120) : 1ms;
      network.emplace(now + late, deliver);
    }
  }

  void step() {
    now += 5ms;
    while (!network.empty() && network.begin()->first <= now) {
      const auto deliver = std::move(network.begin()->second);
      network.erase(network.begin());
      if (!cut) deliver();
    }
    for (auto& node : hubs) {
      for (std::size_t n = hostile ? random() % 8 : 100; n > 0 && !node->calls.empty(); --n) {
        const auto call = std::move(node->calls.front());
        node->calls.pop_front();
        call(true);
      }
      if (!hostile || chance(50)) {
        for (const auto& entry : store.feed(node->hub->feed_number() + 1)) {
          node->hub->on_feed(entry);
        }
      }
      node->hub->on_tick(now, {});
    }
    for (auto& node : agents) node->agent->on_tick(now);
    gateway->tick(now);
    for (auto& outbox = gateway->outbox(); !outbox.empty(); outbox.pop_front()) {
      HubNode& node = *hubs[0];
      post_in_order([this, &node, life = node.life, frame = outbox.front()] {
        if (node.life == life) node.hub->on_sync("g0." + std::to_string(life), frame, now);
      });
    }
    if (gateway->silent(now)) gateway->connect(now);
  }

  bool chance(unsigned percent) { return random() % 100 < percent; }

  // The agent whose connection to that hub has this name; nullptr when it is over.
  AgentNode* agent_of(std::string_view peer, const HubNode& hub) {
    for (auto& node : agents) {
      if (peer == node->id() + "." + std::to_string(node->life) + "." + std::to_string(hub.life)) {
        return node.get();
      }
    }
    return nullptr;
  }

  bool settled() const {
    return std::ranges::all_of(agents,
                               [this](const auto& node) {
                                 return node->agent->settled() && why_not(*node).empty();
                               }) &&
           gateway_differs().empty();
  }

  // "" when the agent's books are the store's.
  std::string why_not(const AgentNode& node) const {
    const std::string& cycle = node.agent->state().cycle;
    const auto& totals = node.agent->ledger().totals_of(cycle);
    if (!node.agent->ledger().contradictions(cycle).empty()) return "does not balance";
    std::size_t mine = 0;
    for (const auto& [offer, stock] : store.stock) {
      if (manufacturer_of(offer) != node.id()) continue;
      ++mine;
      const std::string sku(sku_of(offer));
      const auto found = totals.find(sku);
      if (found == totals.end()) return sku + " is not in the agent's ledger";
      const manufacturer::Totals expected{stock.wanted, stock.unit_price, stock.offered,
                                          stock.sold,   stock.cut,        stock.available()};
      if (found->second != expected) return sku + " differs";
      const auto row = std::ranges::find(node.file, sku, &protocol::OfferRow::sku);
      if (stock.wanted != (row == node.file.end() ? 0 : row->offered)) return sku + " unwanted";
    }
    for (const auto& row : node.file) {
      if (!store.stock.contains(node.id() + ":" + row.sku)) return row.sku + " is not on offer";
    }
    // Of a cycle without any offers there is nothing to compare.
    return mine == totals.size() || mine == 0 ? "" : "the agent has goods that the store has not";
  }

  std::string gateway_differs() const {
    const auto catalogue = holder.get();
    for (const auto& [offer, name] : store.names) {
      const auto item = catalogue->find(offer);
      if (!item) return offer + " is not in the catalogue";
      const auto stock = store.stock.find(offer);
      const std::int64_t left = stock == store.stock.end() ? 0 : stock->second.available();
      if (item->available != left) return offer + " has another quantity in the catalogue";
    }
    return "";
  }

  std::mt19937 random;
  TimePoint now{1h};
  bool hostile = true, cut = false, orderly_sync = false;
  int runs = 1;             // of Redis
  std::uint64_t ahead = 0;  // No two agents start in the same millisecond.
  ModelStore store;
  std::multimap<TimePoint, std::function<void()>> network;
  std::vector<std::unique_ptr<HubNode>> hubs;
  std::vector<std::unique_ptr<AgentNode>> agents;
  Metrics metrics;
  customer_gateway::CatalogueHolder holder;
  customer_gateway::StockNews news{holder, Config{}};
  std::unique_ptr<customer_gateway::CatalogueReplica> gateway;
};

void HubNode::start() {
  ++life;
  // What the dead one had asked: some of it was executed, none of it answered.
  for (std::size_t n = world.random() % 4; n > 0 && !calls.empty(); --n) {
    calls.front()(false);
    calls.pop_front();
  }
  calls.clear();
  hub = std::make_unique<Hub>(HubConfig{}, *this, metrics);
  hub->on_store(world.store.state());
}

Sent HubNode::send(std::string_view peer, std::string_view frame) {
  if (peer == "g0." + std::to_string(life)) {
    world.post_in_order([this, sender = life, bytes = std::string(frame)] {
      if (sender == life) world.gateway->on_sync(bytes, world.now);
    });
    return Sent::yes;
  }
  AgentNode* node = world.agent_of(peer, *this);
  if (!node) return Sent::unreachable;
  world.post_on_sync([this, node, agent_life = node->life, bytes = std::string(frame)] {
    if (node->life == agent_life) node->agent->on_sync(index, bytes, world.now);
  });
  return Sent::yes;
}

void HubNode::publish(std::string_view topic, std::string_view header, std::string_view body) {
  world.post([this, t = std::string(topic), h = std::string(header), b = std::string(body)] {
    for (auto& node : world.agents) node->agent->on_published(t, h, b, world.now);
  });
  if (index != 0 || topic.starts_with("head/")) return;
  if (world.hostile && world.chance(15)) return;  // One connection loses, but does not mix up.
  world.post_in_order([this, t = std::string(topic), h = std::string(header),
                       b = std::string(body)] { world.gateway->on_public(t, h, b, world.now); });
}

void HubNode::greet(const std::string& peer, const protocol::SyncHello& hello) {
  calls.push_back([this, peer, hello](bool answered) {
    const auto welcome = world.store.hello(hello);
    if (answered) hub->on_greeted(peer, welcome);
  });
}

void HubNode::apply(const std::string& id, std::uint64_t epoch, std::uint64_t number,
                    std::string_view record, bool /*whole*/) {
  calls.push_back([this, id, epoch, number, bytes = std::string(record)](bool answered) {
    if (world.hostile && world.chance(5)) {  // Redis was busy, or the connection went.
      if (answered) hub->on_applied(id, fail(ErrorCode::unknown, "lost"), world.now);
      return;
    }
    const auto answer = world.store.offer(id, epoch, number, bytes);
    if (answered) hub->on_applied(id, answer, world.now);
  });
}

void HubNode::read_ledger(std::uint64_t ticket, const std::string& id, std::uint64_t epoch,
                          std::uint64_t from) {
  calls.push_back([this, ticket, id, epoch, from](bool answered) {
    if (answered) hub->on_ledger(ticket, world.store.ledger(id, epoch, from));
  });
}

void HubNode::read_feed(std::uint64_t ticket, std::uint64_t from) {
  calls.push_back([this, ticket, from](bool answered) {
    if (answered) hub->on_feed_page(ticket, world.store.feed(from));
  });
}

void HubNode::read_catalogue(std::uint64_t ticket, const std::string& cursor) {
  calls.push_back([this, ticket, cursor](bool answered) {
    std::string record;
    if (answered) hub->on_catalogue(ticket, world.store.catalogue(cursor, record));
  });
}

void AgentNode::start() {
  ++life;
  const auto started = static_cast<std::uint64_t>(world.now.time_since_epoch() / 1ms);
  agent = std::make_unique<Agent>(manufacturer::AgentOptions{.id = id(),
                                                             .name = "Name of " + id(),
                                                             .hubs = world.hubs.size(),
                                                             .epoch_min = started + world.ahead++},
                                  *this);
  agent->set_offers(file);
}

void AgentNode::send(std::size_t hub, std::string_view frame) {
  HubNode& node = *world.hubs[hub];
  const std::string peer = id() + "." + std::to_string(life) + "." + std::to_string(node.life);
  world.post_on_sync([this, &node, hub_life = node.life, peer, bytes = std::string(frame)] {
    if (node.life == hub_life) node.hub->on_sync(peer, bytes, world.now);
  });
}

void AgentNode::publish(std::string_view topic, std::string_view header, std::string_view body) {
  for (auto& node : world.hubs) {
    world.post([this, &node, t = std::string(topic), h = std::string(header),
                b = std::string(body)] { node->hub->on_published(t, h, b, world.now); });
  }
}

void play(World& world, const Event& event, ModelStore& backup, bool restores) {
  AgentNode& agent = *world.agents[event.who % world.agents.size()];
  switch (event.kind % 12) {
    case 0:
      world.set_file(agent.index, event.amount % 9, event.amount * 3);
      break;
    case 1:
      agent.start();
      break;
    case 2:
      world.hubs[event.who % world.hubs.size()]->start();
      break;
    case 3:
      world.cut = !world.cut;
      break;
    case 4:
      if (event.who % 4 == 0) world.store.start_cycle("c" + std::to_string(world.random()));
      break;
    case 5:
      backup = world.store;
      break;
    case 6:
      if (!restores) break;
      // A restore stops everything that was connected to Redis.
      for (auto& hub : world.hubs) hub->calls.clear();
      world.store = backup;
      world.store.run_id = "run-" + std::to_string(++world.runs);
      for (auto& hub : world.hubs) hub->hub->on_store(world.store.state());
      // Nobody sells before the agents have said what they hold: a number sold anew that an agent
      // knows from before the restore could not be told from the old one.
      world.network.clear();
      world.hostile = world.cut = false;
      for (int i = 0; i < 300; ++i) world.step();
      world.hostile = true;
      break;
    default:
      world.store.sell(agent.id() + ":s" + std::to_string(event.amount % 9), event.amount);
  }
}

void converge(std::uint32_t seed, std::size_t hubs, const std::vector<Event>& events,
              bool restores) {
  World world(seed, hubs, 2);
  world.orderly_sync = restores;
  ModelStore backup = world.store;
  for (const Event& event : events) {
    play(world, event, backup, restores);
    for (unsigned i = 0; i < event.wait_ms / 5; ++i) world.step();
  }
  world.hostile = world.cut = false;
  const TimePoint end = world.now + 20s;
  while (world.now < end && !world.settled()) world.step();
  for (const auto& node : world.agents) {
    RC_ASSERT(node->agent->settled());
    RC_ASSERT(world.why_not(*node) == "");
  }
  RC_ASSERT(world.gateway_differs() == "");
}

rc::Gen<std::vector<Event>> some_events() {
  return rc::gen::container<std::vector<Event>>(
      rc::gen::build<Event>(rc::gen::set(&Event::kind, rc::gen::inRange(0u, 12u)),
                            rc::gen::set(&Event::who, rc::gen::inRange(0u, 8u)),
                            rc::gen::set(&Event::amount, rc::gen::inRange<std::int64_t>(1, 9)),
                            rc::gen::set(&Event::wait_ms, rc::gen::inRange(0u, 400u))));
}

RC_GTEST_PROP(ConvergenceTest, BothSidesHoldTheSameTotals, (std::uint32_t seed)) {
  converge(seed, 1, *some_events(), false);
}

// A restored Redis has forgotten what came after its backup: agents state it again.
RC_GTEST_PROP(ConvergenceTest, RestoredDataSets, (std::uint32_t seed)) {
  converge(seed, 1, *some_events(), true);
}

RC_GTEST_PROP(ConvergenceTest, TwoHubsAtOnce, (std::uint32_t seed)) {
  converge(seed, 2, *some_events(), false);
}

}  // namespace
}  // namespace depot
