// `depot up`: starts what config.yml names on this host, keeps it running, follows config.yml, and
// gathers all of it on the admin listener.
//
// The processes read the configuration in force from a copy below var/, so that one that is started
// again under a broken or half-applied config.yml does as the others do. Whenever Redis has loaded,
// the books are audited before anybody else is let in: nobody sells on wrong ones, unless the
// operator says so.
//
// Threads: one, besides the admin listener's and the sampler's (ops_sampler.hpp).
// Errors:  StartupError: exit 69 for a port in use or no Redis, 1 when another one runs here or the
//          books are wrong.
// Source:  docs/OPERATIONS.md, "depot up".
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/process.hpp"
#include "base/stop_signal.hpp"
#include "control/cluster_status.hpp"
#include "control/programs.hpp"
#include "store/launch.hpp"

namespace depot::control {

struct UpOptions {
  bool despite_audit = false;  // violations are said, and do not keep the workers out
};

class Up {
 public:
  Up(const Config& config, const UpOptions& options, Log& log, StopSignal& stop, Metrics& metrics);
  ~Up();  // Ends at once whatever still runs.
  void run();
  std::string not_ready() const { return view().not_ready(); }
  std::string metrics() const;
  UpView view() const;

 private:
  void perform(const Action& action, TimePoint now);
  void start(const std::string& name, TimePoint now);
  void trim_logs(TimePoint now);
  void reap(TimePoint now);
  void keep_redis(TimePoint now);
  void heed(const std::string& unsafe, TimePoint now);
  void start_redis();
  void audit_books(const std::string& redis_url);
  void follow_config(TimePoint now);
  void apply(const Config& fresh, TimePoint now);
  void want(TimePoint now);
  void publish();
  void wait();

  UpView state_;                    // the loop's own
  Config& config_ = state_.config;  // in force
  const UpOptions options_;
  Log& log_;
  StopSignal& stop_;
  Metrics& metrics_;
  Counter& restarts_;
  Gauge& ready_;
  std::string config_text_, config_seen_;  // what was followed; what the last look saw
  TimePoint config_due_{}, logs_due_{};
  std::optional<store::RedisServer> redis_;
  TimePoint redis_due_{};  // for the next attempt; max() when the books are wrong
  std::vector<Program> programs_;
  Supervisor supervisor_;
  std::map<std::string, Process> running_;
  std::string said_;  // the last thing waited for, so that it is said once
  bool announced_ = false;
  mutable std::mutex mutex_;  // guards published_, for as long as it is copied
  UpView published_;          // state_ as of the last turn
};

// The command: returns its exit code.
int run_up(const Config& config, const UpOptions& options);

}  // namespace depot::control
