// A whole Depot of real processes in a folder of its own: `depot up` on a config.yml made here, a
// private Redis, ports that nobody else has.
//
// It promises to leave nothing behind: its destructor stops what it started and removes its folder,
// also when a test failed half-way, and reports what a sanitizer found in any of the processes.
//
// Threads: one, except pids() and kill(), which any thread may call.
// Errors:  std::runtime_error with the last lines of the processes' logs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/process.hpp"
#include "store/blocking.hpp"
#include "tests/support/command.hpp"

namespace depot::test {

struct Offer {
  std::string manufacturer = {};
  std::string sku = {};
  std::int64_t offered = 0;
  std::string unit_price = "10.00";
  std::string name = {};               // "" : "Product <sku>"
  std::string manufacturer_name = {};  // "" : "Manufacturer <id>"
  std::string id() const { return manufacturer + ":" + sku; }
};

// Ports in a row that no other test of this machine uses while the object lives.
class PortBlock {
 public:
  static constexpr int kSize = 8;
  PortBlock();
  ~PortBlock();
  PortBlock(const PortBlock&) = delete;
  PortBlock& operator=(const PortBlock&) = delete;
  int first() const { return first_; }

 private:
  int first_ = 0;
  int claim_ = -1;  // an abstract unix socket, bound: the kernel drops the claim with us
};

class Cluster {
 public:
  // "section.key" -> value, over defaults that suit tests (two workers, cheap password hashing).
  //   Cluster cluster{{"workers.count", "3"}, {"gateway.count", "2"}};
  using Settings = std::map<std::string, std::string>;

  Cluster(std::initializer_list<Settings::value_type> settings);
  Cluster() : Cluster(std::initializer_list<Settings::value_type>{}) {}
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Returns when every gateway is ready. `words`: more of them behind `depot up`.
  void start(const std::vector<std::string>& words = {});
  // From the next start on the wall clock of all its processes, Redis among them, is so far ahead.
  void shift_clock(std::chrono::seconds shift) { clock_shift_ = shift; }
  // From the next start on the disk is slow, and it is noted what a power cut would leave.
  void note_syncs(std::chrono::milliseconds each) { sync_time_ = each; }
  // From the next start on the disk takes so many bytes a second; a purchase has some hundreds.
  void limit_disk(std::int64_t bytes_a_second) { disk_bytes_ = bytes_a_second; }
  // Redis and the machine's power go at once: its append-only file ends where the last completed
  // fsync did, and behind that with the part of a write that `torn` of 0 to 1 says. `depot up` sees
  // it afterwards. The bytes that are gone.
  std::int64_t cut_power(double torn);
  // REQUIRES: note_syncs(). Redis' disk takes nothing more, or does again.
  void fill_disk(bool full);
  // From the next start on gateways and workers look for balancers in this folder, which is made:
  // for RequestProxies.
  const std::string& detour();
  // The next process of the cluster, or agent, that passes this point ends there as by SIGKILL;
  // armed() until then. REQUIRES: the programs are a test build's.
  void arm(const std::string& fault_point) const;
  bool armed(const std::string& fault_point) const;
  void disarm(const std::string& fault_point) const;
  std::string fault_points() const { return folder() + "/points"; }  // DEPOT_FAULT_POINTS
  void stop();  // SIGTERM, and waits until all have ended
  // `depot up` dies as by SIGKILL and is started again at once, as systemd does, while what the
  // first one had started still ends. Returns those when every gateway is ready.
  std::vector<pid_t> kill_up_and_start();
  bool running() { return up_ && up_->running(); }
  Process& supervisor() { return up_.value(); }  // `depot up` itself

  const std::string& folder() const { return folder_.path(); }
  std::string agents() const { return folder() + "/var/manufacturers"; }  // their --data
  std::string config_path() const { return folder_.path() + "/config.yml"; }
  const Config& config() const { return config_; }
  void rewrite_config(const Settings& changes);  // as an operator's editor would, in one rename
  int port(int gateway = 0) const { return ports_.first() + gateway; }
  std::string admin() const;  // "127.0.0.1:port"

  // Processes of this cluster whose program is `name` ("depot-worker", "redis-server"), or all but
  // `depot up` where that is "", now.
  std::vector<pid_t> pids(const std::string& name) const;
  void kill(const std::string& name);  // SIGKILL to the first of them; does nothing without one

  // `depot WORDS... --config <ours>`.
  CommandResult depot(std::vector<std::string> words,
                      std::chrono::seconds timeout = std::chrono::seconds(120)) const;
  // Brings offers in by `depot import` and expects it to succeed.
  void import(const std::vector<Offer>& offers) const;
  // Expects the books to be right.
  void expect_clean_audit(const std::string& histories = "") const;

  // What all processes of the cluster that answer measure.
  std::string metrics() const;
  // The sum of a metric's samples over all processes of the cluster that answer.
  double metric(const std::string& name) const;

  store::BlockingRedis redis() const;
  std::string logs() const;  // of all processes

 private:
  TempFolder folder_;
  PortBlock ports_;
  Settings settings_;
  Config config_;
  std::optional<Process> up_;
  std::chrono::seconds clock_shift_{0};
  std::chrono::milliseconds sync_time_{0};
  std::string detour_;
  std::int64_t disk_bytes_ = 0;
  void write_config();
  void check_logs();
};

std::string catalogue_csv(const std::vector<Offer>& offers);

}  // namespace depot::test
