#include "base/grouped.hpp"

#include <gtest/gtest.h>

namespace depot {
namespace {

TEST(GroupedTest, MarksThousandsBeforeThePoint) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(12'345'678), "12,345,678");
  EXPECT_EQ(grouped("1234.5678"), "1,234.5678");
  EXPECT_EQ(grouped("-123"), "-123");
  EXPECT_EQ(grouped("-1234567"), "-1,234,567");
  EXPECT_EQ(grouped("1234567", " "), "1 234 567");
  EXPECT_EQ(grouped(""), "");
}

}  // namespace
}  // namespace depot
