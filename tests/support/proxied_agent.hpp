// A manufacturer's agent as a process of its own, with a SyncProxy before each hub of a cluster,
// and what both sides say of its goods.
//
// Threads: one.
// Errors:  std::runtime_error where the agent cannot be started or a command fails.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/sync_proxy.hpp"

namespace depot::test {

// What an agent offers of one sku, and its production line: none where `batch` is 0.
struct Good {
  std::string sku;
  std::int64_t offered = 0;
  std::int64_t batch = 0;
  std::int64_t pause_at = 0;
};
// The agent's YAML file; a line makes a batch every 100 ms.
std::string agent_file(const std::string& id, const std::vector<Good>& goods);

// An agent's books and the distributor's, asked over their own interfaces.
class Books {
 public:
  // Enrols the manufacturer, whose agent has that admin socket. REQUIRES: the cluster runs.
  Books(const Cluster& cluster, const std::string& id, std::string admin_socket);

  std::optional<boost::json::value> status() const;  // the agent's own; nullopt while it is away
  // "" when the agent has nothing under way, its lines stand, and both sides hold the same numbers
  // of each sku: as wanted what the file offers and the lines made, neither more nor less, and
  // nothing of what has a line was ever taken back. REQUIRES: the file never offers less of that.
  std::string difference(const std::vector<Good>& goods) const;
  // One number of a sku, as the distributor has it: "sold", "cut"...; -1 where there is no such
  // sku.
  std::int64_t distributor(const std::string& sku, const std::string& field) const;

 private:
  using Totals = std::map<std::string, std::map<std::string, std::int64_t>>;  // by sku and field
  Totals distributors() const;
  const Cluster& cluster_;
  std::string admin_socket_, token_;
};

class ProxiedAgent {
 public:
  // Writes its files and starts it, behind bad networks to all hubs. REQUIRES: the cluster runs.
  ProxiedAgent(const Cluster& cluster, const std::string& id, std::vector<Good> goods,
               std::uint32_t seed);
  ~ProxiedAgent();  // SIGTERM, and expects it to end well.
  ProxiedAgent(const ProxiedAgent&) = delete;
  ProxiedAgent& operator=(const ProxiedAgent&) = delete;

  void offer(std::vector<Good> goods);  // rewrites its file
  void kill_and_start();                // SIGKILL
  bool revive();                        // Starts it where it has ended; whether it had.
  void freeze(bool frozen);             // SIGSTOP, SIGCONT
  void set(Link link);                  // of all its networks
  const SyncProxy& proxy(std::size_t hub = 0) const { return *proxies_.at(hub); }
  const Books& books() const { return *books_; }
  std::string difference() const { return books_->difference(goods_); }
  std::int64_t made() const;  // units of all lines in this cycle, as it says; 0 while it is away

 private:
  void start();
  std::string folder_, data_, id_, file_, fault_points_;
  std::vector<Good> goods_;
  Config config_;
  std::vector<std::unique_ptr<SyncProxy>> proxies_;
  std::optional<Books> books_;
  std::optional<Process> process_;
};

}  // namespace depot::test
