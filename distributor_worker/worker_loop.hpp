// Moves requests, commands, password tasks and answers between the links to the balancers, Redis,
// the Hasher and the Worker.
//
// Threads: the constructor and run() belong to one thread; board() to anybody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/status_board.hpp"
#include "base/stop_signal.hpp"
#include "distributor_worker/hasher.hpp"
#include "distributor_worker/worker.hpp"
#include "messaging/link.hpp"
#include "messaging/poller.hpp"
#include "store/redis_client.hpp"

namespace depot::distributor_worker {

class WorkerLoop final : private WorkerActions {
 public:
  WorkerLoop(messaging::Context& context, const Config& config, const std::string& name,
             Metrics& metrics, Log& log);
  ~WorkerLoop() override;

  // Returns once stop was asked for and what was taken on is answered, after workers.drain_timeout
  // at the latest; at once on a second signal.
  void run(const StopSignal& stop);

  const StatusBoard& board() const { return board_; }  // at most 100 ms old

 private:
  struct Line;

  void call(std::uint32_t tag, std::span<const std::string_view> arguments) override;
  void hash(HashTask task) override;
  bool timely(const Origin& origin) override;
  void answer(const Origin& origin, protocol::Status status, std::uint16_t retry_after_ms,
              std::string_view body) override;

  bool turn();
  void drop_late_commands();
  void wait();
  void watch_redis();
  void report();

  Log& log_;
  const Duration drain_timeout_;
  store::RedisClient redis_;
  Worker worker_;
  Hasher hasher_;
  std::vector<std::unique_ptr<Line>> lines_;
  messaging::Poller poller_;
  std::size_t redis_place_ = 0;
  TimePoint now_, memory_due_{}, report_due_{}, error_due_{}, malformed_due_{};
  TimePoint drain_end_ = TimePoint::max();
  bool connected_ = false;
  LatencyMetric& redis_time_;
  Gauge &waiting_, &redis_connected_, &stopped_;
  Counter &errors_, &malformed_;
  StatusBoard board_;
};

}  // namespace depot::distributor_worker
