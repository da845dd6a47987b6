// Waiting for a condition with a deadline, instead of sleeping and hoping.
//
// Threads: any.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

namespace depot::test {

// Asks `condition` every few milliseconds until it holds. On failure the message says `what` was
// waited for, how long, and what `describe` found at the end.
//   EXPECT_TRUE(wait_until(5s, [&] { return stock() == 7; }, "stock falls to 7"));
testing::AssertionResult wait_until(std::chrono::milliseconds deadline,
                                    const std::function<bool()>& condition, const std::string& what,
                                    const std::function<std::string()>& describe = {});

}  // namespace depot::test
