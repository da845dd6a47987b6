// What a process's loop says of itself to its admin endpoint: why it is not ready, and its status.
//
// Threads: any.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace depot {

class StatusBoard {
 public:
  void set_not_ready(std::string why) { set(not_ready_, std::move(why)); }  // "" when ready
  void set_status(std::string json) { set(status_, std::move(json)); }
  std::string not_ready() const { return get(not_ready_); }
  std::string status() const { return get(status_); }

 private:
  void set(std::string& place, std::string text) {
    const std::lock_guard lock(mutex_);
    place.swap(text);
  }
  std::string get(const std::string& place) const {
    const std::lock_guard lock(mutex_);
    return place;
  }
  mutable std::mutex mutex_;  // held for the copy of a string
  std::string not_ready_ = "starting";
  std::string status_ = "{}";
};

}  // namespace depot
