// What `depot up` tells of its host: one JSON document, and every process' metrics as one text.
//
// Threads: any. Each call asks all processes at once, and waits for at most 300 ms: a cluster whose
//          processes are all stopped is shown as that after one such time.
// Errors:  none; a process that does not answer is shown as that.
// Source:  docs/OPERATIONS.md, "depot status".
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "control/supervisor.hpp"
#include "store/blocking.hpp"

namespace depot::control {

// A copy of what the loop knows, made at each of its turns.
struct UpView {
  struct Row {
    SupervisedProcess process;
    int pid = 0;
  };
  std::vector<Row> rows = {};
  bool settled = false;
  Config config = {};           // in force
  std::string redis_down = {};  // why there is no Redis to work on; "" when there is
  int redis_restarts = 0;
  std::string books_wrong = {};   // what the audit found when Redis had loaded; "": all is well
  std::string config_error = {};  // of the file on disk; "": it is good
  std::vector<std::string> restart_keys = {};  // changed on disk, not yet in force
  std::string not_ready() const;               // the first reason; "" when all is ready
};

// `redis`: a connection to keep between calls, made where there is none. Agents tell of each of
// their goods: they are asked only where `agents`.
boost::json::object status_document(const UpView& view, std::optional<store::BlockingRedis>& redis,
                                    bool agents = true);

// What each of `processes` answers to GET `path`, by its name; "" where it does not answer.
std::map<std::string, std::string> ask(const Config& config,
                                       const std::vector<std::string>& processes, const char* path);

// "worker" of "worker-2"; an agent is "manufacturer".
std::string_view kind_of(std::string_view process);

// Every family once, each sample with a label process="<name>"; `own` is the supervisor's text.
std::string merged_metrics(const UpView& view, const std::string& own);

// What the process at `where` ("host:port", "unix:/path") waits for by its /readyz; "" when it is
// ready, `silent` when no answer comes.
std::string ask_ready(const std::string& where, std::chrono::milliseconds limit,
                      const std::string& silent);

std::string_view name_of(SupervisedProcess::State state);

}  // namespace depot::control
