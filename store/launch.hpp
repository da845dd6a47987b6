// The private Redis server and its start wrapper.
//
// Before each start: redis-check-aof over the manifest; a bad tail of at most 1 MiB in the last
// file is copied aside and cut, anything else stops with an alarm (Redis 7.0.15 mis-repairs a tail
// torn inside MULTI: the second restart applies half of a dead transaction).
//
// Threads: one, which outlives the server: the kernel's parent-death signal is per thread.
// Errors:  StartupError (exit 69) with the last lines of Redis' log and what to do.
// Source:  docs/ARCHITECTURE.md, "Start wrapper".
#pragma once

#include <chrono>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/stop_signal.hpp"

namespace depot::store {

// Writes <dir>/redis.conf, checks the AOF, starts redis-server as a child, waits until it has
// loaded and answers, loads the function library. The child dies with us (PR_SET_PDEATHSIG).
class RedisServer {
 public:
  RedisServer(const Config& config, Log& log,
              std::chrono::seconds load_timeout = std::chrono::seconds(120),
              const StopSignal* stop = nullptr);  // gives up when it is requested
  ~RedisServer();                                 // SHUTDOWN, and waits; SIGKILL after 10 s.
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int pid() const { return process_.pid(); }
  int pid_fd() const { return process_.fd(); }  // readable when it died

 private:
  Process start();
  void wait_until_loaded(std::chrono::seconds timeout, const StopSignal* stop);
  void make_ready();

  const Config& config_;
  Log& log_;
  Process process_;
};

}  // namespace depot::store
