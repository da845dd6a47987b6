// One run of a load: its customers, what they saw, and how it ends.
//
// Threads: one, which must be the process' only one when it is made.
// Errors:  StartupError: exit 69 where the first gateway is not ready or a customer cannot sign up,
//          1 when it is interrupted before it buys.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/config.hpp"
#include "base/stop_signal.hpp"
#include "bench/engine.hpp"
#include "control/audit.hpp"

namespace depot::control {

// Name ("worker-1") and id of every process that `depot up` runs on this host, Redis included.
std::vector<std::pair<std::string, pid_t>> running_processes(const Config& config);

struct Closing {
  bool good = false;  // every order has its answer, and the audit is clean
  audit::AuditResult audit;
  std::string text = {};  // as printed
};
struct Extras {              // what one kind of load adds to the closing table and document
  std::string heading = {};  // a line above the table
  bench::Rows rows = {};
  boost::json::object members = {};
};

class Load {
 public:
  // `kind`: "show". What the customers saw lies in the folder `histories`, made where it is not;
  // for "" in a temporary one, which goes with the object, unless the run went wrong.
  Load(const Config& config, const std::string& kind, const std::string& histories = "");
  // One that goes on for ever: it keeps no histories, is not audited, and waits for gateways.
  struct Endless {};
  Load(const Config& config, const std::string& kind, Endless);
  // On another server that speaks the same API: nothing to import into, and no books to audit.
  struct Foreign {
    std::string gateway;  // "host:port"
  };
  Load(const Config& config, const std::string& kind, const Foreign& server);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  const Config& config;
  // Sets this run's keys and customers apart from another's: the same load is bought once more, and
  // the audit can tell an order that nobody asked for from one of an earlier run.
  const std::string run;
  const std::string name;  // "show-<run>"
  bench::EngineOptions engine;

  bool interrupted() const { return stop_.requested(); }
  // `rows` of a catalogue, as for `depot import`, without its header. quiet: says no progress.
  void import(const std::string& rows, bool quiet = false) const;
  // "<prefix>-0@load.example" and so on; "": of this run alone.
  void sign_up(std::size_t customers, const std::string& prefix = "");
  const std::vector<std::string>& emails() const { return emails_; }
  const std::vector<bench::Shopper>& shoppers() const { return shoppers_; }
  StopSignal& stop() { return stop_; }
  bench::Tally buy(bench::Source& source, const char* unit, std::uint64_t total);

  // Without an audit where the server is foreign: the audit with what the customers saw, then the
  // closing table, or one JSON document, on stdout.
  Closing close(const bench::Tally& tally, bool json, const Extras& extras = {});

 private:
  StopSignal stop_;
  std::string folder_;
  bool keep_;
  bool audited_ = true;
  std::vector<std::string> emails_;
  std::vector<bench::Shopper> shoppers_;
};

}  // namespace depot::control
