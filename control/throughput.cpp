#include "control/throughput.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "bench/engine.hpp"
#include "control/load.hpp"
#include "control/programs.hpp"

namespace depot::control {
namespace {

constexpr int kManufacturers = 30;
constexpr std::int64_t kOffered = 1'000'000'000;  // Never sold out: that is another workload.
constexpr std::int64_t kPrice = 1'999;

std::vector<LoadOffer> make_offers(int products) {
  std::vector<LoadOffer> offers;
  for (int i = 0; i < products; ++i) {
    const std::string maker = fmt::format("bench-{:02}", i % kManufacturers);
    offers.push_back({maker, "Manufacturer " + maker, fmt::format("P{:05}", i),
                      fmt::format("Product {:05}", i), kPrice, kOffered});
  }
  return offers;
}

// One unit of a random product after the other, until the time is over.
class RandomBuys : public bench::Source {
 public:
  RandomBuys(const std::vector<LoadOffer>& offers, std::string run, std::size_t lanes,
             Duration duration)
      : run_(std::move(run)), end_(steady_now() + duration), lanes_(lanes) {
    for (const LoadOffer& offer : offers) offers_.push_back(offer.manufacturer + ":" + offer.sku);
    for (Lane& lane : lanes_) {
      lane.random.seed(static_cast<std::minstd_rand::result_type>(random_u64()));
    }
  }

  std::optional<bench::Order> next(std::size_t lane, const bench::Order*) override {
    if (steady_now() >= end_) return std::nullopt;
    Lane& own = lanes_[lane];
    std::uniform_int_distribution<std::size_t> pick(0, offers_.size() - 1);
    return bench::Order{.shopper = static_cast<std::uint32_t>(lane),
                        .key = fmt::format("bench-{}-{}-{}", run_, lane, own.count++),
                        .lines = {{offers_[pick(own.random)], 1, std::nullopt}}};
  }

 private:
  struct alignas(64) Lane {  // Lanes of several threads lie side by side.
    std::minstd_rand random;
    std::uint64_t count = 0;
  };
  std::string run_;
  TimePoint end_;
  std::vector<std::string> offers_;
  std::vector<Lane> lanes_;
};

// utime + stime of a process, in seconds; 0 once it is gone.
double cpu_seconds(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');  // The name may hold blanks and brackets.
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// CPU seconds by kind of process: workers together, gateways together; the generator is us.
std::map<std::string, double> cpu_by_kind(const Config& config) {
  std::map<std::string, double> out;
  for (const auto& [name, pid] : running_processes(config)) {
    const std::size_t dash = name.find_last_not_of("0123456789");
    const bool numbered = dash + 1 < name.size() && name[dash] == '-';
    out[numbered ? name.substr(0, dash) : name] += cpu_seconds(pid);
  }
  out["(generator)"] = cpu_seconds(getpid());
  return out;
}

struct Cpu {
  std::map<std::string, double> us_per_purchase;  // by kind
  double server_total = 0;                        // without the generator
};

Cpu cpu_between(const std::map<std::string, double>& before,
                const std::map<std::string, double>& after, std::uint64_t purchases) {
  Cpu cpu;
  for (const auto& [kind, seconds] : after) {
    const auto was = before.find(kind);
    const double us = (seconds - (was == before.end() ? 0 : was->second)) * 1e6 /
                      static_cast<double>(std::max<std::uint64_t>(1, purchases));
    if (us < 0.05) continue;  // Those who had no part in it.
    cpu.us_per_purchase[kind] = us;
    if (kind != "(generator)") cpu.server_total += us;
  }
  return cpu;
}

bench::Rows rows_of(const Cpu& cpu) {
  bench::Rows rows = {{"server CPU", fmt::format("{:.1f} us per purchase", cpu.server_total)}};
  for (const auto& [kind, us] : cpu.us_per_purchase) {
    rows.emplace_back("", fmt::format("{:<12} {:.1f}", kind, us));
  }
  return rows;
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

void record(const Config& config, const BenchOptions& options, const std::string& lines) {
  std::ofstream file(options.record, std::ios::app);
  file << fmt::format(
      "\n## {}: {} connections, {} products, {} workers, fsync {}\n\n`depot bench --connections {} "
      "--seconds {} --products {} --threads {}` on {} (depot {}), generator on the same machine\n"
      "\n```\n{}```\n",
      to_rfc3339(wall_now()).substr(0, 10), options.connections, options.products,
      config.workers.count, config.redis.fsync, options.connections, options.seconds,
      options.products, options.threads, machine(), DEPOT_VERSION, lines);
  file.close();
  if (!file) throw StartupError(options.record + ": cannot be written", kExitFailed);
}

}  // namespace

int run_bench(const Config& config, const BenchOptions& options) {
  expect_ready(config);
  const StopSignal stop{SIGINT, SIGTERM};
  const std::string run = make_run_id();
  const std::vector<LoadOffer> offers = make_offers(options.products);
  import_offers(config, offers);
  ScratchFolder folder;
  const bench::EngineOptions engine{.gateways = gateway_addresses(config),
                                    .lanes = static_cast<std::size_t>(options.connections),
                                    .threads = static_cast<std::size_t>(options.threads),
                                    .histories = folder.path(),
                                    .stop = &stop};
  std::vector<std::string> emails;
  emails.reserve(static_cast<std::size_t>(options.connections));
  for (int i = 0; i < options.connections; ++i) {
    emails.push_back(fmt::format("{}-{}@bench.example", run, i));
  }
  const auto shoppers = bench::sign_up(engine, emails);

  RandomBuys source(offers, run, engine.lanes, std::chrono::seconds(options.seconds));
  const auto before = cpu_by_kind(config);
  bench::Tally tally;
  {
    bench::Progress progress("buying", "purchases", 0);
    tally = bench::buy(engine, shoppers, source, progress);
  }
  const Cpu cpu = cpu_between(before, cpu_by_kind(config), tally.placed);

  boost::json::object by_kind;
  for (const auto& [kind, us] : cpu.us_per_purchase) by_kind[kind] = us;
  const Closing closing = close_load(config, tally, folder,
                                     {.json = options.json,
                                      .rows = rows_of(cpu),
                                      .members = {{"server_cpu_us_per_purchase", cpu.server_total},
                                                  {"cpu_us_per_purchase", std::move(by_kind)}}});
  if (!options.record.empty()) record(config, options, closing.text);
  return closing.good ? kExitOk : kExitFailed;
}

}  // namespace depot::control
