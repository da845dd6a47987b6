// What a bad network does to frames: it loses, doubles, delays and mixes them up; cut, it passes
// none. Proxy is one between processes, whose sockets (Wires) are its own kind's affair.
//
// Threads: a Proxy is made and destroyed by one; its frames are moved by a thread of its own, in
//          which the Wires and their Lanes live, and the rest any thread may call.
// Errors:  Proxy::start() throws StartupError where an end cannot be bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace depot::test {

enum class Link { good, bad, cut };

// How often a bad one does what, of 100 frames.
struct BadLink {
  unsigned lost = 10, doubled = 10, late = 10;
};

class Network {
 public:
  Network(const BadLink& bad, std::uint32_t seed) : bad_(bad), random_(seed) {}
  std::atomic<Link> state{Link::bad};
  std::atomic<std::uint64_t> passed{0}, lost{0}, doubled{0}, late{0};

 private:
  friend class Lane;
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  const BadLink bad_;
  std::mt19937 random_;
};

using Parts = std::vector<std::string>;  // of a message

// One direction of one connection. What is late when the network is cut does not come.
class Lane {
 public:
  using Deliver = std::function<void(const Parts&)>;
  Lane(Network& network, Deliver deliver) : network_(network), deliver_(std::move(deliver)) {}
  void take(const Parts& frame, TimePoint now);
  void turn(TimePoint now);
  void clear() { held_.clear(); }

 private:
  struct Held {
    Parts frame;
    std::uint64_t at;  // Goes out once so many frames were seen,
    TimePoint until;   // or then.
  };
  void release(TimePoint now);
  Network& network_;
  Deliver deliver_;
  std::uint64_t seen_ = 0;
  std::list<Held> held_;
};

class Proxy {
 public:
  using Link = test::Link;
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  void set(Link link) { network_.state = link; }

  std::uint64_t passed() const { return network_.passed; }
  std::uint64_t lost() const { return network_.lost; }  // also by a cut
  std::uint64_t doubled() const { return network_.doubled; }
  std::uint64_t late() const { return network_.late; }

 protected:
  class Wires {
   public:
    virtual ~Wires() = default;
    virtual void turn() = 0;  // Waits a moment for frames, and moves those that came.
  };
  using Make = std::function<std::unique_ptr<Wires>(Network&)>;

  // The network is bad from the start; `seed` says how.
  Proxy(const BadLink& bad, std::uint32_t seed) : network_(bad, seed) {}
  ~Proxy() { stopped_ = true; }
  void start(const Make& make);  // Returns when the wires are there.

 private:
  Network network_;
  std::atomic<bool> stopped_{false};
  std::jthread thread_;
};

}  // namespace depot::test
