// What happens in a run from outside: faults, purchases, and goods made anew. A seed makes the
// list; what is taken out of it leaves the rest as it was.
//
// Threads: values.
// Source:  Groce and others 2012, "Swarm Testing" (a mix for each run finds more than one for all).
// Errors:  parse() returns nullopt for what to_text() does not write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace depot::simulator {

// Processes by number.
inline constexpr unsigned kGateways = 2, kBalancers = 2, kWorkers = 3, kHubs = 2, kAgents = 3;
inline constexpr unsigned kFirstGateway = 0, kFirstBalancer = kFirstGateway + kGateways,
                          kFirstWorker = kFirstBalancer + kBalancers,
                          kFirstHub = kFirstWorker + kWorkers, kFirstAgent = kFirstHub + kHubs,
                          kStore = kFirstAgent + kAgents, kCustomers = kStore + 1,
                          kNodes = kCustomers + 1;
const std::string& name_of_node(unsigned node);  // "worker-2"

struct Action {
  enum class Kind : std::uint8_t {
    buy,     // detail: the purchase, by which all about it is made
    flood,   // detail: as buy; target: how many at once
    make,    // target: an agent; detail: what it offers more of
    kill,    // target: a process; for_ms: until it is started again; detail: what is lost
    freeze,  // SIGSTOP, and SIGCONT after for_ms; detail: within a worker's turn where odd
    stall,   // target and detail: two processes whose frames are held up for so long
    cut,     // their connection breaks, with what is on the way
    loss,    // frames of it get lost, doubled, late and mixed up, of the kinds that may
    slow,    // the store takes 50 times as long
    full,    // the store is short of memory: no new purchases
    stop,    // target: a balancer or worker, which ends in order; for_ms as of kill
  };
  std::int64_t at_ms = 0;
  Kind kind = Kind::buy;
  std::uint32_t target = 0, detail = 0;
  std::int64_t for_ms = 0;
  bool is_fault() const { return kind >= Kind::kill; }
  friend bool operator==(const Action&, const Action&) = default;
};
using Schedule = std::vector<Action>;  // by time

// Each seed has its own mix of faults, and its own rate of them: one in 1 to 6 s, of purchases one
// in 0.3 to 0.9 s. A third of the faults come into a flood of purchases.
Schedule schedule_for(std::uint64_t seed, Duration length);

std::string to_text(const Action& action);  // "1250 kill worker-2 0 800"
std::optional<Action> parse(std::string_view line);

}  // namespace depot::simulator
