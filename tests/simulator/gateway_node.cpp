#include <fmt/format.h>

#include <cstring>

#include "protocol/problem.hpp"
#include "tests/simulator/catalogue_follower.hpp"
#include "tests/simulator/request_nodes.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using customer_gateway::Outcome;

namespace {

constexpr Duration kGatewayTick = 20ms;  // LinkBackend's
constexpr Duration kIdleTick = 50ms;     // what a Session asks for at least

}  // namespace

struct GatewayNode::Line final : messaging::Wire, messaging::LinkEvents {
  Line(GatewayNode& node, std::size_t line_index)
      : owner(node),
        index(line_index),
        dealer(node.world_.net, node.number_, kFirstBalancer + static_cast<unsigned>(line_index),
               Random(node.random_.next())),
        session({.role = messaging::Role::gateway,
                 .name = name_of_node(node.number_),
                 .instance = node.random_.next()},
                *this, *this) {}

  bool send(std::string_view frame) override { return dealer.send(frame); }
  void reopen() override { dealer.reopen(); }
  void on_lost() override;
  void on_reply(const messaging::ReplyRecord& record) override;

  GatewayNode& owner;
  const std::size_t index;
  Dealer dealer;
  messaging::Session session;
};

struct GatewayNode::Life {
  explicit Life(GatewayNode& node)
      : requests(node.world_.config.gateway, counters, node.world_.log,
                 [&node] { return node.random_.next(); }),
        catalogue(node.world_, node.number_, Random(node.random_.next())) {
    for (std::size_t i = 0; i < kBalancers; ++i) {
      lines.push_back(std::make_unique<Line>(node, i));
      requests.add(lines.back()->session);
    }
  }
  Metrics metrics;
  customer_gateway::BackendMetrics counters{metrics, {}};
  customer_gateway::Requests requests;
  std::vector<std::unique_ptr<Line>> lines;
  CatalogueFollower catalogue;
  TimePoint catalogue_due{};
};

void GatewayNode::Line::on_lost() { owner.life_->requests.on_lost(index, owner.local()); }
void GatewayNode::Line::on_reply(const messaging::ReplyRecord& record) {
  owner.life_->requests.on_reply(record, owner.local());
}

GatewayNode::GatewayNode(World& world, unsigned number) : Node(world, number) {}
GatewayNode::~GatewayNode() = default;
void GatewayNode::stop() { life_.reset(); }
unsigned GatewayNode::follows() const { return life_ ? life_->catalogue.hub() : kNodes; }

void GatewayNode::start() {
  life_ = std::make_unique<Life>(*this);
  ticked_ = {};
}

void GatewayNode::turn() {
  const TimePoint now = local();
  while (Item* item = world_.net.take(number_)) {
    if (item->kind == Item::Kind::done) {
      item->done();
      continue;
    }
    life_->catalogue.on_item(*item, now);
    for (auto& line : life_->lines) {
      if (item->kind == Item::Kind::published) break;
      if (item->connection != line->dealer.connection()) continue;
      if (item->kind == Item::Kind::closed) {
        line->dealer.on_closed(item->connection);
      } else {
        line->session.on_frame(item->bytes, now);
      }
      break;
    }
  }
  life_->requests.send_waiting(now);
  const bool busy = life_->requests.size() > 0;
  if (world_.now - ticked_ >= (busy ? kGatewayTick : kIdleTick)) {
    ticked_ = world_.now;
    for (auto& line : life_->lines) {
      line->dealer.tick(world_.now);
      line->session.tick(now);
    }
    if (world_.options.mistake != Mistake::deadlines_forgotten) life_->requests.tick(now);
  }
  for (auto& line : life_->lines) line->session.flush(now);
  if (world_.now >= life_->catalogue_due) {
    life_->catalogue.tick(now);
    life_->catalogue_due = world_.now + kIdleTick;
  }
  tick_due = ticked_ + (life_->requests.size() > 0 ? kGatewayTick : kIdleTick);
}

void GatewayNode::request(std::uint64_t http) {
  const Http& request = world_.books.http(http);
  protocol::PlaceOrder wish = world_.books.purchases[request.purchase].wish;
  wish.caller.session = session_of(http);
  customer_gateway::Call call;
  call.tenant = static_cast<std::uint32_t>(std::hash<std::string>()(wish.caller.customer));
  if (request.reads) {
    call.kind = protocol::RequestKind::get_order;
    encode(protocol::OrderRequest{wish.caller, wish.order_id}, call.body);
  } else {
    call.kind = protocol::RequestKind::place_order;
    encode(wish, call.body);
  }
  std::memcpy(call.request_id.data(), &http, sizeof http);
  life_->requests.call(
      std::move(call), world_.config.gateway.request_budget,
      [this, http, asked = world_.now, frozen = world_.frozen_for[number_]](
          const Outcome& outcome) { on_outcome(http, asked, frozen, outcome); },
      local());
}

void GatewayNode::on_outcome(std::uint64_t http, TimePoint asked, Duration frozen,
                             const Outcome& outcome) {
  const Duration stopped = world_.frozen_for[number_] - frozen;
  const Duration allowed = world_.config.gateway.request_budget + kIdleTick;
  if (world_.now - asked > allowed + stopped) {
    throw Violation(fmt::format("request {} took {} ms", http, (world_.now - asked) / 1ms));
  }
  int status = 200;
  switch (outcome.kind) {
    case Outcome::Kind::unavailable:
      status = 503;
      break;
    case Outcome::Kind::timeout:
      status = world_.options.mistake == Mistake::refused_after_unknown ? 503 : 504;
      break;
    case Outcome::Kind::internal:
      status = 500;
      break;
    case Outcome::Kind::answered:
      if (const auto problem = protocol::decode_problem(outcome.body)) {
        status = row_of(problem->problem).http_status;
      }
  }
  world_.books.on_answer(http, status);
  world_.answer_http(http, status, std::string(outcome.body));
}

std::string GatewayNode::unfinished() const {
  if (life_->requests.size() > 0) return fmt::format("{} requests", life_->requests.size());
  for (auto& line : life_->lines) {
    if (!line->session.connected()) return "no session";
  }
  return life_->catalogue.unfinished();
}

}  // namespace depot::simulator
