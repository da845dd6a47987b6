#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <random>
#include <thread>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "control/load.hpp"
#include "control/load_commands.hpp"
#include "http/client.hpp"
#include "manufacturer/catalogue.hpp"

namespace depot::control {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCustomers = 40, kOrders = 300, kBurst = 200, kLastUnits = 10;
constexpr milliseconds kPace{18};  // between two orders, so that one can watch
constexpr milliseconds kToldWithin{5'000}, kAskAgain{50};
constexpr std::size_t kKillAfter = kBurst / 10;  // answers of the burst
constexpr std::size_t kLinesMax = 3;
constexpr std::int64_t kQuantityTop = 2;

void headline(const std::string& text) {
  const bool colours = bench::colours_wanted(STDOUT_FILENO);
  std::fputs(
      fmt::format("{}{}{}\n", colours ? "\x1b[1m" : "", text, colours ? "\x1b[0m" : "").c_str(),
      stdout);
  std::fflush(stdout);
}

// Every offer of the catalogue but the show's own, also those that are sold out: customers try.
// With how many of each it may buy: half of what there is, so that a shop that is shown again and
// again is not empty in the end.
using Goods = std::vector<std::pair<std::string, std::int64_t>>;
Goods goods_of_others(const std::string& gateway) {
  Goods goods;
  const std::string first = "/v1/catalogue?limit=100";
  for (std::string target = first; !target.empty();) {
    const auto answer = http::fetch(gateway, "GET", target);
    if (!answer || answer->status != 200) {
      throw StartupError("the catalogue cannot be read at " + gateway, kExitUnavailable);
    }
    const boost::json::value page = boost::json::parse(answer->body);
    for (const boost::json::value& item : page.at("items").as_array()) {
      std::string offer(item.at("offer_id").as_string());
      const auto left = item.at("available").to_number<std::int64_t>();
      if (!offer.starts_with("show:")) goods.emplace_back(std::move(offer), (left + 1) / 2);
    }
    const boost::json::value& next = page.at("next_cursor");
    target = next.is_string() ? first + "&cursor=" + std::string(next.as_string()) : "";
  }
  return goods;
}

std::vector<bench::Order> random_orders(Goods goods, const std::string& name) {
  std::mt19937_64 random(random_u64());
  const auto pick = [&random](std::size_t low, std::size_t high) {
    return std::uniform_int_distribution<std::size_t>(low, high)(random);
  };
  std::vector<bench::Order> orders;
  const TimePoint start = steady_now();
  for (std::size_t i = 0; i < kOrders && !goods.empty(); ++i) {
    bench::Order order{.shopper = static_cast<std::uint32_t>(pick(0, kCustomers - 1)),
                       .key = fmt::format("{}-{}", name, i),
                       .not_before = start + kPace * i};
    std::ranges::shuffle(goods, random);
    const std::size_t lines = std::min(pick(1, kLinesMax), goods.size());
    for (auto& [offer, left] : std::span(goods).first(lines)) {
      const auto quantity = std::min(static_cast<std::int64_t>(pick(1, kQuantityTop)), left);
      left -= quantity;
      order.lines.push_back({offer, quantity, std::nullopt});
    }
    std::erase_if(goods, [](const auto& good) { return good.second == 0; });
    orders.push_back(std::move(order));
  }
  return orders;
}

// Gives a list of orders, each lane the next; kills a worker when so many have been answered.
class ShowSource : public bench::Source {
 public:
  explicit ShowSource(std::vector<bench::Order> orders, pid_t victim = 0)
      : orders_(std::move(orders)), victim_(victim) {}

  std::optional<bench::Order> next(std::size_t, const bench::Order* finished) override {
    if (finished != nullptr && ++answered_ == kKillAfter && victim_ > 0) kill(victim_, SIGKILL);
    const std::size_t at = at_++;
    return at < orders_.size() ? std::optional(orders_[at]) : std::nullopt;
  }

 private:
  std::vector<bench::Order> orders_;
  pid_t victim_;
  std::size_t at_ = 0, answered_ = 0;  // One thread buys.
};

// What an agent of this host says: its own copy of its ledger.
boost::json::value ask_agent(const Config& config, const std::string& id) {
  const auto answer = http::fetch("unix:" + config.admin_socket(id), "GET", "/status");
  return answer && answer->status == 200 ? boost::json::parse(answer->body) : nullptr;
}

bool has_reached(const boost::json::value& status, const audit::Head& head) {
  if (!status.is_object()) return false;
  const boost::json::value& ledger = status.at("ledger");
  return std::pair(ledger.at("epoch").to_number<std::int64_t>(),
                   ledger.at("number").to_number<std::int64_t>()) >=
         std::pair(head.epoch, head.number);
}

std::string told(const boost::json::value& status) {
  std::uint64_t sold = 0, left = 0;
  std::string gone;
  for (const boost::json::value& sku : status.at("skus").as_array()) {
    const auto available = sku.at("available").to_number<std::uint64_t>();
    sold += sku.at("sold").to_number<std::uint64_t>();
    left += available;
    if (available > 0) continue;
    gone += (gone.empty() ? "; sold out: " : ", ") + std::string(sku.at("name").as_string());
  }
  return fmt::format("{} sold, {} left{}", counted(sold, "unit"), grouped(left), gone);
}

// Whether each agent was told of all that its ledger has, which takes it a moment.
bool print_what_manufacturers_were_told(const Config& config, const audit::AuditResult& audit) {
  bool all = true;
  for (const std::string& file : config.demo.catalogues) {
    const std::string id = manufacturer::read_agent_file(file).id;
    const auto head = std::ranges::find(audit.heads, id, &audit::Head::manufacturer);
    boost::json::value status = ask_agent(config, id);
    const TimePoint give_up = steady_now() + kToldWithin;
    while (head != audit.heads.end() && !has_reached(status, *head) && steady_now() < give_up) {
      std::this_thread::sleep_for(kAskAgain);
      status = ask_agent(config, id);
    }
    const bool reached = head == audit.heads.end() || has_reached(status, *head);
    all = all && reached;
    const std::string says = status.is_object() ? told(status) : "its agent does not answer";
    std::fputs(
        fmt::format("{:<14} {}{}\n", id, says, reached ? "" : "; not yet told of all").c_str(),
        stdout);
  }
  return all;
}

bench::Tally buy_random(Load& load) {
  const Goods goods = goods_of_others(load.engine.gateways.front());
  if (goods.empty()) {
    headline("There are no goods in the catalogue but the show's own");
    return {};
  }
  std::vector<bench::Order> orders = random_orders(goods, load.name);
  const std::size_t count = orders.size();
  headline(fmt::format("They buy {} orders of {} goods", count, goods.size()));
  ShowSource source(std::move(orders));
  return load.buy(source, "orders", count);
}

// The last units of one product, which go from the catalogue with the object: a show that is
// interrupted leaves as little behind as one that is not.
class LastUnits {
 public:
  explicit LastUnits(const Load& load) : load_(load), sku_("last-" + load.run) {
    state(kLastUnits);
  }
  ~LastUnits() {
    try {
      state(0);
    } catch (const std::exception& error) {
      std::fputs(fmt::format("{} stays in the catalogue: {}\n", offer(), error.what()).c_str(),
                 stderr);
    }
  }
  LastUnits(const LastUnits&) = delete;
  LastUnits& operator=(const LastUnits&) = delete;
  std::string offer() const { return make_offer_id("show", sku_); }

 private:
  void state(std::size_t offered) const {
    load_.import(fmt::format("show,Demo lanterns,{},Last lantern {},{},{}\n", sku_, load_.run,
                             format_money(4'990, load_.config.currency), offered),
                 true);
  }
  const Load& load_;
  const std::string sku_;
};

bench::Tally buy_the_last(Load& load) {
  const LastUnits last(load);
  pid_t victim = 0;
  for (const auto& [name, pid] : running_processes(load.config)) {
    if (name.starts_with("worker")) victim = pid;
  }
  headline(fmt::format("{} orders at once for the last {} units, and a worker (pid {}) is killed",
                       kBurst, kLastUnits, victim));
  std::vector<bench::Order> burst;
  for (std::size_t i = 0; i < kBurst; ++i) {
    burst.push_back({.shopper = static_cast<std::uint32_t>(i % kCustomers),
                     .key = fmt::format("{}-burst-{}", load.name, i),
                     .lines = {{last.offer(), 1, std::nullopt}}});
  }
  load.engine.lanes = kBurst;
  ShowSource source(std::move(burst), victim);
  return load.buy(source, "orders", kBurst);
}

}  // namespace

int run_show(const Config& config) {
  Load load(config, "show");
  headline(fmt::format("{} customers sign up and attach a card", kCustomers));
  load.sign_up(kCustomers);
  bench::Tally tally = buy_random(load);
  if (load.interrupted()) return kExitFailed;
  const bench::Tally last = buy_the_last(load);
  if (load.interrupted()) return kExitFailed;
  const bool fair = last.placed == kLastUnits && last.refused_total() == kBurst - kLastUnits;
  headline(fmt::format("{} of them were placed, {} refused{}", last.placed, last.refused_total(),
                       fair ? "" : ": that is wrong"));
  const Duration both = tally.duration + last.duration;
  tally.merge(last);
  tally.duration = both;

  headline("All of it");
  const Closing closing = load.close(tally, false);
  headline("What the manufacturers were told");
  const bool all_told = print_what_manufacturers_were_told(config, closing.audit);
  return closing.good && fair && all_told ? kExitOk : kExitFailed;
}

}  // namespace depot::control
