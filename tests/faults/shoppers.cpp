#include "tests/faults/shoppers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <deque>
#include <map>
#include <random>

#include "bench/history.hpp"
#include "protocol/orders.hpp"

namespace depot::test {

using namespace std::chrono_literals;

namespace {

constexpr double kSeveralMakers = 0.3, kSaidAgain = 0.05, kReads = 0.2, kGivenUp = 0.3;
constexpr double kByCart = 0.25, kInPart = 0.3, kCancels = 0.1, kCancelsTwice = 0.3;
constexpr auto kPause = 40ms, kRetry = 100ms;
constexpr std::size_t kComplaintsMax = 20;
// What the catalogue may be behind while its hub or gateway is killed, frozen and started anew.
constexpr auto kLag = 30s;

std::int64_t ns(TimePoint time) { return time.time_since_epoch().count(); }

std::string maker_of(const std::string& offer) { return offer.substr(0, offer.find(':')); }

// Whether it is what was asked for, or part of that where that will do, and adds up.
bool answers(const bench::Receipt& receipt, const protocol::PlaceOrder& asked) {
  const bool in_part = asked.mode == protocol::OrderMode::available;
  std::int64_t total = 0;
  for (const bench::BoughtLine& line : receipt.lines) {
    const auto wish = std::ranges::find(asked.lines, line.offer, &protocol::OrderLine::offer);
    if (wish == asked.lines.end() || line.quantity < 1) return false;
    if (in_part ? line.quantity > wish->quantity : line.quantity != wish->quantity) return false;
    if (wish->seen_price.value_or(line.unit_price) != line.unit_price) return false;
    total += line.quantity * line.unit_price;
  }
  return total == receipt.total &&
         (in_part ? !receipt.lines.empty() : receipt.lines.size() == asked.lines.size());
}

}  // namespace

struct Shoppers::Shopper {
  struct Order {
    std::string key;
    protocol::PlaceOrder asked;
    TimePoint due{};              // to be said again
    int told = 0;                 // the status that it was answered with
    bench::Receipt receipt = {};  // where that was 201
  };
  struct Bought {
    bench::Receipt receipt;
    bool cancelled = false;
  };
  Shopper(int port, const std::string& file, std::uint32_t seed)
      : customer(port), history(file), random(seed) {}

  Order order(const std::vector<std::string>& offers);
  // Puts the lines into the cart, and asks for that instead, with all that stands in it; where that
  // cannot be done now the order stays as it is.
  void take_cart(Order& order);
  HttpReply send(const Order& order);
  // The answer to one attempt; status 0 where none came.
  HttpReply ask(Order& order, std::string& why);
  void check(Shoppers& all, Order& order, const bench::Receipt& receipt);
  void cancel(Shoppers& all, const std::string& id);
  // Notes what the cart (as of now) or the catalogue (as of late) says of an offer's stock.
  void read(const std::string& offer);
  void say(Shoppers& all, Order& order);
  bool chance(double of) { return std::uniform_real_distribution<double>(0, 1)(random) < of; }

  Customer customer;
  bench::History history;
  std::minstd_rand random;
  std::deque<Order> again;
  std::map<std::string, Bought> bought;  // by order id
};

Shoppers::Shopper::Order Shoppers::Shopper::order(const std::vector<std::string>& offers) {
  const auto any = [&] { return offers[random() % offers.size()]; };
  Lines lines = {{any(), 1 + random() % 3}};
  if (chance(kSeveralMakers)) {
    for (int tries = 0; tries < 8; ++tries) {
      const std::string more = any();
      const bool other = std::ranges::none_of(
          lines, [&](const auto& line) { return maker_of(line.first) == maker_of(more); });
      if (other) lines.emplace_back(more, 1 + random() % 2);
    }
  }
  const bool in_part = chance(kInPart);
  Order order{.key = unique("key"),
              .asked = asked_for(lines, in_part ? protocol::OrderMode::available
                                                : protocol::OrderMode::all_or_nothing)};
  if (chance(kByCart)) take_cart(order);
  return order;
}

void Shoppers::Shopper::take_cart(Order& order) {
  try {
    for (const protocol::OrderLine& line : order.asked.lines) {
      customer.request("PUT", "/v1/cart/lines/" + line.offer,
                       fmt::format(R"({{"quantity":{}}})", line.quantity));
    }
    const HttpReply reply = customer.cart();
    if (reply.status != 200) return;
    const boost::json::value cart = reply.json();
    std::vector<protocol::OrderLine> lines = bench::lines_of(cart);
    if (lines.empty()) return;
    order.asked.cart_version = cart.at("cart_version").as_int64();
    order.asked.lines = std::move(lines);
    order.asked.fingerprint = protocol::fingerprint_of(order.asked);
  } catch (const WireError&) {
  }
}

HttpReply Shoppers::Shopper::send(const Order& order) {
  const bool in_part = order.asked.mode == protocol::OrderMode::available;
  const std::string mode = in_part ? "available" : "all_or_nothing";
  if (order.asked.cart_version) {
    return customer.buy_cart(*order.asked.cart_version, order.key, mode);
  }
  Lines lines;
  for (const auto& line : order.asked.lines) lines.emplace_back(line.offer, line.quantity);
  return customer.buy(lines, order.key, mode);
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

HttpReply Shoppers::Shopper::ask(Order& order, std::string& why) {
  const TimePoint sent = steady_now();
  HttpReply reply;
  std::optional<bench::Receipt> receipt;
  try {
    reply = send(order);
    why = reply.body;
    if (reply.status == 201) receipt = bench::receipt_of(reply.json());
  } catch (const WireError& error) {
    why = error.what();
  }
  const std::vector<bench::ToldStock> told = bench::shortages(reply.body);
  history.add(bench::Attempt{.client = customer.id(),
                             .key = order.key,
                             .asked = order.asked,
                             .invoked = sent,
                             .done = steady_now(),
                             .status = reply.status,
                             .receipt = receipt ? &*receipt : nullptr,
                             .told = told});
  return reply;
}

void Shoppers::Shopper::check(Shoppers& all, Order& order, const bench::Receipt& receipt) {
  if (!answers(receipt, order.asked)) all.complain(order.key + ": answered with another order");
  const auto [known, first] = bought.try_emplace(receipt.order_id, Bought{receipt});
  if (!first && known->second.receipt != receipt) {
    all.complain(order.key + ": answered with two different orders");
  }
  order.receipt = receipt;
}

// Until there is a definite answer: it is, or it cannot be any more.
void Shoppers::Shopper::cancel(Shoppers& all, const std::string& id) {
  for (std::string why;;) {
    const TimePoint sent = steady_now();
    int status = 0;
    try {
      const HttpReply reply = customer.request("POST", "/v1/orders/" + id + "/cancel");
      status = reply.status;
      why = reply.body;
    } catch (const WireError& error) {
      why = error.what();
    }
    history.add(bench::Cancelling{.client = customer.id(),
                                  .order_id = id,
                                  .invoked = sent,
                                  .done = steady_now(),
                                  .status = status});
    bool& cancelled = bought.at(id).cancelled;
    if (status == 200 || status == 409) {
      if (cancelled && status != 200) all.complain(id + ": cancelled, and then " + why);
      if (!cancelled) ++(status == 200 ? all.cancelled_ : all.not_cancelled_);
      cancelled = status == 200;
      return;
    }
    if (status >= 400 && status < 429) return all.complain(id + ": not cancelled: " + why);
    if (ns(steady_now()) > all.give_up_ns_) {
      return all.complain(id + ": no answer to its cancelling: " + why);
    }
    customer.use_gateway(all.ports_[random() % all.ports_.size()]);
    all.pause(kRetry, false);
  }
}

// Until the answer is definite, or says that nothing has happened and the customer leaves it so.
void Shoppers::Shopper::say(Shoppers& all, Order& order) {
  const TimePoint begin = steady_now();
  bool first = order.told == 0;
  for (std::string why;;) {
    const HttpReply reply = ask(order, why);
    const int status = reply.status;
    ++all.attempts_;
    if (status == 201) check(all, order, bench::receipt_of(reply.json()));
    if (bench::answer_of(status) != bench::Answer::unknown) {
      if (order.told != 0 && order.told != status) {
        all.complain(fmt::format("{}: told {}, and then {}", order.key, order.told, status));
      }
      if (bench::answer_of(status) == bench::Answer::rejected) all.complain(order.key + ": " + why);
      if (order.told == 0) ++(status == 201 ? all.bought_ : all.refused_);
      if (order.told == 0 && status == 201 && order.asked.cart_version) ++all.by_cart_;
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
    if (order.told == 201 && shopper.chance(kCancels)) {
      shopper.cancel(*this, order.receipt.order_id);
      if (shopper.chance(kCancelsTwice)) shopper.cancel(*this, order.receipt.order_id);
    }
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

// What was answered 201, as it was answered, and nothing else: no 503 was an order all the same.
void Shoppers::count_orders(Shopper& shopper) {
  for (std::string why;;) {
    try {
      const std::vector<boost::json::value> orders = shopper.customer.orders();
      if (orders.size() != shopper.bought.size()) {
        complain(fmt::format("{} has {} orders, and was told of {}", shopper.customer.id(),
                             orders.size(), shopper.bought.size()));
      }
      for (const boost::json::value& order : orders) {
        const bench::Receipt now = bench::receipt_of(order);
        const auto told = shopper.bought.find(now.order_id);
        if (told == shopper.bought.end() || told->second.receipt != now ||
            told->second.cancelled != (order.at("status") == "cancelled")) {
          complain(now.order_id + " is not as it was told");
        }
      }
      return;
    } catch (const std::runtime_error& error) {
      why = error.what();
    }
    if (ns(steady_now()) > give_up_ns_) return complain("no list of orders: " + why);
    shopper.customer.use_gateway(ports_[shopper.random() % ports_.size()]);
    pause(kRetry, false);
  }
}

}  // namespace depot::test
