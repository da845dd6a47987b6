#include "distributor_worker/hasher.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/clock.hpp"

namespace depot::distributor_worker {
namespace {

using namespace std::chrono_literals;

constexpr PasswordCost kCheap{.passes = 1, .memory_bytes = 64 * 1024};

std::vector<HashResult> wait_for(Hasher& hasher, std::size_t count) {
  std::vector<HashResult> all;
  for (const TimePoint end = steady_now() + 10s; all.size() < count && steady_now() < end;) {
    pollfd readable{.fd = hasher.fd(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, 100);
    for (HashResult& result : hasher.take()) all.push_back(std::move(result));
  }
  return all;
}

TEST(HasherTest, HashesAndVerifies) {
  crypto_start();
  Hasher hasher(kCheap);
  hasher.submit({.tag = 1, .verify = false, .against = "", .password = "", .to_hash = "secret"});
  const auto made = wait_for(hasher, 1);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].tag, 1u);
  EXPECT_TRUE(made[0].right);
  EXPECT_TRUE(verify_password(made[0].hash, "secret"));

  const std::string& hash = made[0].hash;
  hasher.submit({.tag = 2, .verify = true, .against = hash, .password = "secret", .to_hash = ""});
  hasher.submit({.tag = 3, .verify = true, .against = hash, .password = "wrong", .to_hash = "n"});
  hasher.submit({.tag = 4, .verify = true, .against = hash, .password = "secret", .to_hash = "n"});
  const auto checked = wait_for(hasher, 3);
  ASSERT_EQ(checked.size(), 3u);
  EXPECT_TRUE(checked[0].right);
  EXPECT_EQ(checked[0].hash, "");
  EXPECT_FALSE(checked[1].right);
  EXPECT_EQ(checked[1].hash, "");  // Nothing is made for who does not know the old one.
  EXPECT_TRUE(checked[2].right);
  EXPECT_TRUE(verify_password(checked[2].hash, "n"));
}

TEST(HasherTest, NothingMatchesTheHashOfNobody) {
  crypto_start();
  Hasher hasher(kCheap);
  hasher.submit({.tag = 1, .verify = true, .against = "", .password = "nobody", .to_hash = ""});
  const auto results = wait_for(hasher, 1);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_FALSE(results[0].right);
}

TEST(HasherTest, DoesEachOnceAlsoWhereNoCoreHasTimeLeft) {
  crypto_start();
  std::atomic<bool> done = false;
  std::vector<std::jthread> busy;
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i) {
    busy.emplace_back([&] {
      while (!done) {
      }
    });
  }
  // Little memory, often: what maps it holds up the other thread (hasher.hpp).
  Hasher hasher({.passes = 16, .memory_bytes = 1024 * 1024});
  for (std::uint32_t tag = 1; tag <= 8; ++tag) {
    hasher.submit({.tag = tag, .verify = false, .against = "", .password = "", .to_hash = "x"});
  }
  std::set<std::uint32_t> tags;
  const auto made = wait_for(hasher, 8);
  for (const HashResult& result : made) tags.insert(result.tag);
  EXPECT_EQ(tags.size(), 8u);
  done = true;
  busy.clear();
  hasher.submit({.tag = 9, .verify = false, .against = "", .password = "", .to_hash = "x"});
  const auto last = wait_for(hasher, 1);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].tag, 9u) << "what the lowest thread was at was done by the other one";
}

TEST(HasherTest, EndsWithoutFinishingWhatWaits) {
  crypto_start();
  Hasher hasher({.passes = 2, .memory_bytes = 8 * 1024 * 1024});
  for (std::uint32_t tag = 0; tag < 10'000; ++tag) {
    hasher.submit({.tag = tag, .verify = false, .against = "", .password = "", .to_hash = "x"});
  }
}  // A destructor that finished them would take minutes.

}  // namespace
}  // namespace depot::distributor_worker
