// Offers, ledgers, limits, the cycle and hostile input: the real functions in a real Redis. What
// the random programs of rules_test.cpp reach is not repeated here.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "protocol/accounts.hpp"
#include "protocol/msgpack.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {

using protocol::OfferRow;

inline protocol::OrderLine line(const std::string& offer, std::int64_t quantity) {
  return {.offer = offer, .quantity = quantity, .seen_price = {}};
}

inline OfferRow row(const std::string& sku, std::int64_t offered, std::int64_t price = 100) {
  return {.sku = sku, .name = "Name of " + sku, .unit_price = price, .offered = offered};
}

// "O[a, b, c]" of integers, as offer_v1 answers.
inline std::vector<std::int64_t> integers(const std::string& answer) {
  std::vector<std::int64_t> values;
  if (answer.empty() || answer[0] != 'O') return values;
  protocol::Reader reader(std::string_view(answer).substr(1));
  for (std::size_t left = reader.array(); left > 0; --left) values.push_back(reader.integer());
  return values;
}

class FunctionsTest : public testing::Test {
 protected:
  FunctionsTest() {
    shop_.start_cycle();
    shop_.hello("m");
    shop_.add_customer("anna");
  }
  void stock_up(std::int64_t units = 100) {
    ASSERT_EQ(integers(shop_.offer("m", 1, 1, {row("x", units), row("y", units)})),
              (std::vector<std::int64_t>{0, 1, 1}));
  }
  std::string place(const protocol::PlaceOrder& wish, const Options& options = {}) {
    return text_of(shop_.place({wish}, options)[0]);
  }
  void set_cycle(const std::string& cycle_id, protocol::CycleState state) {
    std::string cycle;
    encode(
        protocol::Cycle{
            .id = cycle_id, .state = state, .opens_at_ms = 1, .closes_at_ms = 99999999999999},
        cycle);
    shop_.redis({"SET", "cycle:{s0}", cycle});
  }

  Shop shop_;
};

}  // namespace depot::store::test
