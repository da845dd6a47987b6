// A trace of orders from a CSV file, and the order in which the engine buys them.
//
// Threads: read_trace any; TraceSource by all threads of the engine.
// Errors:  StartupError (exit 1) with every error of the file, by line and column.
// Source:  docs/TRACES.md; docs/OPERATIONS.md, "Files".
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "bench/engine.hpp"

namespace depot::bench {

struct Trace {
  std::vector<std::string> customers;  // customer_ref, by Order::shopper
  std::vector<Order> orders;           // in the order of their first rows; keys are unset
};

// Columns order_ref, customer_ref, offer_id, quantity and perhaps placed_at (UTC, or empty). An
// order is all rows with one (order_ref, customer_ref), adjacent or not; equal offers are summed.
Trace read_trace(const std::string& path, const LimitsConfig& limits);

// Gives orders in the trace's order, but never two of one customer at once: what a customer has
// still to buy waits until the order before it is answered.
class TraceSource : public Source {
 public:
  explicit TraceSource(const Trace& trace);
  std::optional<Order> next(std::size_t lane, const Order* finished) override;

 private:
  struct Customer {
    bool busy = false;
    std::deque<std::size_t> waiting;  // indexes of orders
  };
  std::mutex mutex_;
  const Trace& trace_;
  std::size_t at_ = 0;
  std::vector<Customer> customers_;
};

}  // namespace depot::bench
