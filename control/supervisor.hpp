// Decides which processes to start, ask, end and start again; its loop (up.hpp) does it.
//
// A process that was ready and died is started at once. One that dies before it is ready is started
// after 0.1 s, doubling to 5 s. What is no longer wanted is asked to end and, after `stop_within`,
// killed. A stop ends rank by rank, the lowest first.
//
// Threads: one.
// Errors:  none.
// Source:  docs/OPERATIONS.md, "depot up".
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"

namespace depot::control {

struct ProcessSpec {
  std::string name;  // "worker-2"
  int rank = 0;      // of stopping
  Duration stop_within = std::chrono::seconds(15);
};

struct SupervisedProcess {
  enum class State { waiting, starting, ready, stopping };
  ProcessSpec spec;
  State state = State::waiting;
  bool wanted = true;
  std::string not_ready = "not started";  // "" when ready
  int restarts = 0;
  TimePoint started{};
  Duration back_off{};
  TimePoint due{};  // waiting: to start; starting and ready: to ask; stopping: to kill
  bool runs() const { return state != State::waiting; }
};

struct Action {
  enum class Kind { start, ask, terminate, kill };
  Kind kind = Kind::start;
  std::string name;
  bool operator==(const Action&) const = default;
};

class Supervisor {
 public:
  // From now on these are wanted, in the order of starting, and no others.
  void want(const std::vector<ProcessSpec>& specs, TimePoint now);
  void stop();  // Nothing is wanted any more. A repeat changes nothing.
  // What is due, each thing once. The loop reports a start that failed as an exit.
  std::vector<Action> decide(TimePoint now);
  void on_answer(const std::string& name, const std::string& not_ready, TimePoint now);
  void on_exit(const std::string& name, TimePoint now);

  bool stopping() const { return stopping_; }
  bool nothing_runs() const;
  bool settled() const;  // Exactly what is wanted runs and is ready.
  const std::vector<SupervisedProcess>& processes() const { return processes_; }

  static constexpr Duration kBackOffMin = std::chrono::milliseconds(100);
  static constexpr Duration kBackOffMax = std::chrono::seconds(5);
  static constexpr Duration kAskStarting = std::chrono::milliseconds(20);
  static constexpr Duration kAskReady = std::chrono::seconds(1);

 private:
  SupervisedProcess* find(const std::string& name);
  int rank_to_stop() const;  // of those that run and are not wanted, the lowest
  std::vector<SupervisedProcess> processes_;
  bool stopping_ = false;
};

}  // namespace depot::control
