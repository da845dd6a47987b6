#include "tests/faults/shoppers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <deque>
#include <random>

#include "bench/history.hpp"
#include "protocol/orders.hpp"

namespace depot::test {

using namespace std::chrono_literals;

namespace {

constexpr double kSeveralMakers = 0.3, kSaidAgain = 0.05, kReads = 0.2, kGivenUp = 0.3;
constexpr auto kPause = 40ms, kRetry = 100ms;
constexpr std::size_t kComplaintsMax = 20;
// What the catalogue may be behind while its hub or gateway is killed, frozen and started anew.
constexpr auto kLag = 30s;

std::int64_t ns(TimePoint time) { return time.time_since_epoch().count(); }

std::string fingerprint_of(const Lines& lines) {
  protocol::PlaceOrder request;
  for (const auto& [offer, quantity] : lines) {
    request.lines.push_back({.offer = offer, .quantity = quantity, .seen_price = {}});
  }
  std::ranges::sort(request.lines, {}, &protocol::OrderLine::offer);
  return protocol::fingerprint_of(request);
}

std::string maker_of(const std::string& offer) { return offer.substr(0, offer.find(':')); }

}  // namespace

struct Shoppers::Shopper {
  struct Order {
    std::string key;
    Lines lines;
    TimePoint due{};  // to be said again
    int told = 0;     // the status that it was answered with
  };
  Shopper(int port, const std::string& file, std::uint32_t seed)
      : customer(port), history(file), random(seed) {}

  Order order(const std::vector<std::string>& offers);
  // Notes what the cart (as of now) or the catalogue (as of late) says of an offer's stock.
  void read(const std::string& offer);
  void say(Shoppers& all, Order& order);
  bool chance(double of) { return std::uniform_real_distribution<double>(0, 1)(random) < of; }

  Customer customer;
  bench::History history;
  std::minstd_rand random;
  std::deque<Order> again;
  std::size_t bought = 0;
};

Shoppers::Shopper::Order Shoppers::Shopper::order(const std::vector<std::string>& offers) {
  const auto any = [&] { return offers[random() % offers.size()]; };
  Order order{.key = unique("key"), .lines = {{any(), 1 + random() % 3}}};
  if (chance(kSeveralMakers)) {
    for (int tries = 0; tries < 8; ++tries) {
      const std::string more = any();
      const bool other = std::ranges::none_of(
          order.lines, [&](const auto& line) { return maker_of(line.first) == maker_of(more); });
      if (other) order.lines.emplace_back(more, 1 + random() % 2);
    }
  }
  return order;
}

void Shoppers::Shopper::read(const std::string& offer) {
  const bool cart = chance(0.5);
  try {
    if (cart) customer.request("PUT", "/v1/cart/lines/" + offer, R"({"quantity":1})");
    const TimePoint sent = steady_now();
    const HttpReply reply =
        cart ? customer.cart() : customer.request("GET", "/v1/catalogue/" + offer);
    if (reply.status != 200) return;
    std::vector<bench::ToldStock> told;
    const auto note = [&](const boost::json::object& line) {
      told.push_back({.offer = std::string(line.at("offer_id").as_string()),
                      .available = line.at("available").as_int64()});
    };
    const boost::json::value body = reply.json();
    if (!cart) note(body.as_object());
    if (cart) {
      for (const auto& line : body.at("lines").as_array()) note(line.as_object());
    }
    history.add(bench::StockRead{.client = customer.id(),
                                 .invoked = sent,
                                 .done = steady_now(),
                                 .lag = cart ? Duration(0) : Duration(kLag),
                                 .told = told});
  } catch (const WireError&) {  // Nothing was told.
  }
}

Shoppers::Shoppers(std::vector<int> ports, std::vector<std::string> offers, int count,
                   const std::string& folder, std::uint32_t seed)
    : ports_(std::move(ports)), offers_(std::move(offers)), give_up_ns_(ns(TimePoint::max())) {
  for (int i = 0; i < count; ++i) {
    shoppers_.push_back(std::make_unique<Shopper>(
        ports_[static_cast<std::size_t>(i) % ports_.size()],
        folder + "/shopper-" + std::to_string(i) + ".jsonl", seed + static_cast<std::uint32_t>(i)));
  }
  for (const auto& one : shoppers_) {
    threads_.emplace_back([this, shopper = one.get()] {
      try {
        shop(*shopper);
      } catch (const std::exception& error) {
        complain(error.what());
      }
    });
  }
}

Shoppers::~Shoppers() { finish(1s); }

void Shoppers::finish(std::chrono::seconds patience) {
  const TimePoint healed = steady_now();
  give_up_ns_ = ns(healed + patience);
  closing_ = true;
  woken_.notify_all();
  threads_.clear();
  for (const auto& one : shoppers_) {
    one->history.add_healed(healed, patience);
    one->history.close();
  }
}

// As customers think, and clients back off: nothing is waited for. finish() may end it.
void Shoppers::pause(std::chrono::milliseconds time, bool ends) {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, time, [&] { return ends && closing_; });
}

void Shoppers::complain(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (complaints_.size() < kComplaintsMax) complaints_.push_back(what);
}

void Shoppers::add_wait(Duration time) {
  const std::lock_guard lock(mutex_);
  waits_.push_back(std::chrono::duration<double, std::milli>(time).count());
}

std::vector<double> Shoppers::waits() const {
  const std::lock_guard lock(mutex_);
  std::vector<double> sorted = waits_;
  std::ranges::sort(sorted);
  return sorted;
}

std::vector<std::string> Shoppers::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

// Until the answer is definite, or says that nothing has happened and the customer leaves it so.
void Shoppers::Shopper::say(Shoppers& all, Order& order) {
  const TimePoint begin = steady_now();
  bool first = order.told == 0;
  for (std::string why;;) {
    const TimePoint sent = steady_now();
    int status = 0;
    std::string id;
    std::vector<bench::ToldStock> told;
    try {
      const HttpReply reply = customer.buy(order.lines, order.key);
      status = reply.status;
      if (status == 201) id = reply.json().at("order_id").as_string();
      told = bench::shortages(reply.body);
      why = reply.body;
    } catch (const WireError& error) {
      why = error.what();
    }
    ++all.attempts_;
    history.add({customer.id(), order.key, fingerprint_of(order.lines), sent, steady_now(), status,
                 id, told});
    if (bench::answer_of(status) != bench::Answer::unknown) {
      if (order.told != 0 && order.told != status) {
        all.complain(fmt::format("{}: told {}, and then {}", order.key, order.told, status));
      }
      if (bench::answer_of(status) == bench::Answer::rejected) all.complain(order.key + ": " + why);
      if (order.told == 0) ++(status == 201 ? all.bought_ : all.refused_);
      if (order.told == 0 && status == 201) ++bought;
      order.told = status;
      return all.add_wait(steady_now() - begin);
    }
    if (std::exchange(first, false) && status == 503 && chance(kGivenUp)) {
      ++all.given_up_;
      return;
    }
    if (ns(steady_now()) > all.give_up_ns_) {
      return all.complain(order.key + ": no answer: " + why);
    }
    customer.use_gateway(all.ports_[random() % all.ports_.size()]);
    all.pause(kRetry, false);
  }
}

void Shoppers::shop(Shopper& shopper) {
  while (!closing_) {
    Shopper::Order order = shopper.order(offers_);
    shopper.say(*this, order);
    if (shopper.chance(kReads)) shopper.read(offers_[shopper.random() % offers_.size()]);
    if (order.told != 0 && shopper.chance(kSaidAgain)) {
      order.due = steady_now() + std::chrono::milliseconds(1'000 + shopper.random() % 9'000);
      shopper.again.push_back(order);
    }
    for (std::size_t left = shopper.again.size(); left > 0; --left) {
      Shopper::Order late = std::move(shopper.again.front());
      shopper.again.pop_front();
      if (steady_now() < late.due) {
        shopper.again.push_back(std::move(late));
        continue;
      }
      ++said_again_;
      shopper.say(*this, late);
    }
    pause(kPause, true);
  }
  for (Shopper::Order& late : shopper.again) {
    ++said_again_;
    shopper.say(*this, late);
  }
  count_orders(shopper);
}

// What was answered 201, and nothing else: no 503 was an order all the same.
void Shoppers::count_orders(Shopper& shopper) {
  for (std::string why;;) {
    try {
      const std::size_t orders = shopper.customer.orders().size();
      if (orders == shopper.bought) return;
      return complain(fmt::format("{} has {} orders, and was told of {}", shopper.customer.id(),
                                  orders, shopper.bought));
    } catch (const std::runtime_error& error) {
      why = error.what();
    }
    if (ns(steady_now()) > give_up_ns_) return complain("no list of orders: " + why);
    shopper.customer.use_gateway(ports_[shopper.random() % ports_.size()]);
    pause(kRetry, false);
  }
}

}  // namespace depot::test
