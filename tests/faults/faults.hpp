// What goes wrong in a cluster, by chance, one fault after the other; each heals, at the latest
// when the next one comes, or, of frames, the one after the next two.
//
// Threads: one.
// Errors:  std::runtime_error where a fault cannot be ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/deaf_subscriber.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/proxied_agent.hpp"
#include "tests/support/request_proxy.hpp"

namespace depot::test {

// All of them; those of agents begin with "agent.".
inline constexpr const char* kFaultPoints[] = {
    "worker.sent", "worker.answered", "balancer.answered", "gateway.answered",
    "hub.applied", "agent.journaled", "agent.received"};

class Faults {
 public:
  struct Hurt {  // whom
    Cluster& cluster;
    RequestProxies& frames;
    std::vector<std::unique_ptr<ProxiedAgent>>& agents;
  };
  struct Kind {
    std::string name;
    std::string how;  // it is injected
    unsigned weight;
    std::function<void(Faults&)> happen;
  };
  static const std::vector<Kind>& kinds();
  using Say = std::function<void(const std::string&)>;
  // `wake_fd`: readable when a pause is to end at once. `only`: the names of kinds; none are all.
  Faults(const Hurt& hurt, std::uint32_t seed, int wake_fd, Say say,
         const std::vector<std::string>& only);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  void happen();  // Ends the last one, and makes another.
  void heal();    // Ends all.
  void pause(std::chrono::milliseconds low, std::chrono::milliseconds high);

  const std::map<std::string, int>& counts() const { return counts_; }
  int kills() const;  // of them, power cuts among them

 private:
  std::size_t any(std::size_t count) { return random_() % count; }
  void note(const std::string& what);
  void end_last();
  void ask_redis(const std::vector<std::string>& command);
  pid_t pid_of_any(const std::string& program);

  void kill(const std::string& program);
  void freeze(const std::string& program);
  void kill_up();
  void freeze_up();
  void kill_agent();
  void freeze_agent();
  void agents_link();
  void frames();
  void fault_point();
  void cut_power();
  void fill_disk();
  void fill_memory();
  void take_descriptors();
  void break_config();
  void damage_library();
  void keep_redis_busy();
  void add_deaf_subscriber();
  void drop_ballast();

  const Hurt hurt_;
  std::minstd_rand random_;
  const int wake_fd_;
  const Say say_;
  std::vector<Kind> kinds_;  // that may happen
  std::map<std::string, int> counts_;
  std::string armed_;    // fault point
  std::size_t bad_ = 0;  // so many more faults that frames suffer through
  bool ballast_ = false;
  std::vector<DeafSubscriber> deaf_;
};

}  // namespace depot::test
