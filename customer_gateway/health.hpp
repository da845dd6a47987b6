// Whether this gateway can sell, as the last question to the whole chain found: a balancer, a
// worker behind it, Redis behind that, and a catalogue.
//
// Threads: any.
// Source:  docs/openapi.yaml, /readyz.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace depot::customer_gateway {

class Health {
 public:
  // "" when ready, else why not.
  std::string not_ready() const {
    const std::scoped_lock lock(mutex_);
    return draining_ ? "draining" : reason_;
  }
  void set(std::string reason) {
    const std::scoped_lock lock(mutex_);
    reason_ = std::move(reason);
  }
  void drain() {  // For good.
    const std::scoped_lock lock(mutex_);
    draining_ = true;
  }

 private:
  mutable std::mutex mutex_;  // guards both, for as long as they are copied
  std::string reason_ = "starting";
  bool draining_ = false;
};

}  // namespace depot::customer_gateway
