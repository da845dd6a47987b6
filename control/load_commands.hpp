// The commands that put a load on a cluster that runs, through the gateways, as customers do. Each
// signs customers up, buys, and proves the outcome by the audit, which is given what they saw.
//
// Threads: one, which must be the process' only one at the call.
// Errors:  StartupError: exit 69 where the cluster does not answer, 1 where a file is wrong
//          (nothing bought).
// Source:  docs/TRACES.md, bench/results/README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "protocol/orders.hpp"

namespace depot::control {

// All return 0 when every order got its answer and the audit is clean, else 1.

// A catalogue and a trace of orders, bought by many customers at once.
struct ReplayOptions {
  std::string catalogue, orders;  // CSV files
  int concurrency = 64;           // customers at once
  protocol::OrderMode mode = protocol::OrderMode::all_or_nothing;
  int repeat = 1;         // each order is sent so many times at once, with one key
  std::string histories;  // what the customers saw is kept in this folder; "": it is not kept
  bool json = false;
};
int run_replay(const Config& config, const ReplayOptions& options);

// The main job in view, in about ten seconds: 40 customers buy 300 orders; then 200 orders come at
// once for the last 10 units of one product, and a worker is killed meanwhile; the product is then
// withdrawn. It ends with the audit and with what each manufacturer was told.
int run_show(const Config& config);

// A workload (bench/workload.hpp), in a closed loop, or an open one with a rate. Reports purchases
// a second, latency, what each process spent of the CPU per purchase, and Redis' memory per order.
struct BenchOptions {
  std::string workload = "uniform";
  int connections = 64;
  int seconds = 10;
  int warm_up = 0;     // seconds of the same before, which do not count
  double rate = 0;     // arrivals a second; 0: a closed loop
  int products = 0;    // 0: the workload's
  int lines = 1;       // of an order
  int customers = 0;   // 0: one per connection
  int threads = 1;     // of the generator
  bool smoke = false;  // several small runs in 15 s instead
  std::vector<std::string> thresholds;
  std::string record;  // a Markdown file to append the result to; "": none
  std::string plots;   // a folder for pictures; "": none
  // Another server that speaks the same API, "host:port"; and its processes, "name=pid".
  std::string gateway;
  std::vector<std::string> processes;
  bool json = false;
};
int run_bench(const Config& config, const BenchOptions& options);

// Simulated customers who come, look around, fill carts, buy, cancel and come back.
struct ShopOptions {
  double rate = 2;  // purchases a second that are aimed at
  int customers = 40;
  int seconds = 30;  // 0: until stopped; then nothing is kept and nothing audited
  std::optional<std::uint64_t> seed;
  std::string burst;  // "200", "200@15": a flash sale, and its second
  std::string offer;  // what that sells; "": the most popular good that there is
  std::vector<std::string> manufacturers;  // "": those of demo.catalogues, else everybody
  std::optional<protocol::OrderMode> mode;
  std::string name;  // of the admin endpoint of one without end
  bool json = false, quiet = false;
};
int run_shop(const Config& config, const ShopOptions& options);

}  // namespace depot::control
