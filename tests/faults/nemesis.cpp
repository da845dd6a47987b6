// Everything at once: a whole Depot that sells small stocks while its processes are killed and
// frozen, its networks lose, double and delay frames, and its power fails. Then all heals, and the
// books must be right.
//
//   nemesis --seconds 60                 a schedule by chance; its seed is printed
//   nemesis --seconds 60 --seed 7        the same faults in the same order
//   nemesis --only kill:worker,link      faults of these kinds alone; --list names all
//   nemesis --seconds 600 --record FILE  a row of docs/RELIABILITY.md's table; with --only that of
//                                        the table which tests/faults/record makes
//
// Exit code 0 when every customer had a definite answer, nothing was lost, doubled or oversold, and
// each manufacturer's numbers are the distributor's.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/crypto.hpp"
#include "base/stop_signal.hpp"
#include "tests/faults/faults.hpp"
#include "tests/faults/shoppers.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr int kCustomers = 8, kMakers = 3;
constexpr BadLink kBadFrames{.lost = 3, .doubled = 10, .late = 10};
constexpr auto kQuiet = 20s;  // Within which all must be well behind the last fault.

struct Options {
  int seconds = 60;
  std::uint32_t seed = 0;
  std::string record;
  std::vector<std::string> only;
};

class Nemesis {
 public:
  Nemesis(const Options& options, StopSignal& stop) : options_(options), stop_(stop) {
    cluster_.note_syncs(5ms);
    frames_.emplace(cluster_.config(), cluster_.detour(), kBadFrames, options.seed);
    cluster_.start();
    for (int i = 0; i < kMakers; ++i) {
      // Small: what the lines make is soon sold.
      const std::string id = "m" + std::to_string(i);
      agents_.push_back(std::make_unique<ProxiedAgent>(
          cluster_, id,
          std::vector<Good>{{.sku = "a", .offered = 40, .batch = 2, .pause_at = 10},
                            {.sku = "b", .offered = 200, .batch = 1, .pause_at = 5},
                            {.sku = "c", .offered = 25}},
          options.seed + static_cast<std::uint32_t>(i)));
      for (const char* sku : {"a", "b", "c"}) offers_.push_back(id + ":" + sku);
      agents_.back()->set(Link::good);
    }
  }

  int run() {
    faults_.emplace(
        Faults::Hurt{cluster_, *frames_, agents_}, options_.seed, stop_.fd(),
        [this](const std::string& what) { say(what); }, options_.only);
    std::filesystem::create_directory(histories());
    // All: the agents begin behind bad networks, and the last one may be the first.
    const auto offered = [&](const auto& offer) { return available(cluster_.port(), offer) > 0; };
    const bool on_sale = wait_until(
        30s, [&] { return std::ranges::all_of(offers_, offered); }, "they are on sale");
    if (!on_sale) complain("the goods are not on sale");
    Shoppers shoppers({cluster_.port(0), cluster_.port(1)}, offers_, kCustomers, histories(),
                      options_.seed);
    begin_ = steady_now();
    const TimePoint end = begin_ + std::chrono::seconds(options_.seconds);
    while (steady_now() < end && !stop_.requested()) {
      faults_->happen();
      faults_->pause(500ms, 2'500ms);
    }
    heal();
    shoppers.finish(kQuiet);
    for (const std::string& one : shoppers.complaints()) complain(one);
    agree();
    const int code = report(shoppers);
    return stop_.requested() ? 130 : code;
  }

 private:
  std::string histories() const { return cluster_.folder() + "/histories"; }
  void say(const std::string& what) {
    fmt::print("{:7.1f} s  {}\n", std::chrono::duration<double>(steady_now() - begin_).count(),
               what);
    std::fflush(stdout);
  }
  void complain(const std::string& what) {
    fmt::print("WRONG: {}\n", what);
    ++wrong_;
  }
  void heal() {
    faults_->heal();
    say("all heals");
  }

  void agree() {
    for (const auto& agent : agents_) {
      std::string difference;
      const bool same = wait_until(
          kQuiet, [&] { return (difference = agent->difference()).empty(); }, "both agree");
      if (!same) complain("a manufacturer's numbers differ: " + difference);
    }
  }

  // Their names and how they are made, as two cells of a table.
  std::string kinds() const {
    std::string names, hows;
    for (const Faults::Kind& kind : Faults::kinds()) {
      if (std::ranges::find(options_.only, kind.name) == options_.only.end()) continue;
      names += (names.empty() ? "" : ", ") + kind.name;
      hows += (hows.empty() ? "" : "; ") + kind.how;
    }
    return names + " | " + hows;
  }

  int report(const Shoppers& shoppers) {
    const CommandResult audit = cluster_.depot(
        {"audit", "--json", "--histories", histories(), "--agents", cluster_.agents()});
    json::object found;
    if (audit.out.starts_with('{')) found = json::parse(audit.out).as_object();
    if (found.contains("behind") && found.at("behind") != 0) complain("an agent lacks entries");
    if (audit.exit_code != 0) complain("the audit: " + audit.out + audit.err);
    const std::vector<double> waits = shoppers.waits();
    const auto wait = [&](double part) {
      return waits.empty()
                 ? 0.0
                 : waits[static_cast<std::size_t>(part * static_cast<double>(waits.size() - 1))];
    };
    int all = 0;
    const int kills = faults_->kills();
    for (const auto& [fault, count] : faults_->counts()) {
      all += count;
      fmt::print("{:<44} {}\n", fault, count);
    }
    fmt::print("{:<44} {} lost, {} doubled, {} late\n", "frames between gateways and workers",
               frames_->lost(), frames_->doubled(), frames_->late());
    const auto number = [&](const char* name) {
      return found.contains(name) ? found.at(name).as_int64() : -1;
    };
    fmt::print(
        "\nfaults         {}, of them {} SIGKILLs\npurchases      {} acknowledged ({} by cart), {} "
        "refused, in "
        "{} attempts; {} said again later, {} given up at a 503\n"
        "cancelled      {}, {} too late\ndefinite after p50 {:.0f}  p99 "
        "{:.0f}  max {:.0f} ms\n"
        "lost {}, doubled {}, oversold {}; {} wrong\n",
        all, kills, shoppers.bought(), shoppers.by_cart(), shoppers.refused(), shoppers.attempts(),
        shoppers.said_again(), shoppers.given_up(), shoppers.cancelled(), shoppers.not_cancelled(),
        wait(0.5), wait(0.99), wait(1), number("lost"), number("doubled"), number("oversold"),
        wrong_);
    if (wrong_ > 0) fmt::print("{}\n", cluster_.logs());
    if (!options_.record.empty()) {
      const std::string sums =
          fmt::format("{} | {} | {} | {} | {} | {}", all, kills, shoppers.bought(), number("lost"),
                      number("doubled"), number("oversold"));
      const std::string failed = wrong_ == 0 ? "" : fmt::format("; FAILED: {} wrong", wrong_);
      std::ofstream(options_.record, std::ios::app)
          << (options_.only.empty()
                  ? fmt::format("| {} | {} | {} s | {} | {:.0f} | {:.0f}{} |\n",
                                to_rfc3339(wall_now()).substr(0, 10), options_.seed,
                                options_.seconds, sums, wait(0.99), wait(1), failed)
                  : fmt::format("| {} | {} | {:.0f}, {:.0f}, {:.0f}{} |\n", kinds(), sums,
                                wait(0.5), wait(0.99), wait(1), failed));
    }
    return wrong_ == 0 ? 0 : 1;
  }

  const Options options_;
  StopSignal& stop_;
  std::optional<RequestProxies> frames_;  // Outlives the cluster, which ends through it.
  Cluster cluster_{{"workers.count", "3"},
                   {"gateway.count", "2"},
                   {"load_balancer.count", "2"},
                   {"hub.count", "2"},
                   {"redis.maxmemory", "128MiB"}};
  std::vector<std::unique_ptr<ProxiedAgent>> agents_;
  std::vector<std::string> offers_;
  std::optional<Faults> faults_;
  TimePoint begin_{};
  int wrong_ = 0;
};

}  // namespace
}  // namespace depot::test

int main(int argc, char** argv) try {
  using depot::test::Nemesis;
  depot::crypto_start();
  depot::test::Options options;
  CLI::App app{"A Depot under faults; see the head of tests/faults/nemesis.cpp."};
  app.add_option("--seconds", options.seconds)->check(CLI::Range(1, 86'400 * 7));
  app.add_option("--seed", options.seed, "the schedule; by chance");
  app.add_option("--record", options.record, "append a row of a Markdown table to this file");
  std::vector<std::string> names;
  for (const auto& kind : depot::test::Faults::kinds()) names.push_back(kind.name);
  app.add_option("--only", options.only, "kinds of faults")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  bool list = false;
  app.add_flag("--list", list, "the kinds of faults, and how each is injected");
  CLI11_PARSE(app, argc, argv);
  if (list) {
    for (const auto& kind : depot::test::Faults::kinds()) {
      fmt::print("{:<16} {}\n", kind.name, kind.how);
    }
    return 0;
  }
  if (options.seed == 0) options.seed = static_cast<std::uint32_t>(depot::random_u64() % 1'000'000);
  fmt::print("faults for {} s, seed {}\n", options.seconds, options.seed);
  depot::StopSignal stop{SIGINT, SIGTERM};
  testing::InitGoogleTest(&argc, argv);
  const int code = std::make_unique<Nemesis>(options, stop)->run();  // Its end is looked at, too.
  return code == 0 && testing::Test::HasFailure() ? 1 : code;
} catch (const std::exception& error) {
  fmt::print(stderr, "nemesis: {}\n", error.what());
  return 1;
}
