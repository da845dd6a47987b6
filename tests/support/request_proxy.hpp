// A bad network between gateways, or workers, and the balancers of a cluster.
//
// A preloaded library leads the peers to it (detour.cpp): where they would connect to a balancer's
// ipc socket, they connect to one of the same name in another folder. Each peer's connection has
// one of its own behind the proxy, so that a balancer sees who is who; a connection that nothing
// came from for 5 s is ended.
//
// Threads, errors: as Proxy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "tests/support/bad_network.hpp"

namespace depot::test {

class RequestProxy final : public Proxy {
 public:
  // Takes a balancer's place at `peers`, and a peer's towards `balancer`: two endpoints.
  RequestProxy(const std::string& peers, const std::string& balancer, const BadLink& bad,
               std::uint32_t seed);

 private:
  class RequestWires;
};

// Before both sides of each balancer of a cluster.
class RequestProxies {
 public:
  // `detour`: Cluster::detour(), taken before its start. Good, until told otherwise.
  RequestProxies(const Config& config, const std::string& detour, const BadLink& bad,
                 std::uint32_t seed);
  void set(Link link);                     // of all
  void set(std::size_t index, Link link);  // of one, below size()
  std::size_t size() const { return proxies_.size(); }
  const std::string& name(std::size_t index) const { return names_.at(index); }  // "frontend-2"
  std::uint64_t lost() const;
  std::uint64_t doubled() const;
  std::uint64_t late() const;

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<RequestProxy>> proxies_;
};

}  // namespace depot::test
