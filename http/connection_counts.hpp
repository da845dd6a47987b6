// How many connections there are, in all and by address, of all Servers that share the counts.
//
// Threads: any; locked as a connection is accepted and as it closes, never in between.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace depot::http {

class ConnectionCounts {
 public:
  // False, and nothing is counted, where one more would pass a limit.
  bool add(const std::string& address, int max, int per_address_max) {
    const std::scoped_lock lock(mutex_);
    if (total_ >= max) return false;
    const auto found = by_address_.try_emplace(address, 0).first;
    const bool fits = found->second < per_address_max;
    if (fits) {
      ++found->second;
      ++total_;
    }
    return fits;
  }

  // REQUIRES: add() returned true for it.
  void remove(const std::string& address) {
    const std::scoped_lock lock(mutex_);
    const auto found = by_address_.find(address);
    if (--found->second == 0) by_address_.erase(found);
    --total_;
  }

 private:
  std::mutex mutex_;
  int total_ = 0;
  std::unordered_map<std::string, int> by_address_;
};

}  // namespace depot::http
