#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "base/fatal.hpp"
#include "base/process.hpp"
#include "bench/threshold.hpp"
#include "bench/workload.hpp"
#include "control/bench_plots.hpp"
#include "control/load.hpp"
#include "control/load_commands.hpp"
#include "control/status.hpp"

namespace depot::control {
namespace {

constexpr const char* kGenerator = "(generator)";
constexpr int kWindows = 100;  // that a run is kept in, of a second at least

// CPU seconds by kind of process: workers together, gateways together; the generator is us.
using Cpu = std::map<std::string, double>;

Cpu cpu_by_kind(const Config& config, const BenchOptions& options) {
  Cpu out{{kGenerator, cpu_seconds(getpid())}};
  if (!options.gateway.empty()) {
    for (const std::string& each : options.processes) {
      const std::size_t at = each.find('=');
      out[each.substr(0, at)] += cpu_seconds(std::atoi(each.c_str() + at + 1));
    }
    return out;
  }
  for (const auto& [name, pid] : running_processes(config)) {
    const std::size_t dash = name.find_last_not_of("0123456789");
    const bool numbered = dash + 1 < name.size() && name[dash] == '-';
    out[numbered ? name.substr(0, dash) : name] += cpu_seconds(pid);
  }
  return out;
}

// What the run cost: before it, and behind it.
struct Meter {
  Cpu cpu;
  double memory = 0;  // of Redis, bytes
};

Meter read_meter(const Config& config, const BenchOptions& options) {
  Meter meter{cpu_by_kind(config, options)};
  if (!options.gateway.empty()) return meter;
  const boost::json::value status = fetch_status(config);
  const auto* used = status.at("redis").as_object().if_contains("used_memory");
  if (used != nullptr && used->is_number()) meter.memory = used->to_number<double>();
  return meter;
}

struct Cost {
  Extras extras;
  double server_us = 0, bytes = 0;  // per purchase, or per answer where nothing was sold
};

Cost cost_of(const Meter& before, const Meter& after, const bench::Tally& tally) {
  const bool sells = tally.placed > tally.refused_total();
  const auto count = static_cast<double>(
      std::max<std::uint64_t>(1, tally.placed + (sells ? 0 : tally.refused_total())));
  Cost cost;
  bench::Rows& rows = cost.extras.rows;
  boost::json::object by_kind;
  for (const auto& [kind, seconds] : after.cpu) {
    const double was = before.cpu.contains(kind) ? before.cpu.at(kind) : 0;
    const double us = (seconds - was) * 1e6 / count;
    if (us < 0.05) continue;  // Those who had no part in it.
    if (kind != kGenerator) cost.server_us += us;
    by_kind[kind] = us;
    rows.emplace_back("", fmt::format("{:<12} {:.1f}", kind, us));
  }
  rows.insert(rows.begin(), {"server CPU", fmt::format("{:.1f} us per {}", cost.server_us,
                                                       sells ? "purchase" : "answer")});
  cost.extras.members = {{"server_cpu_us_per_purchase", cost.server_us},
                         {"cpu_us_per_purchase", by_kind}};
  if (after.memory > 0) {
    cost.bytes = (after.memory - before.memory) / count;
    rows.emplace_back("memory", fmt::format("{:.0f} bytes of Redis per {}", cost.bytes,
                                            sells ? "order" : "answer"));
    cost.extras.members["redis_bytes_per_order"] = cost.bytes;
  }
  return cost;
}

bench::NamedFigures figures_of(const bench::Tally& tally, const Cost& cost) {
  return {{"placed_per_second", tally.placed_per_second()},
          {"answers_per_second", tally.answers_per_second()},
          {"p50", tally.latency_ms(0.5)},
          {"p90", tally.latency_ms(0.9)},
          {"p99", tally.latency_ms(0.99)},
          {"p99.9", tally.latency_ms(0.999)},
          {"max", tally.latency_ms(1)},
          {"refused", static_cast<double>(tally.refused_total())},
          {"failed", static_cast<double>(tally.failed_total())},
          {"server_cpu_us", cost.server_us},
          {"redis_bytes_per_order", cost.bytes}};
}

std::vector<bench::Threshold> read_thresholds(const BenchOptions& options) {
  std::vector<bench::Threshold> all;
  for (const std::string& text : options.thresholds) {
    auto threshold = bench::parse_threshold(text, figures_of({}, {}));
    if (!threshold) throw StartupError(threshold.error().message, kExitUsage);
    all.push_back(std::move(*threshold));
  }
  return all;
}

// Whether all are kept to; says each that is not.
bool keeps_to(const std::vector<bench::Threshold>& thresholds, const bench::NamedFigures& figures) {
  bool good = true;
  for (const bench::Threshold& each : thresholds) {
    const double value = figures.at(each.name);
    if (each.holds(value)) continue;
    good = false;
    fmt::print(stderr, "threshold {}: it is {:.6g}\n", each.text, value);
  }
  return good;
}

std::string machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, model = "unknown CPU";
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  utsname system{};
  uname(&system);
  const double gib = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                     static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
  return fmt::format("{} x {}, {:.0f} GiB, {} {}", std::thread::hardware_concurrency(), model, gib,
                     system.sysname, system.release);
}

// The options that are not as they come.
std::string command_of(const BenchOptions& options) {
  std::string out = fmt::format("depot bench --workload {} --connections {} --seconds {}",
                                options.workload, options.connections, options.seconds);
  const auto add = [&out](const char* name, double value, double usual) {
    if (value != usual) out += fmt::format(" {} {:g}", name, value);
  };
  add("--warm-up", options.warm_up, 0);
  add("--rate", options.rate, 0);
  add("--products", options.products, 0);
  add("--lines", options.lines, 1);
  add("--customers", options.customers, 0);
  add("--threads", options.threads, 1);
  return out;
}

void record(const Config& config, const BenchOptions& options, const std::string& lines) {
  std::ofstream file(options.record, std::ios::app);
  file << fmt::format(
      "\n## {}: {}{}, {} connections, {} workers, fsync {}\n\n`{}` on {} (depot {}), generator on "
      "the same machine\n\n```\n{}```\n",
      to_rfc3339(wall_now()).substr(0, 10), options.workload,
      options.lines > 1 ? fmt::format(", {} lines an order", options.lines) : "",
      options.connections, config.workers.count, config.redis.fsync, command_of(options), machine(),
      DEPOT_VERSION, lines);
  file.close();
  if (!file) throw StartupError(options.record + ": cannot be written", kExitFailed);
}

bool run_one(const Config& config, const BenchOptions& options) {
  const auto thresholds = read_thresholds(options);
  const bool foreign = !options.gateway.empty();
  Load load =
      foreign ? Load(config, "bench", Load::Foreign{options.gateway}) : Load(config, "bench");
  bench::Workload workload = *bench::find_workload(options.workload);
  if (options.products > 0) workload.products = options.products;
  load.engine.lanes = static_cast<std::size_t>(options.connections);
  load.engine.threads = static_cast<std::size_t>(options.threads);
  load.engine.copies = workload.copies;
  const auto customers =
      options.customers > 0 ? static_cast<std::size_t>(options.customers) : load.engine.lanes;
  if (!foreign) load.import(bench::catalogue_rows(workload, config.currency));
  load.sign_up(customers);

  bench::BuysOptions buys{.prefix = load.name,
                          .lanes = load.engine.lanes,
                          .customers = customers,
                          .lines = options.lines,
                          .rate = options.rate};
  bench::Tally warm;
  if (options.warm_up > 0) {
    buys.prefix += "-w";
    buys.length = std::chrono::seconds(options.warm_up);
    bench::Buys source(workload, buys);
    warm = load.buy(source, "purchases", 0);
  }
  buys.prefix = load.name;
  buys.length = std::chrono::seconds(options.seconds);
  if (!options.plots.empty()) {
    load.engine.window = std::max<Duration>(std::chrono::seconds(1), buys.length / kWindows);
  }
  bench::Buys source(workload, buys);
  const Meter before = read_meter(config, options);
  bench::Tally tally = load.buy(source, "purchases", 0);
  Cost cost = cost_of(before, read_meter(config, options), tally);
  for (const auto& [name, count] : warm.failed) tally.failed[name] += count;
  cost.extras.heading = command_of(options) + "\n";
  cost.extras.members["workload"] = options.workload;
  cost.extras.members["command"] = command_of(options);
  const Closing closing = load.close(tally, options.json, cost.extras);
  if (!options.plots.empty()) write_plots(tally, options.plots);
  if (!options.record.empty()) record(config, options, closing.text);
  return keeps_to(thresholds, figures_of(tally, cost)) && closing.good;
}

}  // namespace

int run_bench(const Config& config, const BenchOptions& options) {
  if (!options.smoke) return run_one(config, options) ? kExitOk : kExitFailed;
  bool good = true;
  BenchOptions each = options;
  each.connections = 16;
  for (const auto& [workload, seconds, rate] :
       {std::tuple("uniform", 3, 0), {"zipf", 2, 300}, {"sold-out", 1, 0}, {"duplicates", 1, 0}}) {
    each.workload = workload;
    each.seconds = seconds;
    each.rate = rate;
    good = run_one(config, each) && good;
  }
  return good ? kExitOk : kExitFailed;
}

}  // namespace depot::control
