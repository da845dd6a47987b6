// Looks at every process and at Redis now and then, and remembers the numbers for /ops.
//
// It asks no more than /ops shows: the status of each process but the agents', the metrics of the
// gateways, Redis in two trips, and now and then the cycles; CPU and memory come from the kernel.
//
// Threads: an actor with its own thread; state() is anybody's.
// Errors:  none; a process that does not answer leaves its numbers as they were.
// Source:  docs/OPERATIONS.md, "Health and numbers".
#pragma once

#include <boost/json/value.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "control/cluster_status.hpp"
#include "control/cycle_rows.hpp"
#include "control/ops_series.hpp"

namespace depot::control {

struct ProcessUse {
  double cpu = 0;  // cores, since the sample before
  double resident_bytes = 0;
};

struct OpsState {
  // The newest status document (cluster_status.hpp); null before the first.
  std::shared_ptr<const boost::json::value> status = std::make_shared<boost::json::value>();
  std::map<std::string, ProcessUse> use = {};  // by process; "redis" and "up" as well
  std::deque<Sample> samples = {};             // oldest first, at most admin.samples_max
  std::vector<CycleRow> cycles = {};           // oldest first; those that the store tells of
};

class OpsSampler {
 public:
  OpsSampler(const AdminConfig& config, std::function<UpView()> view);
  ~OpsSampler();  // Asks it to stop, and waits for the sample under way.
  OpsState state() const;

 private:
  void run(const std::stop_token& stop);
  void take_sample();
  void look_at_cycles();
  void add(const std::string& name, int pid, const Counts& counts, std::int64_t resident);

  const std::function<UpView()> view_;
  const Duration every_;
  const std::size_t samples_max_;
  // The thread's own:
  std::optional<store::BlockingRedis> redis_;
  Totals totals_;
  std::map<std::string, ProcessUse> use_;
  TimePoint taken_{};
  double elapsed_ = 0;  // seconds, since the sample before
  TimePoint cycles_due_{};

  mutable std::mutex mutex_;  // state_, for as long as it is copied
  std::condition_variable_any wake_;
  OpsState state_;
  std::jthread thread_;
};

}  // namespace depot::control
