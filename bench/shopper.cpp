#include "bench/shopper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "bench/sign_in.hpp"

namespace depot::bench {
namespace {

namespace json = boost::json;
namespace net = boost::asio;

// What customers do; chosen so that it looks like a shop, and so that nothing of it is rare.
constexpr double kBrowsesOn = 0.5, kChanges = 0.15, kLooksAgain = 0.5, kLeaves = 0.15;
constexpr double kTakesOther = 0.5, kInPart = 0.15, kCancels = 0.05, kLogsOut = 0.1;
const std::vector<double> kLines = {40, 25, 15, 12, 8};  // one more to five more
const std::vector<double> kQuantities = {60, 25, 15};
constexpr std::size_t kLinesMax = 5;
constexpr const char* kSorts[] = {"name", "price", "-price", "-available"};

std::string quantity_body(std::int64_t quantity) {
  return fmt::format(R"({{"quantity":{}}})", quantity);
}

std::string text(const json::value& object, const char* key) {
  return std::string(object.at(key).as_string());
}

std::int64_t number(const json::value& object, const char* key) {
  return object.at(key).to_number<std::int64_t>();
}

}  // namespace

Visitor::Visitor(Shop& shop, std::size_t number)
    : shop_(shop),
      number_(number),
      dice_(shop.options_.seed, number),
      caller_(make_callers(shop.crew_, shop.engine_, number, 1)),
      timer_(shop.crew_.io()),
      shopper_(shop.shoppers_[number]) {}

net::awaitable<void> Visitor::come_and_go() {
  TimePoint due = shop_.begin_;
  while (true) {
    // Who was kept for long makes up for one visit, not for all.
    due = std::max(due, steady_now() - shop_.gap_) + dice_.exponential(shop_.gap_);
    co_await shop_.sleep_until(timer_, due);
    if (shop_.closing_) co_return;
    const std::uint64_t before = purchases_;
    ++shop_.figures_.visits;
    ++shop_.figures_.under_way;
    co_await visit();
    --shop_.figures_.under_way;
    shop_.figures_.left += purchases_ == before;
  }
}

net::awaitable<void> Visitor::visit() {
  if (!signed_in_) co_await sign_in();
  if (signed_in_) co_await browse();
  if (signed_in_) co_await fill_cart();
  if (signed_in_ && dice_.chance(kChanges)) co_await change_cart();
  if (!dice_.chance(kLeaves)) {
    if (signed_in_ && dice_.chance(kLooksAgain)) co_await mend_cart();
    bool done = !signed_in_;
    for (int attempt = 0; attempt < 2 && !done; ++attempt) {
      if (attempt > 0) co_await mend_cart();
      done = co_await check_out();
    }
  }
  if (signed_in_ && !bought_.empty() && dice_.chance(kCancels)) co_await cancel();
  if (signed_in_ && dice_.chance(kLogsOut)) {
    co_await ask("DELETE", "/v1/sessions/current");
    signed_in_ = false;
  }
}

net::awaitable<Visitor::Reply> Visitor::ask(const char* method, std::string target,
                                            std::string body) {
  const Call call{method, std::move(target), shopper_.head, std::move(body)};
  const Caller::OnAttempt ignore = [](const Caller::Answer&, TimePoint) {};
  const Caller::Answer answer = co_await caller_.front()->call(call, ignore);
  co_await think();
  Reply reply;
  const int status = answer ? answer->status : 0;
  if (status == 401) signed_in_ = false;
  if (status / 100 == 2 || status == 409) {
    boost::system::error_code none;
    reply = {status, json::parse(answer->body, none)};
  } else if (status != 401 && !shop_.stopped()) {
    const std::string path = call.target.substr(0, call.target.find_first_of("/?", 4));
    ++shop_.till_.tally.failed[path + ": " + describe(answer)];
  }
  co_return reply;
}

net::awaitable<void> Visitor::sign_in() {
  Caller& caller = *caller_.front();
  Result<Shopper> shopper = co_await log_in(caller, shop_.emails_[number_]);
  const bool unknown = !shopper && shopper.error().code == ErrorCode::refused;
  if (unknown) shopper = co_await sign_up(caller, shop_.emails_[number_]);  // The data is another.
  signed_in_ = shopper.has_value();
  if (signed_in_) shopper_ = *shopper;
  if (!signed_in_ && !shop_.stopped()) ++shop_.till_.tally.failed["log-in"];
}

net::awaitable<void> Visitor::browse() {
  std::string target = std::string("/v1/catalogue?limit=24&sort=") + kSorts[dice_.pick(4)];
  co_await ask("GET", target);
  if (shop_.figures_.goods.empty() || !dice_.chance(kBrowsesOn)) co_return;
  const std::string offer = draw().offer;
  co_await ask("GET", target + "&manufacturer=" + offer.substr(0, offer.find(':')));
}

net::awaitable<void> Visitor::fill_cart() {
  co_await look_at_cart();
  const std::size_t wanted = 1 + dice_.weighted(kLines);
  for (std::size_t i = 0; i < wanted && signed_in_ && lines().size() < kLinesMax; ++i) {
    if (shop_.figures_.goods.empty()) co_return;
    co_await want(draw());
  }
}

// Looks at it, and puts it in the cart; or what another manufacturer has of the same.
net::awaitable<void> Visitor::want(Good good) {
  const auto quantity = static_cast<std::int64_t>(1 + dice_.weighted(kQuantities));
  const Reply seen = co_await ask("GET", "/v1/catalogue/" + good.offer);
  if (seen.status != 200) co_return;
  good.available = number(seen.body, "available");
  bool added = false;
  if (good.available > 0) added = co_await add(good, std::min(quantity, good.available));
  if (added || !signed_in_) co_return;
  ++shop_.figures_.turned_away;
  const auto other = alternative_to(good);
  if (other) co_await add(*other, std::min(quantity, other->available));
}

net::awaitable<bool> Visitor::add(const Good& good, std::int64_t quantity) {
  Reply reply =
      co_await ask("POST", "/v1/cart/lines",
                   fmt::format(R"({{"offer_id":"{}","quantity":{}}})", good.offer, quantity));
  const bool added = reply.status == 200;
  if (added) cart_ = std::move(reply.body);
  co_return added;
}

// Another quantity of the first line, or the last one out.
net::awaitable<void> Visitor::change_cart() {
  const json::array all = lines();
  if (all.empty()) co_return;
  const bool remove = all.size() > 1 && dice_.chance(0.4);
  const json::value& line = remove ? all.back() : all.front();
  const auto quantity = static_cast<std::int64_t>(1 + dice_.weighted(kQuantities));
  const std::string target = "/v1/cart/lines/" + text(line, "offer_id");
  const std::string body = remove ? "" : quantity_body(quantity);
  Reply reply = co_await ask(remove ? "DELETE" : "PUT", target, body);
  if (reply.status == 200) cart_ = std::move(reply.body);
}

net::awaitable<void> Visitor::look_at_cart() {
  Reply reply = co_await ask("GET", "/v1/cart");
  cart_ = reply.status == 200 ? std::move(reply.body) : nullptr;
}

// What cannot be bought as it stands there is taken out, or as much of it as there is.
net::awaitable<void> Visitor::mend_cart() {
  co_await look_at_cart();
  for (const json::value& line : lines()) {
    if (!line.at("problem").is_string() || !signed_in_) continue;
    const std::int64_t available = number(line, "available");
    const std::string target = "/v1/cart/lines/" + text(line, "offer_id");
    const std::string body =
        available > 0 ? quantity_body(std::min(number(line, "quantity"), available)) : "";
    Reply reply = co_await ask(available > 0 ? "PUT" : "DELETE", target, body);
    if (reply.status == 200) cart_ = std::move(reply.body);
    if (available > 0 || !signed_in_ || !dice_.chance(kTakesOther)) continue;
    const auto other = alternative_to({text(line, "offer_id"), text(line, "name"), ""});
    if (other) co_await add(*other, 1);
  }
}

net::awaitable<bool> Visitor::check_out() {
  if (lines().empty()) co_return true;
  const bool part = dice_.chance(kInPart);
  const auto mode = part ? protocol::OrderMode::available : protocol::OrderMode::all_or_nothing;
  const Order order{.key = fmt::format("{}-{}-{}", shop_.options_.prefix, number_, purchases_++),
                    .mode = shop_.options_.mode.value_or(mode),
                    .lines = lines_of(cart_),
                    .cart_version = number(cart_, "cart_version")};
  Purchase purchase(shop_.till_, shopper_, order, 1, timer_);
  co_await purchase.send(*caller_.front());
  purchase.count();
  const Caller::Answer& answer = purchase.answer();
  if (answer && answer->status == 401) signed_in_ = false;
  if (answer && answer->status == 409) co_return false;
  cart_ = nullptr;
  if (answer && answer->status == 201) {
    const json::value placed = json::parse(answer->body);
    bought_ = text(placed, "order_id");
    for (const json::value& line : placed.at("lines").as_array()) {
      const std::string good =
          fmt::format("{} ({})", text(line, "name"), text(line, "manufacturer_name"));
      shop_.figures_.units[good] += static_cast<std::uint64_t>(number(line, "quantity"));
    }
  }
  co_return true;
}

net::awaitable<void> Visitor::cancel() {
  const TimePoint sent = steady_now();
  const Reply reply = co_await ask("POST", "/v1/orders/" + bought_ + "/cancel");
  shop_.till_.history.add(Cancelling{.client = shopper_.customer,
                                     .order_id = bought_,
                                     .invoked = sent,
                                     .done = steady_now(),
                                     .status = reply.status});
  shop_.figures_.cancelled += reply.status == 200;
  bought_.clear();
}

net::awaitable<void> Visitor::think() {
  co_await shop_.sleep_until(timer_, steady_now() + dice_.exponential(shop_.pace_));
}

const Good& Visitor::draw() { return shop_.figures_.goods[dice_.weighted(shop_.popularity_)]; }

std::optional<Good> Visitor::alternative_to(const Good& good) const {
  for (const Good& other : shop_.figures_.goods) {
    if (other.name == good.name && other.offer != good.offer && other.available > 0) return other;
  }
  return std::nullopt;
}

json::array Visitor::lines() const {
  return cart_.is_object() ? cart_.at("lines").as_array() : json::array();
}

}  // namespace depot::bench
