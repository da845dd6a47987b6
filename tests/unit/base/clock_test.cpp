#include "base/clock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace depot {
namespace {

TEST(ClockTest, WritesUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(WallTime(std::chrono::milliseconds(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(WallTime(std::chrono::milliseconds(1'795'339'551'042))),
            "2026-11-22T09:25:51.042Z");
}

TEST(ClockTest, ReadsWithAndWithoutFraction) {
  EXPECT_EQ(from_rfc3339("2026-11-22T09:25:51Z"), from_rfc3339("2026-11-22T09:25:51.000Z"));
  EXPECT_EQ(from_rfc3339("2024-02-29T23:59:59.999Z")->time_since_epoch().count(),
            1'709'251'199'999);
}

TEST(ClockTest, RefusesWhatIsNoTimeInUtc) {
  for (const char* text :
       {"", "Z", "2026-11-22", "2026-11-22T09:25:51", "2026-11-22T09:25:51+00:00",
        "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T09:60:00Z", "2026-11-22T09:25:60Z", "2026-11-22T09:25:51.1Z",
        "2026-11-22T09:25:51.-12Z", "2026-11-22t09:25:51Z", "+026-11-22T09:25:51Z"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
}

RC_GTEST_PROP(ClockTest, ReadsWhatItWrote, ()) {
  const auto millis = *rc::gen::inRange<std::int64_t>(0, 253'402'300'799'999);
  const WallTime time{std::chrono::milliseconds(millis)};
  RC_ASSERT(from_rfc3339(to_rfc3339(time)) == time);
}

}  // namespace
}  // namespace depot
