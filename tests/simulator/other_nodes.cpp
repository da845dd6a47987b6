#include "tests/simulator/other_nodes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;

namespace {

constexpr Duration kPatience = 9s;  // of a customer, with one HTTP request
constexpr unsigned kCustomersCount = 12;

}  // namespace

void StoreNode::start() {
  world_.store.run_id = fmt::format("run-{}", ++runs_);
  tick_due = TimePoint::max();
}

void StoreNode::stop() {
  for (auto& command : came_) running_.push_back(std::move(command));
  running_.resize(random_.below(running_.size() + 1));
  for (const auto& command : running_) command();  // Their answers find no connection.
  came_.clear();
  running_.clear();
  waiting_.clear();
}

void StoreNode::turn() {
  while (Item* item = world_.net.take(number_)) {
    if (item->kind == Item::Kind::done) came_.push_back(std::move(item->done));
  }
  if (!running_.empty() && done_at_ <= world_.now) {
    for (const auto& command : running_) command();
    running_.clear();
    for (const auto& [offer, goods] : world_.store.stock) {
      if (goods.available() < 0) throw Violation(offer + " is oversold");
    }
  }
  answer_waiting();
  if (running_.empty() && !came_.empty()) {
    running_.swap(came_);
    done_at_ = world_.now + random_.between(world_.store_pace, 3 * world_.store_pace);
  }
  tick_due = running_.empty() ? TimePoint::max() : done_at_;
  for (const Waiting& waiting : waiting_) tick_due = std::min(tick_due, waiting.until);
}

void StoreNode::await_feed(std::uint64_t from, std::function<void()> answer) {
  waiting_.push_back({from, world_.now + 1s, std::move(answer)});
}

void StoreNode::answer_waiting() {
  const std::uint64_t newest = world_.store.state().feed_number;
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const bool due = waiting.until <= world_.now || newest > waiting.from;
    if (due) waiting.answer();
    return due;
  });
}

void CustomersNode::buy(std::uint32_t detail) {
  Random& random = randoms_.emplace_back(world_.options.seed, detail);
  Purchase& purchase = world_.books.purchases.emplace_back();
  protocol::PlaceOrder& wish = purchase.wish;
  wish.caller.customer = fmt::format("customer{:08}", random.below(kCustomersCount));
  wish.order_id = order_id_for(wish.caller.customer, std::to_string(detail));
  std::set<std::string> offers;
  for (auto lines = 1 + random.below(3); lines > 0; --lines) {
    offers.insert(
        make_offer_id(name_of_node(kFirstAgent + static_cast<unsigned>(random.below(kAgents))),
                      fmt::format("s{}", random.below(kGoods))));
  }
  for (const std::string& offer : offers) {
    wish.lines.push_back({.offer = offer,
                          .quantity = 1 + static_cast<std::int64_t>(random.below(3)),
                          .seen_price = std::nullopt});
  }
  wish.fingerprint = fingerprint_of(wish);
  ask({.purchase = static_cast<std::uint32_t>(world_.books.purchases.size() - 1)});
}

void CustomersNode::ask(const Plan& plan) {
  Random& random = randoms_[plan.purchase];
  const auto gateway = kFirstGateway + static_cast<unsigned>(random.below(kGateways));
  if (!world_.net.alive[gateway]) {
    return this->plan(random.between(50ms, 500ms), plan);
  }
  const std::uint64_t http = world_.books.ask(plan.purchase, gateway, plan.reads, world_.now);
  open_.insert(http);
  world_.take_http(gateway, http);
  this->plan(kPatience, {.purchase = plan.purchase, .reads = plan.reads, .gives_up = http});
}

void CustomersNode::plan(Duration late, const Plan& what) {
  plans_.emplace(world_.now + late, what);
  tick_due = plans_.begin()->first;
}

void CustomersNode::turn() {
  while (Item* item = world_.net.take(number_)) item->done();
  while (!plans_.empty() && plans_.begin()->first <= world_.now) {
    const Plan plan = plans_.extract(plans_.begin()).mapped();
    if (plan.gives_up == 0) {
      ask(plan);
    } else if (open_.contains(plan.gives_up)) {
      hear(plan.gives_up, 0, "");
    }
  }
  tick_due = plans_.empty() ? TimePoint::max() : plans_.begin()->first;
}

void CustomersNode::hear(std::uint64_t http, int status, const std::string& body) {
  const Http request = world_.books.http(http);
  const bool waited_for = open_.erase(http) > 0;
  const Purchase& purchase = world_.books.purchases[request.purchase];
  const bool before = !purchase.definite.empty();
  world_.books.on_heard(http, status, body);
  if (!waited_for) return;
  Random& random = randoms_[request.purchase];
  const bool now = !purchase.definite.empty();
  if (!now) return plan(random.between(50ms, 700ms), {.purchase = request.purchase});
  if (before) return;
  // Once more later on, and a look at the order.
  if (random.chance(5)) plan(random.between(1s, 10s), {.purchase = request.purchase});
  if (random.chance(20)) {
    plan(random.between(0ms, 3s), {.purchase = request.purchase, .reads = true});
  }
}

void CustomersNode::on_gateway_lost(unsigned gateway) {
  std::vector<std::uint64_t> lost;
  for (const std::uint64_t http : open_) {
    if (world_.books.http(http).gateway == gateway) lost.push_back(http);
  }
  for (const std::uint64_t http : lost) {
    world_.net.post(gateway, number_, 100us, [this, http] { hear(http, 0, ""); });
  }
}

std::string CustomersNode::unfinished() const {
  for (const Purchase& purchase : world_.books.purchases) {
    if (purchase.definite.empty()) {
      return fmt::format("order {} has no definite answer", purchase.wish.order_id);
    }
  }
  const auto more =
      std::ranges::count_if(plans_, [](const auto& plan) { return plan.second.gives_up == 0; });
  if (more > 0) return fmt::format("{} requests are to be said again", more);
  return open_.empty() ? "" : fmt::format("{} HTTP requests", open_.size());
}

}  // namespace depot::simulator
