#include "base/histogram.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

namespace depot {
namespace {

using namespace std::chrono_literals;

RC_GTEST_PROP(HistogramTest, PercentilesAreWithinAThousandthOfTheTruth, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint64_t>>(
      rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 5'000),
                     rc::gen::inRange<std::uint64_t>(0, 3'600'000'000))));
  const double fraction = *rc::gen::inRange(0, 1'001) / 1'000.0;
  Histogram histogram;
  for (const std::uint64_t us : values) histogram.record(std::chrono::microseconds(us));

  std::vector<std::uint64_t> sorted = values;
  std::ranges::sort(sorted);
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()));
  const std::uint64_t truth = sorted[static_cast<std::size_t>(std::max(1.0, rank)) - 1];

  const auto found = static_cast<std::uint64_t>(histogram.percentile(fraction) / 1us);
  RC_ASSERT(found >= truth);
  RC_ASSERT(found - truth <= truth / 1'000);
  RC_ASSERT(histogram.count() == values.size());
  RC_ASSERT(histogram.min() == std::chrono::microseconds(sorted.front()));
  RC_ASSERT(histogram.max() == std::chrono::microseconds(sorted.back()));
}

RC_GTEST_PROP(HistogramTest, MergingIsRecordingInOne,
              (const std::vector<std::uint16_t>& a, const std::vector<std::uint16_t>& b)) {
  Histogram first, second, both;
  for (const auto us : a) first.record(std::chrono::microseconds(us));
  for (const auto us : b) second.record(std::chrono::microseconds(us));
  for (const auto us : a) both.record(std::chrono::microseconds(us));
  for (const auto us : b) both.record(std::chrono::microseconds(us));
  first.merge(second);
  RC_ASSERT(first.count() == both.count());
  RC_ASSERT(first.min() == both.min());
  RC_ASSERT(first.max() == both.max());
  RC_ASSERT(first.mean() == both.mean());
  for (const double fraction : {0.0, 0.5, 0.9, 0.99, 1.0}) {
    RC_ASSERT(first.percentile(fraction) == both.percentile(fraction));
  }
}

TEST(HistogramTest, IsZeroWhenEmpty) {
  const Histogram empty;
  EXPECT_EQ(empty.percentile(0.99), 0ns);
  EXPECT_EQ(empty.min(), 0ns);
  EXPECT_EQ(empty.max(), 0ns);
  EXPECT_EQ(empty.mean(), 0ns);
}

TEST(HistogramTest, KeepsWhatLiesBeyondItsRangeAtTheEnds) {
  Histogram histogram;
  histogram.record(-5ms);
  histogram.record(24h);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.max(), 1h);
}

}  // namespace
}  // namespace depot
