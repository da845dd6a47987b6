#include "tests/simulator/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/simulator/other_nodes.hpp"
#include "tests/simulator/request_nodes.hpp"
#include "tests/simulator/sync_nodes.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using Kind = Action::Kind;

namespace {

constexpr Duration kHealMax = 20s;   // Then each customer has a definite answer,
constexpr Duration kQuietMax = 40s;  // and by then nothing is left over anywhere.

// Small limits, so that they are reached.
Config small_config() {
  Config config;
  config.load_balancer.queued_max = 60;
  config.load_balancer.queued_per_tenant_max = 12;
  config.workers.batch_orders_max = 8;
  config.workers.batch_lines_max = 12;
  config.gateway.in_flight_max = 200;
  return config;
}

}  // namespace

Node::Node(World& world, unsigned number)
    : world_(world),
      number_(number),
      clock_offset_(std::chrono::minutes(Random(world.options.seed, 500 + number).below(100'000))),
      random_(world.options.seed, 600 + number) {}

TimePoint Node::local() const { return world_.now + clock_offset_; }

void Report::add(const Report& other) {
  simulated += other.simulated;
  longest_open = std::max(longest_open, other.longest_open);
  turns += other.turns;
  faults += other.faults;
  purchases += other.purchases;
  acknowledged += other.acknowledged;
  refused += other.refused;
  unavailable += other.unavailable;
  timeouts += other.timeouts;
  failed += other.failed;
  lost += other.lost;
  repeats += other.repeats;
  entries += other.entries;
  hash = (hash ^ other.hash) * 0x9E3779B97F4A7C15;
}

World::World(const Options& given, Schedule schedule)
    : options(given),
      config(small_config()),
      net(given.seed, now),
      store(books, given.mistake),
      log({.level = LogLevel::off}, "simulator"),
      schedule_(std::move(schedule)),
      random_(given.seed, 4) {
  const auto make = [this]<typename T>(std::type_identity<T>, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; ++i) nodes_[i] = std::make_unique<T>(*this, i);
  };
  make(std::type_identity<GatewayNode>(), kFirstGateway, kGateways);
  make(std::type_identity<BalancerNode>(), kFirstBalancer, kBalancers);
  make(std::type_identity<WorkerNode>(), kFirstWorker, kWorkers);
  make(std::type_identity<HubNode>(), kFirstHub, kHubs);
  make(std::type_identity<AgentNode>(), kFirstAgent, kAgents);
  make(std::type_identity<StoreNode>(), kStore, 1);
  make(std::type_identity<CustomersNode>(), kCustomers, 1);
}

World::~World() = default;

void World::say(unsigned node, std::string_view what) {
  if (!options.trace) return;
  fmt::print("{:>10.3f} {:<10} {}\n",
             std::chrono::duration<double, std::milli>(now.time_since_epoch() - 1h).count(),
             name_of_node(node), what);
}

Report World::run() {
  const TimePoint begun = now;
  try {
    for (unsigned i = 0; i < kNodes; ++i) {
      net.start(i);
      nodes_[i]->tick_due = now;
      nodes_[i]->start();
    }
    step_to(begun + options.length);
    heal();
    const TimePoint healed = now;
    while (!unfinished().empty() && now < healed + kQuietMax) {
      step_to(now + 50ms);
      const std::string open = nodes_[kCustomers]->unfinished();
      if (!open.starts_with("order")) continue;
      report_.longest_open = now - healed;
      if (now > healed + kHealMax) throw Violation(open + " 20 s after all has healed");
    }
    if (const std::string what = unfinished(); !what.empty()) throw Violation(what);
    step_to(now + 2s);
    store.audit();
    if (const std::string what = unfinished(); !what.empty()) throw Violation(what);
  } catch (const Violation& violation) {
    report_.violation = violation.what();
    report_.at = now - begun;
  }
  report_.hash = hash_ ^ net.hash;
  report_.simulated = now - begun;
  report_.purchases = books.purchases.size();
  report_.acknowledged = books.acknowledged;
  report_.refused = books.refusals;
  report_.unavailable = books.unavailable;
  report_.timeouts = books.timeouts;
  report_.failed = books.failed;
  report_.lost = books.lost;
  report_.repeats = books.repeats;
  for (unsigned i = kFirstAgent; i < kFirstAgent + kAgents; ++i) {
    report_.entries += dynamic_cast<AgentNode&>(*nodes_[i]).entries();
  }
  return report_;
}

void World::step_to(TimePoint end) {
  for (;;) {
    unsigned first = kNodes;
    TimePoint due = TimePoint::max();
    for (unsigned i = 0; i < kNodes; ++i) {
      if (!net.alive[i]) continue;
      const TimePoint at =
          std::max(std::min(nodes_[i]->tick_due, net.arrival[i]), net.frozen_until[i]);
      if (at < due) {
        due = at;
        first = i;
      }
    }
    const auto ending = std::ranges::min_element(ends_, {}, &Due::at);
    const TimePoint begins = next_ < schedule_.size()
                                 ? TimePoint(1h) + std::chrono::milliseconds(schedule_[next_].at_ms)
                                 : TimePoint::max();
    const TimePoint ends = ending == ends_.end() ? TimePoint::max() : ending->at;
    if (std::min({due, begins, ends}) > end) break;
    if (ends <= due && ends <= begins) {
      now = std::max(now, ends);
      const Action action = ending->action;
      ends_.erase(ending);
      this->end(action);
    } else if (begins <= due) {
      now = std::max(now, begins);
      begin(schedule_[next_++]);
    } else {
      now = std::max(now, due);
      turn(first);
    }
  }
  now = std::max(now, end);
}

void World::turn(unsigned number) {
  ++report_.turns;
  mix(static_cast<std::uint64_t>(now.time_since_epoch().count()) * kNodes + number);
  nodes_[number]->turn();
  if (nodes_[number]->ended()) kill(stops_[number], true);
}

void World::begin(const Action& action) {
  say(action.is_fault() ? action.target : unsigned{kCustomers}, to_text(action));
  mix(static_cast<std::uint64_t>(action.at_ms) << 32 | action.detail);
  auto& customers = dynamic_cast<CustomersNode&>(*nodes_[kCustomers]);
  const TimePoint until = now + std::chrono::milliseconds(action.for_ms);
  report_.faults += action.is_fault();
  switch (action.kind) {
    case Kind::buy:
      return customers.buy(action.detail);
    case Kind::flood:
      for (std::uint32_t i = 0; i < action.target; ++i) customers.buy(action.detail + i);
      return;
    case Kind::make:
      return dynamic_cast<AgentNode&>(*nodes_[action.target]).make(action.detail | 1);
    case Kind::kill:
      return kill(action);
    case Kind::stop:
      stops_[action.target] = action;
      if (net.alive[action.target]) nodes_[action.target]->drain();
      return;
    case Kind::freeze:
      if (!net.alive[action.target]) return;
      if (auto* worker = dynamic_cast<WorkerNode*>(nodes_[action.target].get());
          worker && action.detail % 2 == 1) {
        return worker->stop_within_turn(until - now);
      }
      frozen_for[action.target] +=
          std::max(Duration{}, until - std::max(now, net.frozen_until[action.target]));
      net.frozen_until[action.target] = std::max(net.frozen_until[action.target], until);
      return;
    case Kind::stall:
      return net.stall(action.target, action.detail, until);
    case Kind::cut:
      broken_at[action.target] = now;
      return net.cut(action.target, action.detail);
    case Kind::loss:
      return net.lose(action.target, action.detail, until);
    case Kind::slow:
      store_pace = 50 * kStorePace;
      break;
    case Kind::full:
      store_full = true;
      break;
  }
  ends_.push_back({until, action});
}

void World::kill(const Action& action, bool orderly) {
  const unsigned node = action.target;
  if (!net.alive[node]) return;
  net.frozen_until[node] = {};
  net.stop(node, orderly ? nullptr : &random_);
  nodes_[node]->stop();
  // Whoever was connected to it goes on at once when they hear of it, each at its own time.
  for (unsigned i = 0; i < kNodes; ++i) {
    if (i < kFirstBalancer || (i >= kFirstWorker && i < kFirstHub)) broken_at[i] = now;
  }
  if (node < kFirstBalancer) {
    dynamic_cast<CustomersNode&>(*nodes_[kCustomers]).on_gateway_lost(node);
  }
  if (auto* agent = dynamic_cast<AgentNode*>(nodes_[node].get())) agent->lose_files(action.detail);
  const std::chrono::milliseconds dead(healed_ ? 0 : action.for_ms);
  ends_.push_back({now + dead, action});
}

void World::end(const Action& action) {
  mix(static_cast<std::uint64_t>(action.kind));
  if (action.kind == Kind::slow) store_pace = kStorePace;
  if (action.kind == Kind::full) store_full = false;
  if ((action.kind != Kind::kill && action.kind != Kind::stop) || net.alive[action.target]) return;
  say(action.target, "starts");
  net.start(action.target);
  nodes_[action.target]->tick_due = now;
  nodes_[action.target]->start();
}

void World::heal() {
  say(kCustomers, "heals");
  healed_ = true;
  net.heal();
  for (unsigned i = 0; i < kNodes; ++i) net.frozen_until[i] = std::min(net.frozen_until[i], now);
  for (unsigned i = kFirstWorker; i < kFirstWorker + kWorkers; ++i) {
    dynamic_cast<WorkerNode&>(*nodes_[i]).stop_within_turn({});
  }
  const std::vector<Due> all = std::exchange(ends_, {});
  for (const Due& due : all) end(due.action);
}

std::string World::unfinished() const {
  for (unsigned i = 0; i < kNodes; ++i) {
    std::string what = nodes_[i]->unfinished();
    if (!what.empty()) return name_of_node(i) + ": " + what;
  }
  return "";
}

void World::answer_http(std::uint64_t http, int status, std::string body) {
  mix(std::hash<std::string>()(body));
  mix(http * 1000 + static_cast<std::uint64_t>(status));
  const unsigned gateway = books.http(http).gateway;
  if (options.trace)
    say(gateway, fmt::format("answers {}: {} {}", http, status, body.substr(0, 1)));
  net.post(gateway, kCustomers, 200us, [this, http, status, body = std::move(body)] {
    dynamic_cast<CustomersNode&>(*nodes_[kCustomers]).hear(http, status, body);
  });
}

void World::take_http(unsigned gateway, std::uint64_t http) {
  net.post(kCustomers, gateway, 200us,
           [this, gateway, http] { dynamic_cast<GatewayNode&>(*nodes_[gateway]).request(http); });
}

}  // namespace depot::simulator
