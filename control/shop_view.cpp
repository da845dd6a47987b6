#include "control/shop_view.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "base/numbers.hpp"
#include "bench/progress.hpp"

namespace depot::control {
namespace {

using bench::Figures;
using bench::Tally;

constexpr std::size_t kNamesMax = 4;
constexpr auto kEvery = std::chrono::seconds(10);  // where it is no terminal

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(kNamesMax, names.size()); ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  return out + (names.size() > kNamesMax ? ", ..." : "");
}

std::vector<std::string> sold_out(const Figures& figures) {
  std::vector<std::string> names;
  for (const bench::Good& good : figures.goods) {
    if (good.available == 0) names.push_back(fmt::format("{} ({})", good.name, good.manufacturer));
  }
  return names;
}

std::vector<std::string> best_sellers(const Figures& figures) {
  std::vector<std::pair<std::uint64_t, std::string>> all;
  for (const auto& [good, units] : figures.units) all.emplace_back(units, good);
  std::ranges::sort(all, std::greater());
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const auto& [units, good] : all) names.push_back(fmt::format("{} {}", grouped(units), good));
  return names;
}

std::string reasons(const Tally& tally) {
  std::string out;
  for (const auto* counts : {&tally.refused, &tally.failed}) {
    for (const auto& [name, count] : *counts) out += fmt::format("  {} {}", name, grouped(count));
  }
  return out;
}

std::string latency(const Tally& tally) {
  return fmt::format("p50 {:.1f}, p99 {:.1f} ms", tally.latency_ms(0.5), tally.latency_ms(0.99));
}

bench::Rows rows_of(const Figures& figures, const Tally& tally) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(figures.passed);
  const auto gone = sold_out(figures);
  return {
      {"visits",
       fmt::format("{} in {} s, {} are here now, {} left without buying", grouped(figures.visits),
                   grouped(static_cast<std::uint64_t>(seconds.count())), figures.under_way,
                   grouped(figures.left))},
      {"orders",
       fmt::format("{}, {:.1f} a second; {} cancelled", grouped(tally.placed),
                   bench::per_second(tally.placed, figures.passed), grouped(figures.cancelled))},
      {"refused", grouped(tally.refused_total()) + reasons(tally)},
      {"sold out", fmt::format("{} of {}  {}", gone.size(), figures.goods.size(), joined(gone))},
      {"a purchase", latency(tally)},
      {"best sellers", joined(best_sellers(figures))}};
}

}  // namespace

ShopView::ShopView(std::string what, bool quiet)
    : what_(std::move(what)),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      colours_(bench::colours_wanted(STDERR_FILENO)) {
  if (!quiet_) std::fputs((what_ + "\n").c_str(), stderr);
}

ShopView::~ShopView() {
  if (drawn_ > 0) std::fputs("\n", stderr);
}

void ShopView::show(const Figures& figures, const Tally& tally) {
  const TimePoint now = steady_now();
  if (quiet_ || now < due_) return;
  std::string out;
  if (terminal_) {
    if (drawn_ > 0) out = fmt::format("\x1b[{}F\x1b[J", drawn_);
    const bench::Rows rows = rows_of(figures, tally);
    const char *bold = colours_ ? "\x1b[1m" : "", *plain = colours_ ? "\x1b[0m" : "";
    for (const auto& [label, text] : rows) {
      out += fmt::format("{}{:<14}{} {:.100}\n", bold, label, plain, text);
    }
    drawn_ = rows.size();
  } else {
    due_ = now + kEvery;
    out = fmt::format(
        "{:.0f} s: {} visits, {} orders, {} refused, {} cancelled, {} of {} sold out, {}\n",
        std::chrono::duration<double>(figures.passed).count(), figures.visits, tally.placed,
        tally.refused_total(), figures.cancelled, sold_out(figures).size(), figures.goods.size(),
        latency(tally));
  }
  std::fputs(out.c_str(), stderr);
}

Extras extras_of(const Figures& figures, std::uint64_t seed) {
  Extras extras;
  extras.rows = {
      {"cancelled", counted(figures.cancelled, "order")},
      {"visits",
       fmt::format("{}, {} without an order", grouped(figures.visits), grouped(figures.left))},
      {"turned away", counted(figures.turned_away, "time") + ", before there was an order"},
      {"best sellers", joined(best_sellers(figures))},
      {"seed", std::to_string(seed)}};
  extras.members = {{"cancelled", figures.cancelled},
                    {"visits", figures.visits},
                    {"visits_without_order", figures.left},
                    {"turned_away", figures.turned_away},
                    {"seed", seed}};
  if (!figures.flash) return extras;
  const bench::Flash& flash = *figures.flash;
  extras.rows.push_back({"flash sale", fmt::format("{}: {} left, {} sold, {} refused",
                                                   flash.good.name, flash.good.available,
                                                   grouped(flash.placed), grouped(flash.refused))});
  extras.members["flash_sale"] = {{"offer_id", flash.good.offer},
                                  {"available_before", flash.good.available},
                                  {"placed", flash.placed},
                                  {"refused", flash.refused}};
  return extras;
}

boost::json::object status_of(const Figures& figures, const Tally& tally) {
  return {{"visits", figures.visits},
          {"placed", tally.placed},
          {"refused", tally.refused_total()},
          {"failed", tally.failed_total()},
          {"cancelled", figures.cancelled},
          {"goods", figures.goods.size()},
          {"sold_out", sold_out(figures).size()},
          {"seconds", std::chrono::duration_cast<std::chrono::seconds>(figures.passed).count()}};
}

}  // namespace depot::control
