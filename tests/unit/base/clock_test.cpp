#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace depot {
namespace {

TEST(ClockTest, WritesUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(WallTime(std::chrono::milliseconds(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(WallTime(std::chrono::milliseconds(1'795'339'551'042))),
            "2026-11-22T09:25:51.042Z");
  EXPECT_EQ(to_rfc3339(WallTime(std::chrono::milliseconds(-1))), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace depot
