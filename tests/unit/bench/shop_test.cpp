// The choices of simulated customers: what a seed fixes, and how popularity is skewed.
#include "bench/shop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace depot::bench {
namespace {

using namespace std::chrono_literals;

std::vector<std::size_t> throws_of(Dice dice) {
  std::vector<std::size_t> out;
  for (int i = 0; i < 100; ++i) {
    out.push_back(dice.pick(1'000));
    out.push_back(dice.chance(0.5));
    out.push_back(dice.weighted({1, 2, 3}));
    out.push_back(static_cast<std::size_t>(dice.exponential(1s).count()));
  }
  return out;
}

TEST(DiceTest, TheSameSeedDecidesTheSameForEachCustomer) {
  EXPECT_EQ(throws_of(Dice(7, 3)), throws_of(Dice(7, 3)));
  EXPECT_NE(throws_of(Dice(7, 3)), throws_of(Dice(7, 4)));
  EXPECT_NE(throws_of(Dice(7, 3)), throws_of(Dice(8, 3)));
  EXPECT_NE(throws_of(Dice(7, 3)), throws_of(Dice(7 + (std::uint64_t{1} << 32), 3)));
}

TEST(DiceTest, WeightsAndMeansAreKept) {
  Dice dice(1, 0);
  constexpr int kThrows = 20'000;
  std::size_t first = 0;
  Duration sum{};
  for (int i = 0; i < kThrows; ++i) {
    first += dice.weighted({1, 0.5, 1.0 / 3}) == 0;
    sum += dice.exponential(10ms);
  }
  EXPECT_NEAR(static_cast<double>(first) / kThrows, 6.0 / 11, 0.02);
  EXPECT_NEAR(std::chrono::duration<double>(sum).count() / kThrows, 0.01, 0.0005);
}

}  // namespace
}  // namespace depot::bench
