// The private Redis server and its start wrapper.
//
// Before each start: redis-check-aof over the manifest; a bad tail of at most 1 MiB in the last
// file is copied aside and cut, anything else stops with an alarm (Redis 7.0.15 mis-repairs a tail
// torn inside MULTI: the second restart applies half of a dead transaction).
//
// It listens on a socket that only its starter knows, <redis_socket>'s folder/redis.new, which is
// renamed when all is well: no other process reads or writes data that nobody has judged.
//
// Threads: one, which outlives the server: the kernel's parent-death signal is per thread.
// Errors:  StartupError (exit 69) with the last lines of Redis' log and what to do.
// Source:  docs/ARCHITECTURE.md, "Start wrapper".
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/stop_signal.hpp"

namespace depot::store {

// Writes <dir>/redis.conf, checks the AOF, starts redis-server as a child, waits until it has
// loaded and answers, loads the function library, has `judge` look at the data through the url it
// is given, and opens it to all. What `judge` throws ends the server. The child dies with us
// (PR_SET_PDEATHSIG).
class RedisServer {
 public:
  RedisServer(const Config& config, Log& log,
              std::chrono::seconds load_timeout = std::chrono::seconds(120),
              const StopSignal* stop = nullptr,  // gives up when it is requested
              const std::function<void(const std::string& url)>& judge = nullptr);
  ~RedisServer();  // SHUTDOWN, and waits; SIGKILL after 10 s.
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int pid() const { return process_.pid(); }
  int pid_fd() const { return process_.fd(); }  // readable when it died

 private:
  Process start();
  void wait_until_loaded(std::chrono::seconds timeout, const StopSignal* stop);
  void make_ready();

  const Config& config_;
  const std::string socket_;  // until it is open to all
  const RedisLogin login_;    // there
  Log& log_;
  Process process_;
};

}  // namespace depot::store
