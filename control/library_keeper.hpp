// Looks every second whether Redis still has the function library, and loads it where it is missing
// or an older one that lacks functions: until then every purchase is 503.
//
// Threads: made and destroyed by one; looks in a thread of its own.
// Errors:  none; while Redis is not there, which everybody else says, it waits for the next second.
// Source:  docs/STORE.md, "Functions".
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "store/blocking.hpp"

namespace depot::control {

class LibraryKeeper {
 public:
  LibraryKeeper(const Config& config, Log& log, Metrics& metrics);
  ~LibraryKeeper();  // Waits for the look under way, a second at most.

 private:
  void run(const std::stop_token& stop);
  void look();
  const RedisLogin login_;
  Log& log_;
  Counter& restored_;
  std::optional<store::BlockingRedis> redis_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace depot::control
