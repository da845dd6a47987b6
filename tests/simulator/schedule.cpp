#include "tests/simulator/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <sstream>

#include "tests/simulator/random.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using Kind = Action::Kind;

namespace {

constexpr std::array<std::string_view, 11> kKinds = {
    "buy", "flood", "make", "kill", "freeze", "stall", "cut", "loss", "slow", "full", "stop"};

struct Link {
  unsigned dealer, router;
};
// Who is connected with whom.
std::vector<Link> links() {
  std::vector<Link> all;
  const auto add = [&](unsigned first, unsigned count, unsigned router, unsigned routers) {
    for (unsigned i = 0; i < count; ++i) {
      for (unsigned k = 0; k < routers; ++k) all.push_back({first + i, router + k});
    }
  };
  add(kFirstGateway, kGateways, kFirstBalancer, kBalancers);
  add(kFirstWorker, kWorkers, kFirstBalancer, kBalancers);
  add(kFirstWorker, kWorkers, kStore, 1);
  add(kFirstAgent, kAgents, kFirstHub, kHubs);
  add(kFirstGateway, kGateways, kFirstHub, kHubs);
  add(kFirstHub, kHubs, kStore, 1);
  return all;
}

std::string make_name(unsigned node) {
  const auto name = [&](const char* kind, unsigned first) {
    return fmt::format("{}-{}", kind, node - first + 1);
  };
  if (node < kFirstBalancer) return name("gateway", kFirstGateway);
  if (node < kFirstWorker) return name("balancer", kFirstBalancer);
  if (node < kFirstHub) return name("worker", kFirstWorker);
  if (node < kFirstAgent) return name("hub", kFirstHub);
  if (node < kStore) return name("agent", kFirstAgent);
  return node == kStore ? "store" : "customers";
}

// Most are short, some outlast every patience of the protocol.
std::int64_t some_time(Random& random) {
  const std::int64_t most[] = {100, 600, 1'500, 4'000, 12'000};
  return 10 + static_cast<std::int64_t>(random.below(
                  static_cast<std::uint64_t>(most[std::min(random.below(6), random.below(5))])));
}

// Which faults a run has: how often each kind.
struct Mix {
  explicit Mix(Random& random) {
    for (unsigned& weight : weights) weight = std::array{0U, 1U, 2U, 5U}[random.below(4)];
    weights[0] += 1;
  }
  Kind pick(Random& random) const {
    auto dice = random.below(std::accumulate(weights.begin(), weights.end(), 0U));
    std::size_t kind = 0;
    while (dice >= weights[kind]) dice -= weights[kind++];
    return static_cast<Kind>(static_cast<std::size_t>(Kind::kill) + kind);
  }
  std::array<unsigned, 8> weights{};
};

Action some_fault(Random& random, const Mix& mix, std::int64_t at_ms) {
  static const std::vector<Link> all = links();
  Action action{.at_ms = at_ms, .kind = mix.pick(random), .for_ms = some_time(random)};
  action.detail = static_cast<std::uint32_t>(random.below(1 << 20));
  action.target = static_cast<std::uint32_t>(random.below(kStore + 1));
  if (action.kind == Kind::stall || action.kind == Kind::cut || action.kind == Kind::loss) {
    const Link link = all[random.below(all.size())];
    action.target = link.dealer;
    action.detail = link.router;
  } else if (action.kind == Kind::slow || action.kind == Kind::full) {
    action.target = kStore;
  } else if (action.kind == Kind::stop) {
    action.target = kFirstBalancer + action.detail % (kBalancers + kWorkers);
  }
  return action;
}

// The times of a Poisson process.
template <typename F>
void at_times(Random& random, Duration length, Duration every, F&& f) {
  double at = 0;
  const double mean = std::chrono::duration<double, std::milli>(every).count();
  for (;;) {
    const double uniform = (static_cast<double>(random.below(1 << 30)) + 1) / (1 << 30);
    at -= mean * std::log(uniform);
    if (at >= std::chrono::duration<double, std::milli>(length).count()) return;
    f(static_cast<std::int64_t>(at));
  }
}

}  // namespace

const std::string& name_of_node(unsigned node) {
  static const auto names = [] {
    std::array<std::string, kNodes> all;
    for (unsigned i = 0; i < kNodes; ++i) all[i] = make_name(i);
    return all;
  }();
  return names.at(node);
}

Schedule schedule_for(std::uint64_t seed, Duration length) {
  Schedule all;
  Random faults(seed, 1), buys(seed, 2), makes(seed, 3);
  const auto buy = [&](std::int64_t at, std::uint64_t count) {
    all.push_back({at, count > 1 ? Kind::flood : Kind::buy, static_cast<std::uint32_t>(count),
                   static_cast<std::uint32_t>(buys.next() >> 32), 0});
  };
  const Mix mix(faults);
  at_times(faults, length, faults.between(1s, 6s), [&](std::int64_t at) {
    all.push_back(some_fault(faults, mix, at));
    if (!faults.chance(33)) return;
    buy(at - std::min(at, static_cast<std::int64_t>(faults.below(30))), 2 + faults.below(30));
  });
  at_times(buys, length, buys.between(300ms, 900ms),
           [&](std::int64_t at) { buy(at, buys.below(300) == 0 ? 20 + buys.below(80) : 1); });
  at_times(makes, length, 10s, [&](std::int64_t at) {
    all.push_back({at, Kind::make, kFirstAgent + static_cast<std::uint32_t>(makes.below(kAgents)),
                   static_cast<std::uint32_t>(makes.next() >> 32), 0});
  });
  std::ranges::stable_sort(all, {}, &Action::at_ms);
  return all;
}

std::string to_text(const Action& action) {
  const auto kind = static_cast<std::size_t>(action.kind);
  const bool link = action.kind >= Kind::stall && action.kind <= Kind::loss;
  const bool node = action.is_fault() || action.kind == Kind::make;
  return fmt::format("{} {} {} {} {}", action.at_ms, kKinds[kind],
                     node ? name_of_node(action.target) : std::to_string(action.target),
                     link ? name_of_node(action.detail) : std::to_string(action.detail),
                     action.for_ms);
}

std::optional<Action> parse(std::string_view line) {
  Action action;
  std::istringstream in{std::string(line)};
  std::string kind, target, detail;
  if (!(in >> action.at_ms >> kind >> target >> detail >> action.for_ms)) return std::nullopt;
  const auto known = std::ranges::find(kKinds, kind);
  if (known == kKinds.end()) return std::nullopt;
  action.kind = static_cast<Kind>(known - kKinds.begin());
  const auto number = [](const std::string& text) -> std::optional<std::uint32_t> {
    for (unsigned node = 0; node < kNodes; ++node) {
      if (name_of_node(node) == text) return node;
    }
    if (text.empty() || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
      return std::nullopt;
    }
    return static_cast<std::uint32_t>(std::stoul(text));
  };
  const auto first = number(target), second = number(detail);
  if (!first || !second) return std::nullopt;
  action.target = *first;
  action.detail = *second;
  return action;
}

}  // namespace depot::simulator
