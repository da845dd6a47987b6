// A simulated Depot: the real deciders of 2 gateways, 2 balancers, 3 workers, 2 hubs and 3 agents,
// a store in memory and customers, in one thread and in virtual time.
//
// Each process has a clock of its own: no two of them agree what time it is. A run is made by its
// seed and its schedule alone; the same two give the same hash of all that happened.
//
// Not simulated: HTTP itself, accounts and passwords, carts, the sales cycle (one is open all the
// time), statements, a restored backup.
//
// Threads: one.
// Errors:  run() reports the first promise that was broken.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/config.hpp"
#include "base/log.hpp"
#include "tests/simulator/books.hpp"
#include "tests/simulator/mistake.hpp"
#include "tests/simulator/net.hpp"
#include "tests/simulator/schedule.hpp"
#include "tests/simulator/store.hpp"

namespace depot::simulator {

class World;

// How long the store takes for what is there, its fsync included: one to three times this.
inline constexpr Duration kStorePace = std::chrono::milliseconds(4);
inline constexpr unsigned kGoods = 3;  // of a manufacturer: s0, s1, s2

// A simulated process. It has lives: what it does not keep on disk ends with each.
class Node {
 public:
  Node(World& world, unsigned number);
  virtual ~Node() = default;
  virtual void start() = 0;  // a life begins
  virtual void stop() = 0;   // as by SIGKILL
  virtual void drain() {}    // as by SIGTERM
  virtual bool ended() const { return false; }
  virtual void turn() = 0;  // takes what has come, does what time asks for, sets tick_due
  virtual std::string unfinished() const { return ""; }  // what is left over where all is quiet

  TimePoint local() const;  // what its own clock says
  TimePoint tick_due{};     // by the world's

 protected:
  World& world_;
  const unsigned number_;
  const Duration clock_offset_;
  Random random_;
};

struct Options {
  std::uint64_t seed = 1;
  Duration length = std::chrono::minutes(10);
  Mistake mistake = Mistake::none;
  bool trace = false;  // every turn on stdout
};

struct Report {
  std::string violation;  // "": none
  Duration at{};          // when it was
  std::uint64_t hash = 0;
  Duration simulated{};     // with the end, where all heals
  Duration longest_open{};  // after healing: a purchase without a definite answer
  std::uint64_t turns = 0, faults = 0, purchases = 0, acknowledged = 0, refused = 0,
                unavailable = 0, timeouts = 0, failed = 0, lost = 0, repeats = 0, entries = 0;
  void add(const Report& other);
};

class World {
 public:
  World(const Options& options, Schedule schedule);
  ~World();
  Report run();

  // For nodes.
  const Options options;
  Config config;
  TimePoint now{std::chrono::hours(1)};
  WallTime wall() const {
    return WallTime(std::chrono::milliseconds(1'790'000'000'000)) +
           std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch());
  }
  Net net;
  Books books;
  Store store;
  Log log;
  std::array<TimePoint, kNodes> broken_at{};  // when somebody else ended a connection of it
  std::array<Duration, kNodes> frozen_for{};  // in all
  bool store_full = false;
  Duration store_pace = kStorePace;
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15 + (hash_ >> 29); }
  void say(unsigned node, std::string_view what);  // into the trace
  void answer_http(std::uint64_t http, int status, std::string body);
  void take_http(unsigned gateway, std::uint64_t http);
  Node& node(unsigned number) { return *nodes_[number]; }

 private:
  struct Due {  // the end of a fault
    TimePoint at;
    Action action;
  };

  void begin(const Action& action);
  void end(const Action& action);
  void kill(const Action& action, bool orderly = false);
  void step_to(TimePoint end);
  void turn(unsigned number);
  void heal();
  std::string unfinished() const;

  Schedule schedule_;
  std::size_t next_ = 0;
  std::vector<Due> ends_;
  bool healed_ = false;
  std::array<std::unique_ptr<Node>, kNodes> nodes_;
  std::array<Action, kNodes> stops_{};  // those under way
  Random random_;
  std::uint64_t hash_ = 0;
  Report report_;
};

}  // namespace depot::simulator
