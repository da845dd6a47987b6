#include "bench/shop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <cmath>
#include <tuple>

#include "base/fatal.hpp"
#include "bench/shopper.hpp"

namespace depot::bench {
namespace {

namespace json = boost::json;
namespace net = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kBuyers = 0.81;  // Of those who come: measured, with the habits of shopper.cpp.
constexpr double kSteps = 10;     // of a visit
constexpr milliseconds kPaceMax{400}, kTurn{100};
constexpr std::size_t kGoodsMax = 1'000;  // of one manufacturer, or of all: nobody sees more

}  // namespace

Dice::Dice(std::uint64_t seed, std::uint64_t customer) {
  std::seed_seq words{seed, seed >> 32, customer};
  random_.seed(words);
}

bool Dice::chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

std::size_t Dice::pick(std::size_t count) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
}

std::size_t Dice::weighted(const std::vector<double>& weights) {
  return std::discrete_distribution<std::size_t>(weights.begin(), weights.end())(random_);
}

Duration Dice::exponential(Duration mean) {
  const double times = std::exponential_distribution<double>(1)(random_);
  return Duration(static_cast<Duration::rep>(times * static_cast<double>(mean.count())));
}

Shop::Shop(const EngineOptions& engine, ShopOptions options, std::span<const std::string> emails,
           std::span<const Shopper> shoppers)
    : engine_(engine),
      options_(std::move(options)),
      emails_(emails),
      shoppers_(shoppers),
      till_{crew_, History(engine.histories.empty() ? "" : engine.histories + "/clients-0.jsonl")},
      goods_timer_(crew_.io()),
      flash_timer_(crew_.io()),
      callers_(make_callers(crew_, engine, 0, 1 + options_.burst)) {
  DEPOT_ASSERT(shoppers.size() > options_.burst);
  const auto visitors = static_cast<double>(shoppers.size() - options_.burst);
  const double between = visitors * kBuyers / options_.rate;
  gap_ = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(between));
  // With few customers for the rate they hurry: half of the time is theirs to walk around.
  pace_ = std::min<Duration>(kPaceMax, gap_ / static_cast<int>(2 * kSteps));
}

Shop::~Shop() = default;

Tally Shop::run(const OnSecond& on_second) {
  crew_.spawn(open(on_second));
  crew_.run();
  till_.history.close();
  till_.tally.duration = figures_.passed = steady_now() - begin_;
  return std::move(till_.tally);
}

net::awaitable<void> Shop::open(OnSecond on_second) {
  co_await look_at_goods();
  if (figures_.goods.empty() && options_.length > Duration{}) {
    throw StartupError("there is nothing to buy in the catalogue", kExitFailed);
  }
  begin_ = steady_now();
  for (std::size_t i = options_.burst; i < shoppers_.size(); ++i) {
    crew_.spawn(visitors_.emplace_back(*this, i).come_and_go());
  }
  crew_.spawn(watch_clock(on_second));
  crew_.spawn(watch_goods());
  if (options_.burst > 0) crew_.spawn(hold_flash_sale());
}

net::awaitable<void> Shop::watch_clock(OnSecond on_second) {
  net::steady_timer timer(crew_.io());
  TimePoint due = begin_;
  while (!closing_) {
    const TimePoint now = steady_now();
    figures_.passed = now - begin_;
    if (now >= due) {
      on_second(figures_, till_.tally);
      due = now + seconds(1);
    }
    closing_ = stopped() || (options_.length > Duration{} && figures_.passed >= options_.length);
    timer.expires_after(kTurn);
    if (!closing_) co_await timer.async_wait(net::use_awaitable);
  }
  goods_timer_.cancel();
  flash_timer_.cancel();
  for (Visitor& visitor : visitors_) visitor.hurry();
}

net::awaitable<void> Shop::watch_goods() {
  while (!closing_) {
    co_await sleep_until(goods_timer_, steady_now() + seconds(1));
    if (!closing_) co_await look_at_goods();
  }
}

net::awaitable<void> Shop::look_at_goods() {
  std::vector<Good> goods;
  std::vector<std::string> filters;
  for (const std::string& id : options_.manufacturers) filters.push_back("&manufacturer=" + id);
  if (filters.empty()) filters.emplace_back();
  const Caller::OnAttempt ignore = [](const Caller::Answer&, TimePoint) {};
  for (const std::string& filter : filters) {
    const std::string first = "/v1/catalogue?include_sold_out=true&limit=100&sort=price" + filter;
    const std::size_t most = goods.size() + kGoodsMax;
    for (std::string target = first; !target.empty() && goods.size() < most;) {
      const Call call{"GET", target, "", ""};
      const Caller::Answer answer = co_await callers_.front()->call(call, ignore);
      if (!answer || answer->status != 200) co_return;  // They stay as they were.
      const json::value page = json::parse(answer->body);
      for (const json::value& item : page.at("items").as_array()) {
        goods.push_back({std::string(item.at("offer_id").as_string()),
                         std::string(item.at("name").as_string()),
                         std::string(item.at("manufacturer_name").as_string()),
                         item.at_pointer("/unit_price/amount_minor").to_number<std::int64_t>(),
                         item.at("available").to_number<std::int64_t>()});
      }
      const json::value& next = page.at("next_cursor");
      target = next.is_string() ? first + "&cursor=" + std::string(next.as_string()) : "";
    }
  }
  std::ranges::sort(goods, {},
                    [](const Good& good) { return std::tie(good.unit_price, good.offer); });
  popularity_.resize(goods.size());
  for (std::size_t i = 0; i < goods.size(); ++i) popularity_[i] = 1.0 / static_cast<double>(i + 1);
  figures_.goods = std::move(goods);
}

net::awaitable<void> Shop::hold_flash_sale() {
  co_await sleep_until(flash_timer_, begin_ + options_.burst_at);
  if (closing_) co_return;
  const auto wanted = [this](const Good& good) {
    return options_.burst_offer.empty() ? good.available > 0 : good.offer == options_.burst_offer;
  };
  const auto found = std::ranges::find_if(figures_.goods, wanted);
  if (found == figures_.goods.end()) co_return;
  figures_.flash = Flash{*found};
  for (std::size_t i = 0; i < options_.burst; ++i) crew_.spawn(buy_at_flash_sale(i, found->offer));
}

net::awaitable<void> Shop::buy_at_flash_sale(std::size_t place, std::string offer) {
  const Order order{.key = fmt::format("{}-burst-{}", options_.prefix, place),
                    .lines = {{std::move(offer), 1, std::nullopt}}};
  net::steady_timer timer(crew_.io());
  Purchase purchase(till_, shoppers_[place], order, 1, timer);
  co_await purchase.send(*callers_[1 + place]);
  purchase.count();
  const Caller::Answer& answer = purchase.answer();
  figures_.flash->placed += answer && answer->status == 201;
  figures_.flash->refused += answer && answer->status == 409;
}

net::awaitable<void> Shop::sleep_until(net::steady_timer& timer, TimePoint time) const {
  if (closing_) co_return;
  timer.expires_at(time);
  co_await timer.async_wait(net::as_tuple(net::use_awaitable));
}

}  // namespace depot::bench
