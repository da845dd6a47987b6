#include "bench/trace.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <unordered_map>

#include "base/csv.hpp"
#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "base/yaml.hpp"

namespace depot::bench {
namespace {

// The columns, in the order asked for.
constexpr std::size_t kOrder = 0, kCustomer = 1, kOffer = 2, kQuantity = 3, kPlacedAt = 4;

// -1 for anything that is not a whole number from 1 to `max`.
std::int64_t parse_quantity(std::string_view text, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good && value >= 1 && value <= max ? value : -1;
}

// "2011-01-31T08:26:00Z", and a day that there was.
bool is_time(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute,
                  &second) != 6) {
    return false;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  return date.ok() && hour < 24 && minute < 60 && second < 60 &&
         text == fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", year, month, day, hour, minute,
                             second);
}

// One order as its rows come in.
struct Open {
  std::size_t index;
  std::unordered_map<std::string, std::size_t> lines;  // offer -> index of its line
};

}  // namespace

Trace read_trace(const std::string& path, const LimitsConfig& limits) {
  CsvReader csv(
      path, read_text_file(path, kCsvBytesMax, kExitFailed),
      {{"order_ref"}, {"customer_ref"}, {"offer_id"}, {"quantity"}, {"placed_at", false}});
  Trace trace;
  std::map<std::pair<std::string, std::string>, Open> open;
  std::unordered_map<std::string, std::uint32_t> customers;
  while (csv.next()) {
    const std::int64_t quantity = parse_quantity(csv[kQuantity], limits.quantity_max);
    if (csv[kOrder].empty()) csv.error(kOrder, "empty");
    if (csv[kCustomer].empty()) csv.error(kCustomer, "empty");
    if (!is_offer_id(csv[kOffer])) csv.error(kOffer, "not <manufacturer>:<sku>");
    if (quantity < 0) {
      csv.error(kQuantity, "not a number from 1 to " + std::to_string(limits.quantity_max));
    }
    if (!csv[kPlacedAt].empty() && !is_time(std::string(csv[kPlacedAt]))) {
      csv.error(kPlacedAt, "not a time such as 2011-01-31T08:26:00Z");
    }
    if (!csv.ok()) continue;

    const std::string customer(csv[kCustomer]);
    const auto [who, is_new] =
        customers.try_emplace(customer, static_cast<std::uint32_t>(trace.customers.size()));
    if (is_new) trace.customers.push_back(customer);
    const auto [order, begins] =
        open.try_emplace({std::string(csv[kOrder]), customer}, Open{trace.orders.size(), {}});
    if (begins) trace.orders.push_back({.shopper = who->second, .key = {}, .lines = {}});
    auto& lines = trace.orders[order->second.index].lines;
    const std::string offer(csv[kOffer]);
    const auto [line, first] = order->second.lines.try_emplace(offer, lines.size());
    if (first) {
      if (lines.size() == static_cast<std::size_t>(limits.order_lines_max)) {
        csv.error(kOffer, "line " + std::to_string(lines.size() + 1) + " of one order, at most " +
                              std::to_string(limits.order_lines_max));
        continue;
      }
      lines.push_back({offer, 0, std::nullopt});
    }
    lines[line->second].quantity += quantity;
    if (lines[line->second].quantity > limits.quantity_max) {
      csv.error(kQuantity, "the order's units of this offer pass the limit");
    }
  }
  if (!csv.ok()) throw StartupError("orders: nothing was bought\n" + csv.errors(), kExitFailed);
  return trace;
}

TraceSource::TraceSource(const Trace& trace) : trace_(trace), customers_(trace.customers.size()) {}

std::optional<Order> TraceSource::next(std::size_t, const Order* finished) {
  const std::lock_guard lock(mutex_);
  if (finished != nullptr) {
    Customer& customer = customers_[finished->shopper];
    if (!customer.waiting.empty()) {
      const std::size_t index = customer.waiting.front();
      customer.waiting.pop_front();
      return trace_.orders[index];
    }
    customer.busy = false;
  }
  for (; at_ < trace_.orders.size(); ++at_) {
    Customer& customer = customers_[trace_.orders[at_].shopper];
    if (!customer.busy) {
      customer.busy = true;
      return trace_.orders[at_++];
    }
    customer.waiting.push_back(at_);
  }
  return std::nullopt;
}

}  // namespace depot::bench
