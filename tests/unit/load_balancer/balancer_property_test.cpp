// Random programs of events with virtual time: whatever happens, no credit is exceeded in either
// direction, each request is answered exactly once, and nothing is forgotten.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "load_balancer/balancer.hpp"
#include "messaging/frame.hpp"

namespace depot::load_balancer {
namespace {

using namespace std::chrono_literals;
using messaging::FrameType;
using messaging::Header;

const LoadBalancerConfig kLimits{.queued_max = 40, .queued_per_tenant_max = 25};
constexpr std::uint32_t kGateways = 2;
constexpr std::uint32_t kWorkers = 3;

// Gateways and workers that follow the protocol, may die, hang and come back, and check what they
// get.
class World {
 public:
  World() : balancer_(kLimits, *rc::gen::arbitrary<std::uint32_t>(), now_, metrics_) {
    for (std::uint32_t i = 0; i < kGateways; ++i) gateways_[i].id = "g" + std::to_string(i);
    for (std::uint32_t i = 0; i < kWorkers; ++i) workers_[i].id = "w" + std::to_string(i);
  }

  void step() {
    const int what = *rc::gen::weightedElement<int>(
        {{3, 0}, {12, 1}, {10, 2}, {8, 3}, {2, 4}, {1, 5}, {1, 6}, {1, 7}, {4, 8}, {1, 9}});
    Gateway& gateway = gateways_[*rc::gen::inRange(0u, kGateways)];
    Worker& worker = workers_[*rc::gen::inRange(0u, kWorkers)];
    switch (what) {
      case 0:
        hello(gateway);
        break;
      case 1:
        ask(gateway);
        break;
      case 2:
        reply(worker);
        break;
      case 3:
        grant(worker);
        break;
      case 4:
        hello(worker);
        break;
      case 5:
        worker.hung = !worker.hung;
        break;
      case 6:
        die(worker);
        break;
      case 7:
        worker.down = !worker.down;
        say(Side::backend, worker.id, FrameType::credit);
        break;
      case 8:
        pass(std::chrono::milliseconds(*rc::gen::inRange(1, 200)));
        break;
      case 9:
        leave(gateway);
        break;
    }
    balancer_.turn(now_);
    take_out();
    RC_ASSERT(static_cast<std::int64_t>(balancer_.queued()) <= kLimits.queued_max);
  }

  // Lets time pass until every deadline, and what is added to it, is over.
  void settle() {
    for (int i = 0; i < 80; ++i) pass(100ms);
    for (auto& [number, gateway] : gateways_) {
      RC_ASSERT(gateway.open.empty());
      // All of its window is there again, whatever was lost.
      RC_ASSERT(gateway.session == 0 || gateway.limit - gateway.sent == kLimits.queued_max);
    }
    RC_ASSERT(balancer_.queued() == 0 && balancer_.in_flight() == 0);
    balancer_.peers().for_each(
        [](std::uint32_t, const Peer& peer) { RC_ASSERT(peer.outstanding == 0); });
  }

 private:
  struct Gateway {
    std::string id;
    std::uint32_t session = 0;
    std::uint32_t sent = 0;
    std::uint32_t limit = 0;
    std::uint64_t stamp = 0;
    std::set<std::uint32_t> open;  // tags not answered yet
  };
  struct Worker {
    std::string id;
    std::uint32_t session = 0;
    std::uint32_t got = 0;
    std::uint32_t granted = 0;
    bool hung = false;
    bool down = false;
    std::vector<std::uint32_t> tags;
  };

  enum class Fate { comes, is_lost, comes_twice };  // of a frame on the way

  void hello(Gateway& gateway) { greet(Side::frontend, gateway.id); }
  void hello(Worker& worker) {
    if (!worker.hung) greet(Side::backend, worker.id);
  }
  void greet(Side side, const std::string& id) {
    std::string frame;
    messaging::write_header({.type = FrameType::hello, .aux = std::hash<std::string>{}(id)}, frame);
    balancer_.on_frame(side, id, frame + (side == Side::frontend ? '\1' : '\2') + id, now_);
    take_out();
  }
  void say(Side side, const std::string& id, FrameType type, std::uint16_t count = 0,
           const std::string& records = {}) {
    Header header{.type = type, .count = count};
    for (auto& [number, gateway] : gateways_) {
      if (gateway.id != id) continue;
      header.session = gateway.session;
      header.credit_limit = gateway.sent;
      header.aux = gateway.stamp;
    }
    for (auto& [number, worker] : workers_) {
      if (worker.id != id) continue;
      header.session = worker.session;
      header.credit_limit = worker.granted;
      header.flags = worker.down ? messaging::kFlagBackendDown : std::uint8_t{0};
    }
    if (header.session == 0) return;
    std::string frame;
    messaging::write_header(header, frame);
    balancer_.on_frame(side, id, frame + records, now_);
    take_out();
  }

  void ask(Gateway& gateway) {
    const auto count = *rc::gen::inRange<std::uint16_t>(1, 20);
    std::string records;
    const auto fate = *rc::gen::weightedElement<Fate>(
        {{18, Fate::comes}, {1, Fate::is_lost}, {1, Fate::comes_twice}});
    std::uint16_t sent = 0;
    for (; sent < count; ++sent) {
      const auto credit = static_cast<std::int32_t>(gateway.limit - gateway.sent);
      if (gateway.session == 0 || credit <= 0) break;
      messaging::RequestRecord record{.tag = next_tag_++,
                                      .budget_us = *rc::gen::inRange(0u, 3'000'000u),
                                      .tenant = *rc::gen::inRange(0u, 4u)};
      record.flags =
          *rc::gen::weightedElement<std::uint8_t>({{9, 0}, {1, messaging::kRecordAlone}});
      messaging::append_request(record, records);
      if (fate != Fate::is_lost) gateway.open.insert(record.tag);
      ++gateway.sent;
    }
    if (sent == 0 || fate == Fate::is_lost) return;
    const std::string id = gateway.id;
    say(Side::frontend, id, FrameType::request, sent, records);
    if (fate == Fate::comes_twice)
      say(Side::frontend, gateway.id, FrameType::request, sent, records);
  }
  void reply(Worker& worker) {
    if (worker.hung || worker.tags.empty()) return;
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, worker.tags.size() + 1);
    std::string records;
    for (std::size_t i = 0; i < count; ++i) {
      messaging::append_reply({.tag = worker.tags[i], .body = "done"}, records);
    }
    worker.tags.erase(worker.tags.begin(), worker.tags.begin() + static_cast<long>(count));
    say(Side::backend, worker.id, FrameType::reply, static_cast<std::uint16_t>(count), records);
  }
  void grant(Worker& worker) {
    if (worker.hung) return;
    const auto outstanding = static_cast<std::uint32_t>(worker.tags.size());
    worker.granted = worker.got - outstanding + *rc::gen::inRange(0u, 30u);
    say(Side::backend, worker.id, FrameType::credit);
  }
  void die(Worker& worker) {
    worker.session = 0;
    worker.tags.clear();
    balancer_.on_unreachable(Side::backend, worker.id, now_);
    take_out();
  }
  void leave(Gateway& gateway) {
    say(Side::frontend, gateway.id, FrameType::bye);
    gateway.session = 0;
    gateway.open.clear();
  }
  void pass(Duration time) {
    now_ += time;
    for (auto& [number, gateway] : gateways_) say(Side::frontend, gateway.id, FrameType::ping);
    for (auto& [number, worker] : workers_) {
      if (!worker.hung) say(Side::backend, worker.id, FrameType::ping);
    }
    balancer_.turn(now_);
    take_out();
  }

  void take_out() {
    for (const OutFrame& out : balancer_.out()) {
      Header header;
      RC_ASSERT(messaging::read_header(out.bytes, header));
      RC_ASSERT(header.count <= messaging::kFrameRecordsMax);
      if (out.side == Side::frontend) {
        for (auto& [number, gateway] : gateways_) {
          if (gateway.id == out.routing_id) take(gateway, header, out.bytes);
        }
      } else {
        for (auto& [number, worker] : workers_) {
          if (worker.id == out.routing_id) take(worker, header, out.bytes);
        }
      }
    }
    balancer_.clear_out();
  }
  void take(Gateway& gateway, const Header& header, std::string_view frame) {
    if (header.type == FrameType::welcome && header.session != gateway.session) {
      gateway = {gateway.id, header.session, 0, 0, 0, {}};
    }
    if (header.session != gateway.session) return;
    if (header.type == FrameType::reset) {
      gateway = {gateway.id, 0, 0, 0, 0, {}};
      return;
    }
    gateway.limit = header.credit_limit;
    gateway.stamp = header.aux;
    if (header.type != FrameType::reply) return;
    messaging::ReplyReader reader(frame, header);
    for (messaging::ReplyRecord record; reader.next(record);) {
      RC_ASSERT(gateway.open.erase(record.tag) == 1);  // Asked for, and not answered before.
    }
    RC_ASSERT(reader.ok());
  }
  void take(Worker& worker, const Header& header, std::string_view frame) {
    if (header.type == FrameType::welcome && header.session != worker.session) {
      worker = {worker.id, header.session, 0, 0, false, worker.down, {}};
    }
    if (header.session != worker.session) return;
    if (header.type == FrameType::reset) {
      worker.session = 0;
      worker.tags.clear();
    }
    if (header.type != FrameType::request) return;
    worker.got = header.credit_limit;
    if (*rc::gen::weightedElement<bool>({{19, false}, {1, true}})) return;  // Lost on the way.
    messaging::RequestReader reader(frame, header);
    for (messaging::RequestRecord record; reader.next(record);) {
      worker.tags.push_back(record.tag);
      RC_ASSERT(record.flags == 0 || header.count == 1);
    }
    RC_ASSERT(reader.ok());
    RC_ASSERT(static_cast<std::int32_t>(worker.granted - worker.got) >= 0);
  }

  TimePoint now_{1h};
  Metrics metrics_;
  Balancer balancer_;
  std::map<std::uint32_t, Gateway> gateways_;
  std::map<std::uint32_t, Worker> workers_;
  std::uint32_t next_tag_ = 1;
};

RC_GTEST_PROP(BalancerPropertyTest, AnswersEachRequestOnceAndExceedsNoCredit, ()) {
  World world;
  const int steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) world.step();
  world.settle();
}

}  // namespace
}  // namespace depot::load_balancer
