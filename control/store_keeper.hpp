// Looks every second whether Redis still has the function library, and loads it where it is missing
// or an older one that lacks functions: until then every purchase is 503. And whether it is set as
// it was judged at the start: a Redis of somebody else's may be started again, or told otherwise.
//
// Threads: made and destroyed by one; looks in a thread of its own; unsafe() is anybody's.
// Errors:  none; while Redis is not there, which everybody else says, it waits for the next second.
// Source:  docs/STORE.md, "Functions"; docs/OPERATIONS.md, "Data".
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "store/blocking.hpp"

namespace depot::control {

class StoreKeeper {
 public:
  StoreKeeper(const Config& config, Log& log, Metrics& metrics);
  ~StoreKeeper();  // Waits for the look under way, a second at most.
  // Why an external Redis would lose orders, as of the last look that it answered; "": it would
  // not.
  std::string unsafe() const;

 private:
  void run(const std::stop_token& stop);
  void look();
  bool judge();  // False where Redis does not answer.
  bool keep_library();
  const RedisLogin login_;
  const bool external_, allow_unsafe_;
  Log& log_;
  Counter& restored_;
  std::optional<store::BlockingRedis> redis_;  // the thread's own
  mutable std::mutex mutex_;
  std::string unsafe_;  // guarded
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace depot::control
