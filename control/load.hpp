// What the commands that put a load on Depot have in common: replay, show, bench.
//
// Threads: one.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/config.hpp"
#include "bench/tally.hpp"
#include "control/audit.hpp"

namespace depot::control {

// Throws StartupError (exit 69) where the first gateway is not ready.
void expect_ready(const Config& config);

// Name ("worker-1") and id of every process that `depot up` runs on this host, Redis included.
// Throws StartupError (exit 69) where its admin listener does not answer.
std::vector<std::pair<std::string, pid_t>> running_processes(const Config& config);

// The folder named, made where it is not; or a temporary one that goes with the object, unless
// keep() was called.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& named = "");
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

// One offer of a catalogue that a load brings in.
struct LoadOffer {
  std::string manufacturer, manufacturer_name, sku, name;
  std::int64_t unit_price_minor = 0, offered = 0;
};
void import_offers(const Config& config, const std::vector<LoadOffer>& offers);

// Sets one run's keys and customers apart from another's: the same load is bought once more, and
// the audit can tell an order that nobody asked for from one of an earlier run.
std::string make_run_id();

// Ends a load: the audit with the histories in `folder`, then the closing table, or one JSON
// document, on stdout. The histories of a run that is not good are kept, and named on stderr.
struct Closing {
  bool good = false;  // every order has its answer, and the audit is clean
  audit::AuditResult audit;
  std::string text = {};  // as printed
};
struct ClosingOptions {
  bool json = false;
  bench::Rows rows = {};  // more of them, below the tally's
  boost::json::object members = {};
};
Closing close_load(const Config& config, const bench::Tally& tally, ScratchFolder& folder,
                   const ClosingOptions& options = {});

}  // namespace depot::control
