#include "bench/shop.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <boost/json.hpp>
#include <charconv>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/metrics.hpp"
#include "base/options.hpp"
#include "base/status_board.hpp"
#include "control/load.hpp"
#include "control/load_commands.hpp"
#include "control/shop_view.hpp"
#include "http/admin_server.hpp"
#include "manufacturer/catalogue.hpp"

namespace depot::control {
namespace {

using std::chrono::seconds;
constexpr int kAgainAfterMs = 2'000;
constexpr std::size_t kBurstMax = 10'000;

[[noreturn]] void refuse(const std::string& why) { throw StartupError(why, kExitUsage); }

// "200" or "200@15", as --burst says it.
void read_burst(const ShopOptions& options, bench::ShopOptions& shop) {
  if (options.burst.empty()) return;
  const char* end = options.burst.data() + options.burst.size();
  auto read = std::from_chars(options.burst.data(), end, shop.burst);
  int second = options.seconds / 2;
  const bool timed = read.ec == std::errc() && read.ptr < end && *read.ptr == '@';
  if (timed) read = std::from_chars(read.ptr + 1, end, second);
  if (read.ec != std::errc() || read.ptr != end || shop.burst < 1 || shop.burst > kBurstMax ||
      second < 0 || (options.seconds > 0 && second > options.seconds)) {
    refuse(fmt::format("--burst: N or N@T, N from 1 to {}, T a second of the run", kBurstMax));
  }
  if (options.seconds == 0 && !timed) refuse("--burst: say when, as N@T, where --seconds is 0");
  shop.burst_at = seconds(second);
}

std::vector<std::string> demo_manufacturers(const Config& config) {
  std::vector<std::string> ids;
  for (const std::string& file : config.demo.catalogues) {
    ids.push_back(manufacturer::read_agent_file(file).id);
  }
  return ids;
}

bench::ShopOptions shop_of(const Config& config, const ShopOptions& options, const Load& load) {
  bench::ShopOptions shop{.rate = options.rate,
                          .length = seconds(options.seconds),
                          .seed = options.seed.value_or(random_u64() >> 32),
                          .manufacturers = options.manufacturers,
                          .mode = options.mode,
                          .burst_offer = options.offer,
                          .prefix = load.name};
  if (shop.manufacturers.empty()) shop.manufacturers = demo_manufacturers(config);
  read_burst(options, shop);
  return shop;
}

// The end is not for the audit to judge: nothing is kept that could grow.
int run_endless(const Config& config, const ShopOptions& options) {
  follow_parent();
  Load load(config, "shop", Load::Endless{});
  const bench::ShopOptions shop_options = shop_of(config, options, load);
  make_runtime_dir(config);
  const std::string name = options.name.empty() ? load.name : options.name;
  Log log(config.log, name);
  Metrics metrics;
  Counter& placed = metrics.counter("depot_shop_placed_total", "Orders placed");
  Counter& refused = metrics.counter("depot_shop_refused_total", "Orders refused");
  StatusBoard board;
  board.set_not_ready("its customers are not signed in yet");
  const http::AdminServer admin("unix:" + config.admin_socket(name), metrics,
                                http::hooks_of(board, load.stop()));
  while (!load.interrupted()) {
    try {
      load.sign_up(static_cast<std::size_t>(options.customers) + shop_options.burst, name);
      break;
    } catch (const StartupError& error) {
      log.warning("not signed in yet", {{"why", error.what()}});
      pollfd stop{load.stop().fd(), POLLIN, 0};
      poll(&stop, 1, kAgainAfterMs);
    }
  }
  if (load.interrupted()) return kExitOk;
  log.info("ready", {{"customers", options.customers},
                     {"rate", options.rate},
                     {"seed", std::to_string(shop_options.seed)}});
  board.set_not_ready("");
  ShopView view(fmt::format("seed {}", shop_options.seed), options.quiet);
  bench::Shop shop(load.engine, shop_options, load.emails(), load.shoppers());
  shop.run([&](const bench::Figures& figures, const bench::Tally& tally) {
    placed.add(tally.placed - placed.value());
    refused.add(tally.refused_total() - refused.value());
    board.set_status(boost::json::serialize(status_of(figures, tally)));
    view.show(figures, tally);
  });
  return kExitOk;
}

}  // namespace

int run_shop(const Config& config, const ShopOptions& options) {
  if (options.seconds == 0) return run_endless(config, options);
  Load load(config, "shop");
  const bench::ShopOptions shop_options = shop_of(config, options, load);
  load.sign_up(static_cast<std::size_t>(options.customers) + shop_options.burst);
  bench::Shop shop(load.engine, shop_options, load.emails(), load.shoppers());
  bench::Tally tally;
  {
    ShopView view(fmt::format("{} customers shop for {} s; seed {}", options.customers,
                              options.seconds, shop_options.seed),
                  options.quiet);
    tally =
        shop.run([&view](const auto& figures, const auto& so_far) { view.show(figures, so_far); });
  }
  const Closing closing =
      load.close(tally, options.json, extras_of(shop.figures(), shop_options.seed));
  return closing.good ? kExitOk : kExitFailed;
}

}  // namespace depot::control
