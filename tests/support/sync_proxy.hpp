// A bad network between one agent and one hub, on all three of their channels: it loses, doubles,
// delays and mixes up frames; cut, it passes none.
//
// The agent finds it where its own config.yml has the hub: with `ipc`, in its own runtime folder.
// An agent that comes anew gets a new connection to the hub, as it would without the proxy.
//
// Threads: made and destroyed by one; its frames are moved by a thread of its own, and the rest any
//          thread may call.
// Errors:  the constructor throws StartupError where an end cannot be bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>

#include "base/config.hpp"

namespace depot::test {

class SyncProxy {
 public:
  enum class Link { good, bad, cut };

  // Takes the hub's place in `agent`, and an agent's towards the hub in `hub`. The network is bad
  // from the start; `seed` says how.
  SyncProxy(const Config& agent, const Config& hub, int index, std::uint32_t seed);
  ~SyncProxy();
  SyncProxy(const SyncProxy&) = delete;
  SyncProxy& operator=(const SyncProxy&) = delete;

  void set(Link link) { link_ = link; }  // What is late when it is cut does not come.

  std::uint64_t passed() const { return passed_; }
  std::uint64_t lost() const { return lost_; }  // also by a cut
  std::uint64_t doubled() const { return doubled_; }
  std::uint64_t late() const { return late_; }

 private:
  class Wires;
  std::atomic<Link> link_{Link::bad};
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> passed_{0}, lost_{0}, doubled_{0}, late_{0};
  std::jthread thread_;
};

}  // namespace depot::test
