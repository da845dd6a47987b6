#include "base/stop_signal.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace depot {
namespace {

bool readable(const StopSignal& stop, int timeout_ms) {
  pollfd item{stop.fd(), POLLIN, 0};
  return poll(&item, 1, timeout_ms) == 1;
}

TEST(StopSignalTest, SignalMakesItReadableForGood) {
  StopSignal stop{SIGUSR1};
  EXPECT_FALSE(readable(stop, 0));
  EXPECT_FALSE(stop.requested());
  kill(getpid(), SIGUSR1);
  EXPECT_TRUE(readable(stop, 20'000));
  EXPECT_TRUE(readable(stop, 0));
  EXPECT_TRUE(stop.requested());
  EXPECT_FALSE(stop.urgent());
}

TEST(StopSignalTest, SecondSignalIsUrgent) {
  StopSignal stop{SIGUSR1, SIGUSR2};
  kill(getpid(), SIGUSR1);
  ASSERT_TRUE(readable(stop, 20'000));
  kill(getpid(), SIGUSR2);
  for (int i = 0; i < 20'000 && !stop.urgent(); ++i) poll(nullptr, 0, 1);
  EXPECT_TRUE(stop.urgent());
}

TEST(StopSignalTest, CanBeAskedWithoutASignal) {
  StopSignal stop{SIGUSR1};
  stop.request();
  EXPECT_TRUE(readable(stop, 0));
  EXPECT_TRUE(stop.requested());
  EXPECT_FALSE(stop.urgent());
}

}  // namespace
}  // namespace depot
