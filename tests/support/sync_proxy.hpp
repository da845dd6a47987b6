// A bad network between one agent and one hub, on all three of their channels.
//
// The agent finds it where its own config.yml has the hub: with `ipc`, in its own runtime folder.
// An agent that comes anew gets a new connection to the hub, as it would without the proxy.
//
// Threads, errors: as Proxy.
#pragma once

#include <cstdint>

#include "base/config.hpp"
#include "tests/support/bad_network.hpp"

namespace depot::test {

class SyncProxy final : public Proxy {
 public:
  // Takes the hub's place in `agent`, and an agent's towards the hub in `hub`.
  SyncProxy(const Config& agent, const Config& hub, int index, std::uint32_t seed);

 private:
  class SyncWires;
};

}  // namespace depot::test
