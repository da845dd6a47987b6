#include <fmt/format.h>

#include "messaging/frame.hpp"
#include "tests/simulator/request_nodes.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using load_balancer::OutFrame;
using load_balancer::Side;
using messaging::FrameType;
using messaging::Header;

namespace {

constexpr Duration kBalancerTick = 50ms;  // its loop looks at least each 20 ms, its decider each 50

constexpr Duration kDrainTimeout = 10s;

std::uint64_t key_of(std::uint32_t session, std::uint32_t tag) {
  return std::uint64_t{session} << 32 | tag;
}

}  // namespace

void BalancerNode::start() {
  life_ = std::make_unique<Life>(world_.config.load_balancer,
                                 static_cast<std::uint32_t>(random_.next()), local());
}

void BalancerNode::turn() {
  while (Item* item = world_.net.take(number_)) {
    if (item->kind != Item::Kind::frame) continue;
    receive(item->from >= kFirstWorker ? Side::backend : Side::frontend, *item);
  }
  life_->balancer.turn(local());
  send();
  if (local() >= life_->drain_end || life_->balancer.drained()) {
    life_->balancer.bye(local());
    send();
    life_->ended = true;
  }
  life_->balancer.take_notes();
  tick_due = world_.now + kBalancerTick;
}

void BalancerNode::drain() {
  if (life_->drain_end != TimePoint::max()) return;
  life_->drain_end = local() + kDrainTimeout;
  life_->balancer.drain(local());
  send();
}

void BalancerNode::receive(Side side, const Item& item) {
  const std::string& id = world_.net.routing_id(item.connection);
  if (side == Side::frontend && item.bytes[2] == static_cast<char>(FrameType::request)) {
    check_requests(item.bytes);
  }
  if (side == Side::backend && world_.options.mistake == Mistake::credit_ignored) {
    std::string frame = item.bytes;
    Header header;
    if (messaging::read_header(frame, header)) {
      header.credit_limit += 40;
      messaging::patch_header(header, frame);
    }
    return life_->balancer.on_frame(side, id, frame, local());
  }
  life_->balancer.on_frame(side, id, item.bytes, local());
}

void BalancerNode::send() {
  auto& balancer = life_->balancer;
  while (!balancer.out().empty()) {
    std::vector<std::pair<Side, std::string>> dead;
    for (const OutFrame& frame : balancer.out()) {
      const std::uint32_t connection = Net::connection_of(frame.routing_id);
      const bool reply = frame.bytes[2] == static_cast<char>(FrameType::reply);
      std::string bytes;
      if (reply) check_replies(bytes = frame.bytes);
      if (!world_.net.send(connection, true, std::string_view(reply ? bytes : frame.bytes))) {
        dead.emplace_back(frame.side, frame.routing_id);
      }
    }
    balancer.clear_out();
    for (const auto& [side, id] : dead) balancer.on_unreachable(side, id, local());
    if (!dead.empty()) balancer.turn(local());
  }
}

void BalancerNode::check_requests(std::string_view frame) {
  Header header;
  if (!messaging::read_header(frame, header)) return;
  messaging::RequestReader reader(frame, header);
  for (messaging::RequestRecord record; reader.next(record);) {
    life_->asked.insert(key_of(header.session, record.tag));
  }
}

void BalancerNode::check_replies(std::string& frame) {
  Header header;
  messaging::read_header(frame, header);
  if (world_.options.mistake == Mistake::answers_twice && random_.chance(2)) {
    messaging::ReplyReader first(frame, header);
    messaging::ReplyRecord again;
    first.next(again);
    std::string more;
    append_reply(again, more);
    frame += more;
    ++header.count;
    messaging::patch_header(header, frame);
  }
  messaging::ReplyReader reader(frame, header);
  for (messaging::ReplyRecord record; reader.next(record);) {
    if (life_->asked.erase(key_of(header.session, record.tag)) == 0) {
      throw Violation(fmt::format("{} answers tag {:x} of session {:x} twice, or nobody asked: {}",
                                  name_of_node(number_), record.tag, header.session,
                                  record.status));
    }
  }
}

std::string BalancerNode::unfinished() const {
  auto& balancer = life_->balancer;
  std::string what;
  if (balancer.queued() > 0) what = fmt::format("{} queued", balancer.queued());
  if (balancer.in_flight() > 0) what += fmt::format(" {} in flight", balancer.in_flight());
  unsigned peers = 0;
  balancer.peers().for_each([&](std::uint32_t, const load_balancer::Peer& peer) {
    ++peers;
    if (peer.outstanding > 0) what += fmt::format(" {} has {}", peer.name, peer.outstanding);
  });
  if (peers != kGateways + kWorkers) what += fmt::format(" {} peers", peers);
  return what;
}

}  // namespace depot::simulator
