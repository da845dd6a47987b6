#include "bench/workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/crypto.hpp"
#include "base/ids.hpp"

namespace depot::bench {
namespace {

constexpr int kManufacturers = 30;
constexpr std::int64_t kPrice = 1'999;
constexpr Duration kLateMax = std::chrono::seconds(5);  // after the end, for what is overdue

const std::vector<Workload>& all_workloads() {
  static const std::vector<Workload> all = {
      {.name = "uniform", .what = "each product as likely as another"},
      {.name = "hot", .what = "one product that all want", .products = 1},
      {.name = "zipf", .what = "the second half as popular as the first, and so on", .skew = 1},
      {.name = "mix",
       .what = "a page of the catalogue, an offer, into the cart, and the cart is bought",
       .skew = 1,
       .by_cart = true},
      {.name = "sold-out", .what = "nearly all are refused", .products = 1, .offered = 1},
      {.name = "duplicates", .what = "each order is sent four times at once", .copies = 4},
  };
  return all;
}

std::string manufacturer(int product) {
  return fmt::format("bench-{:02}", product % kManufacturers);
}
std::string sku(int product) { return fmt::format("P{:05}", product); }

std::minstd_rand seeded() {
  return std::minstd_rand(static_cast<std::minstd_rand::result_type>(random_u64()));
}

}  // namespace

std::span<const Workload> workloads() { return all_workloads(); }

const Workload* find_workload(std::string_view name) {
  const auto found = std::ranges::find(all_workloads(), name, &Workload::name);
  return found == all_workloads().end() ? nullptr : &*found;
}

std::string catalogue_rows(const Workload& workload, const Currency& currency) {
  std::string rows;
  for (int i = 0; i < workload.products; ++i) {
    rows += fmt::format("{0},Manufacturer {0},{1},Product {2:05},{3},{4}\n", manufacturer(i),
                        sku(i), i, format_money(kPrice, currency), workload.offered);
  }
  return rows;
}

Buys::Buys(const Workload& workload, BuysOptions options)
    : workload_(workload),
      options_(std::move(options)),
      lanes_(options_.lanes),
      end_(steady_now() + options_.length),
      arrivals_(seeded()),
      due_(steady_now()) {
  for (Lane& lane : lanes_) lane.random = seeded();
  double sum = 0;
  for (int i = 0; i < workload.products; ++i) {
    offers_.push_back(make_offer_id(manufacturer(i), sku(i)));
    if (workload.skew > 0) popularity_.push_back(sum += std::pow(i + 1, -workload.skew));
  }
}

std::optional<TimePoint> Buys::arrival() {
  if (options_.rate <= 0) return steady_now() < end_ ? std::optional(TimePoint{}) : std::nullopt;
  const std::lock_guard lock(mutex_);
  const double gap = std::exponential_distribution(options_.rate)(arrivals_);
  due_ += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(gap));
  if (due_ >= end_ || steady_now() >= end_ + kLateMax) return std::nullopt;
  return due_;
}

std::size_t Buys::draw(std::minstd_rand& random) const {
  if (popularity_.empty()) {
    return std::uniform_int_distribution<std::size_t>(0, offers_.size() - 1)(random);
  }
  const double at = std::uniform_real_distribution(0.0, popularity_.back())(random);
  const auto found = std::ranges::upper_bound(popularity_, at);
  return std::min(static_cast<std::size_t>(found - popularity_.begin()), offers_.size() - 1);
}

std::optional<Order> Buys::next(std::size_t lane, const Order*) {
  const auto due = arrival();
  if (!due) return std::nullopt;
  Lane& own = lanes_[lane];
  Order order{.shopper = static_cast<std::uint32_t>(lane % options_.customers),
              .key = fmt::format("{}-{}-{}", options_.prefix, lane, own.count++),
              .not_before = *due,
              .by_cart = workload_.by_cart};
  if (options_.customers > options_.lanes && !workload_.by_cart) {
    order.shopper = std::uniform_int_distribution<std::uint32_t>(
        0, static_cast<std::uint32_t>(options_.customers - 1))(own.random);
  }
  const auto wanted = std::min(static_cast<std::size_t>(options_.lines), offers_.size());
  // Those behind the one that is drawn: different ones, without a look at what there is already.
  for (std::size_t i = 0, first = draw(own.random); i < wanted; ++i) {
    order.lines.push_back({offers_[(first + i) % offers_.size()], 1, {}});
  }
  if (workload_.by_cart) {
    order.looks = {"/v1/catalogue?limit=24", "/v1/catalogue/" + order.lines.front().offer};
  }
  return order;
}

}  // namespace depot::bench
