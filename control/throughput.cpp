#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/process.hpp"
#include "control/load.hpp"
#include "control/load_commands.hpp"

namespace depot::control {
namespace {

constexpr int kManufacturers = 30;
constexpr std::int64_t kOffered = 1'000'000'000;  // Never sold out: that is another workload.
constexpr std::int64_t kPrice = 1'999;

// One unit of a random product after the other, until the time is over.
class RandomBuys : public bench::Source {
 public:
  RandomBuys(const Load& load, int products, Duration duration)
      : prefix_(load.name),
        products_(products),
        end_(steady_now() + duration),
        lanes_(load.engine.lanes) {
    for (Lane& lane : lanes_) {
      lane.random.seed(static_cast<std::minstd_rand::result_type>(random_u64()));
    }
  }

  static std::string manufacturer(int product) {
    return fmt::format("bench-{:02}", product % kManufacturers);
  }
  static std::string sku(int product) { return fmt::format("P{:05}", product); }

  std::optional<bench::Order> next(std::size_t lane, const bench::Order*) override {
    if (steady_now() >= end_) return std::nullopt;
    Lane& own = lanes_[lane];
    const int product = std::uniform_int_distribution(0, products_ - 1)(own.random);
    return bench::Order{.shopper = static_cast<std::uint32_t>(lane),
                        .key = fmt::format("{}-{}-{}", prefix_, lane, own.count++),
                        .lines = {{make_offer_id(manufacturer(product), sku(product)), 1, {}}}};
  }

 private:
  struct alignas(64) Lane {  // Lanes of several threads lie side by side.
    std::minstd_rand random;
    std::uint64_t count = 0;
  };
  std::string prefix_;
  int products_;
  TimePoint end_;
  std::vector<Lane> lanes_;
};

constexpr const char* kGenerator = "(generator)";

// CPU seconds by kind of process: workers together, gateways together; the generator is us.
std::map<std::string, double> cpu_by_kind(const Config& config) {
  std::map<std::string, double> out{{kGenerator, cpu_seconds(getpid())}};
  for (const auto& [name, pid] : running_processes(config)) {
    const std::size_t dash = name.find_last_not_of("0123456789");
    const bool numbered = dash + 1 < name.size() && name[dash] == '-';
    out[numbered ? name.substr(0, dash) : name] += cpu_seconds(pid);
  }
  return out;
}

Extras cpu_spent(const std::map<std::string, double>& before,
                 const std::map<std::string, double>& after, std::uint64_t purchases) {
  double server = 0;
  bench::Rows rows;
  boost::json::object by_kind;
  for (const auto& [kind, seconds] : after) {
    const double was = before.contains(kind) ? before.at(kind) : 0;
    const double us =
        (seconds - was) * 1e6 / static_cast<double>(std::max<std::uint64_t>(1, purchases));
    if (us < 0.05) continue;  // Those who had no part in it.
    if (kind != kGenerator) server += us;
    by_kind[kind] = us;
    rows.emplace_back("", fmt::format("{:<12} {:.1f}", kind, us));
  }
  rows.insert(rows.begin(), {"server CPU", fmt::format("{:.1f} us per purchase", server)});
  return {.rows = rows,
          .members = {{"server_cpu_us_per_purchase", server}, {"cpu_us_per_purchase", by_kind}}};
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
  Load load(config, "bench");
  load.engine.lanes = static_cast<std::size_t>(options.connections);
  load.engine.threads = static_cast<std::size_t>(options.threads);
  std::string catalogue;
  for (int i = 0; i < options.products; ++i) {
    const std::string maker = RandomBuys::manufacturer(i);
    catalogue +=
        fmt::format("{0},Manufacturer {0},{1},Product {2:05},{3},{4}\n", maker, RandomBuys::sku(i),
                    i, format_money(kPrice, config.currency), kOffered);
  }
  load.import(catalogue);
  load.sign_up(load.engine.lanes);

  RandomBuys source(load, options.products, std::chrono::seconds(options.seconds));
  const auto before = cpu_by_kind(config);
  const bench::Tally tally = load.buy(source, "purchases", 0);
  const Extras cpu = cpu_spent(before, cpu_by_kind(config), tally.placed);
  const Closing closing = load.close(tally, options.json, cpu);
  if (!options.record.empty()) record(config, options, closing.text);
  return closing.good ? kExitOk : kExitFailed;
}

}  // namespace depot::control
