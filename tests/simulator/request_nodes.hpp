// The processes of a purchase: gateway, balancer, worker, each the real decider in a loop like the
// product's, without sockets.
//
// Threads: one.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "customer_gateway/requests.hpp"
#include "distributor_worker/worker.hpp"
#include "load_balancer/balancer.hpp"
#include "messaging/session.hpp"
#include "tests/simulator/store_client.hpp"
#include "tests/simulator/world.hpp"

namespace depot::simulator {

// As customer_gateway::LinkBackend, the HTTP side and CatalogueFeed have it.
class GatewayNode final : public Node {
 public:
  GatewayNode(World& world, unsigned number);
  ~GatewayNode() override;
  void start() override;
  void stop() override;
  void turn() override;
  std::string unfinished() const override;
  void request(std::uint64_t http);  // an HTTP request has come
  unsigned follows() const;          // the hub, as a process; kNodes while it is dead

 private:
  struct Line;
  struct Life;
  void on_outcome(std::uint64_t http, TimePoint asked, Duration frozen,
                  const customer_gateway::Outcome& outcome);
  std::unique_ptr<Life> life_;
  TimePoint ticked_{};
};

// As load_balancer::BalancerLoop has it.
class BalancerNode final : public Node {
 public:
  BalancerNode(World& world, unsigned number) : Node(world, number) {}
  void start() override;
  void stop() override { life_.reset(); }
  void drain() override;
  bool ended() const override { return life_ && life_->ended; }
  void turn() override;
  std::string unfinished() const override;

 private:
  struct Life {
    Life(const LoadBalancerConfig& limits, std::uint32_t seed, TimePoint now)
        : balancer(limits, seed, now, metrics) {}
    Metrics metrics;
    load_balancer::Balancer balancer;
    std::set<std::uint64_t> asked;  // session and tag of what gateways asked
    TimePoint drain_end = TimePoint::max();
    bool ended = false;
  };
  void receive(load_balancer::Side side, const Item& item);
  void send();
  void check_requests(std::string_view frame);
  void check_replies(std::string& frame);
  std::unique_ptr<Life> life_;
};

// As distributor_worker::WorkerLoop has it.
class WorkerNode final : public Node, private distributor_worker::WorkerActions {
 public:
  WorkerNode(World& world, unsigned number);
  ~WorkerNode() override;
  void start() override;
  void stop() override;
  void drain() override;
  bool ended() const override;
  void turn() override;
  std::string unfinished() const override;
  // The next turn with something to write stops before it is written.
  void stop_within_turn(Duration time) { stop_within_ = time; }

 private:
  struct Line;
  struct Life;

  void call(std::uint32_t tag, std::span<const std::string_view> arguments) override;
  void hash(distributor_worker::HashTask) override {}
  bool timely(const distributor_worker::Origin& origin) override;
  void answer(const distributor_worker::Origin& origin, protocol::Status status,
              std::uint16_t retry_after_ms, std::string_view body) override;

  void receive();
  void finish_turn();
  void end_where_drained();
  void drop_late_commands();
  void on_written(std::string_view body) const;
  void watch_store();

  StoreClient store_;
  std::unique_ptr<Life> life_;
  TimePoint now_{}, memory_due_{};
  Duration stop_within_{};
  bool half_way_ = false;
  std::uint64_t turns_ = 0;
  // HTTP requests: when they came, and how long this process had been stopped until then.
  std::unordered_map<std::uint64_t, std::pair<TimePoint, Duration>> came_;
};

}  // namespace depot::simulator
