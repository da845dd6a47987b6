// Simulated customers who come to a shop that is open: visits arrive at random at a steady rate,
// each looks around, fills the cart, and mostly buys it. Popularity is skewed: the cheapest good is
// wanted most, the second half as often, the third a third (Zipf).
//
// Every random choice follows from the seed: the same seed on the same catalogue decides the same.
//
// Threads: run() is one thread's, and calls back on it.
// Errors:  StartupError (exit 1) where there is nothing to buy, unless the shop is open for ever.
//          What goes wrong with a request is counted in the tally.
// Source:  docs/OPERATIONS.md, "Simulated customers".
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "bench/engine.hpp"
#include "bench/purchase.hpp"

namespace depot::bench {

struct ShopOptions {
  double rate = 2;    // purchases a second that are aimed at
  Duration length{};  // 0: until it is stopped
  std::uint64_t seed = 1;
  std::vector<std::string> manufacturers = {};   // whose goods; none: everybody's
  std::optional<protocol::OrderMode> mode = {};  // nullopt: mostly all_or_nothing
  std::size_t burst = 0;                         // so many at once want one good,
  Duration burst_at{};                           // that long after the beginning,
  std::string burst_offer = {};                  // "": the most popular that there is
  std::string prefix = {};                       // of the keys
};

struct Good {
  std::string offer, name, manufacturer;  // the manufacturer's name
  std::int64_t unit_price = 0, available = 0;
};

// The seeded choices of one customer.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t customer);
  bool chance(double probability);
  std::size_t pick(std::size_t count);                       // below `count`
  std::size_t weighted(const std::vector<double>& weights);  // an index
  Duration exponential(Duration mean);

 private:
  std::mt19937_64 random_;
};

// A flash sale, as it went.
struct Flash {
  Good good;
  std::uint64_t placed = 0, refused = 0;
};

struct Figures {
  std::uint64_t visits = 0, under_way = 0;
  std::uint64_t left = 0;         // visits that ended without an order
  std::uint64_t turned_away = 0;  // goods that were wanted, and gone or too few
  std::uint64_t cancelled = 0;
  std::map<std::string, std::uint64_t> units = {};  // bought, by good
  std::vector<Good> goods = {};                     // as of a second ago, the most popular first
  std::optional<Flash> flash = {};
  Duration passed{};
};

class Visitor;

class Shop {
 public:
  // The first `burst` customers come for the flash sale alone. A customer logs in again by its
  // e-mail where its session has ended. REQUIRES: more customers than `burst`.
  Shop(const EngineOptions& engine, ShopOptions options, std::span<const std::string> emails,
       std::span<const Shopper> shoppers);
  ~Shop();
  using OnSecond = std::function<void(const Figures&, const Tally&)>;
  // Until the time is over or a stop is requested; visits under way are brought to an end.
  Tally run(const OnSecond& on_second);
  const Figures& figures() const { return figures_; }

 private:
  friend class Visitor;
  boost::asio::awaitable<void> open(OnSecond on_second);
  boost::asio::awaitable<void> watch_clock(OnSecond on_second);
  boost::asio::awaitable<void> watch_goods();
  boost::asio::awaitable<void> look_at_goods();
  boost::asio::awaitable<void> hold_flash_sale();
  boost::asio::awaitable<void> buy_at_flash_sale(std::size_t place, std::string offer);
  boost::asio::awaitable<void> sleep_until(boost::asio::steady_timer& timer, TimePoint time) const;
  bool stopped() const { return engine_.stop != nullptr && engine_.stop->requested(); }

  const EngineOptions& engine_;
  const ShopOptions options_;
  const std::span<const std::string> emails_;
  const std::span<const Shopper> shoppers_;
  Duration gap_{}, pace_{};  // means: between two visits of one customer, between two of its steps
  TimePoint begin_{};
  bool closing_ = false;
  std::vector<double> popularity_;  // weights of figures_.goods
  Figures figures_;
  Crew crew_;
  Till till_;
  boost::asio::steady_timer goods_timer_, flash_timer_;
  Callers callers_;  // of the shop itself: the goods, then the flash sale
  std::deque<Visitor> visitors_;
};

}  // namespace depot::bench
