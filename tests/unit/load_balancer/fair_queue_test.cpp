#include "load_balancer/fair_queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

namespace depot::load_balancer {
namespace {

messaging::RequestRecord record(std::uint32_t tenant, std::string_view body = {}) {
  return {.tenant = tenant, .body = body};
}
constexpr std::size_t kPlenty = 1 << 30;  // bytes
constexpr TimePoint kLater = TimePoint::max();

// Tags of all that is queued, in the order of service.
std::vector<std::uint32_t> serve(FairQueue& queue, std::size_t count) {
  std::vector<std::uint32_t> tags;
  for (; count > 0 && !queue.empty(); --count) {
    tags.push_back(queue.front().asker.tag);
    queue.pop();
  }
  return tags;
}

TEST(FairQueueTest, ServesOneTenantInOrderOfArrival) {
  FairQueue queue(100, 100, kPlenty, 0);
  for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(queue.push({0, i}, kLater, record(7)));
  const auto tags = serve(queue, 100);
  ASSERT_EQ(tags.size(), 20u);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_EQ(tags[i], i);
}

TEST(FairQueueTest, KeepsRecordAndBody) {
  FairQueue queue(10, 10, kPlenty, 0);
  messaging::RequestRecord given = record(3, "the body");
  given.kind = 4;
  given.attempt = 2;
  given.flags = 1;
  given.request_id = {1, 2, 3};
  ASSERT_TRUE(queue.push({5, 7}, kLater, given));
  const Waiting& waiting = queue.front();
  EXPECT_EQ(waiting.asker.gateway, 5u);
  EXPECT_EQ(waiting.asker.tag, 7u);
  EXPECT_EQ(waiting.body, "the body");
  EXPECT_EQ(waiting.record.kind, 4);
  EXPECT_EQ(waiting.record.attempt, 2);
  EXPECT_EQ(waiting.record.flags, 1);
  EXPECT_EQ(waiting.record.request_id, given.request_id);
}

TEST(FairQueueTest, AFloodDoesNotHoldUpAnotherTenant) {
  FairQueue queue(10'000, 10'000, kPlenty, 0);
  for (std::uint32_t i = 0; i < 5'000; ++i) queue.push({0, 1}, kLater, record(1));
  ASSERT_TRUE(queue.push({0, 2}, kLater, record(2)));
  const auto tags = serve(queue, 2);  // One of the flood comes before.
  EXPECT_NE(std::find(tags.begin(), tags.end(), 2u), tags.end());
}

TEST(FairQueueTest, ATenantsPlacesAreBounded) {
  FairQueue queue(100, 4, kPlenty, 0);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push({}, kLater, record(1)));
  EXPECT_FALSE(queue.push({}, kLater, record(1)));
  EXPECT_TRUE(queue.push({}, kLater, record(2)));
}

TEST(FairQueueTest, AFloodLeavesOthersAsManyPlacesAsItHas) {
  FairQueue queue(10, 10, kPlenty, 0);
  const auto pushed = [&](std::uint32_t tenant) {
    int count = 0;
    while (queue.push({}, kLater, record(tenant))) ++count;
    return count;
  };
  EXPECT_EQ(pushed(1), 5);
  EXPECT_EQ(pushed(2), 3) << "of the five";
  EXPECT_EQ(pushed(3), 1);
  EXPECT_EQ(pushed(4), 1) << "the last, for one who has none";
  EXPECT_EQ(pushed(5), 0);
  EXPECT_EQ(queue.size(), 10u);
}

TEST(FairQueueTest, TakesInNoMoreThanItsLimitOfNow) {
  FairQueue queue(100, 100, kPlenty, 0);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_TRUE(queue.push({}, kLater, record(i)));
  queue.limit(10, 22);
  EXPECT_FALSE(queue.push({}, kLater, record(0)));
  EXPECT_EQ(queue.size(), 20u) << "what is there stays";
  EXPECT_TRUE(queue.push({}, kLater, record(98))) << "of whom none waits yet";
  EXPECT_TRUE(queue.push({}, kLater, record(99)));
  EXPECT_FALSE(queue.push({}, kLater, record(99)));
  EXPECT_FALSE(queue.push({}, kLater, record(97)));
  serve(queue, 18);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(queue.push({}, kLater, record(97))) << i;
  EXPECT_FALSE(queue.push({}, kLater, record(97))) << "three rounds of five";
}

TEST(FairQueueTest, WhoseTurnComesInTimeIsTakenInHoweverMuchOfOthersWaitsBehindIt) {
  FairQueue queue(1'000, 1'000, kPlenty, 0);
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(queue.push({}, kLater, record(1)));
  queue.limit(30, 30);
  EXPECT_FALSE(queue.push({}, kLater, record(1)));
  int taken = 0;
  while (queue.push({0, 2}, kLater, record(2))) ++taken;
  EXPECT_EQ(taken, 15) << "and 15 of the others are served by then";
  for (std::uint32_t tenant = 3; tenant < 31; ++tenant) {
    EXPECT_TRUE(queue.push({}, kLater, record(tenant))) << tenant;
  }
  EXPECT_FALSE(queue.push({}, kLater, record(31))) << "30 have one each";
}

TEST(FairQueueTest, ALargeRecordIsTakenInByItsTurns) {
  FairQueue queue(1'000, 1'000, kPlenty, 0);
  const std::string large(9 * 1'024, 'x');  // ten turns
  for (std::uint32_t tenant = 0; tenant < 20; ++tenant) {
    ASSERT_TRUE(queue.push({}, kLater, record(tenant)));
  }
  queue.limit(200, 200);
  EXPECT_TRUE(queue.push({}, kLater, record(20, large))) << "little waits";
  for (std::uint32_t tenant = 21; tenant < 101; ++tenant) {
    ASSERT_TRUE(queue.push({}, kLater, record(tenant)));
  }
  EXPECT_FALSE(queue.push({}, kLater, record(101, large))) << "ten rounds of a hundred";
  EXPECT_TRUE(queue.push({}, kLater, record(101)));
}

TEST(FairQueueTest, StrangersAreServedInTheOrderInWhichTheyCome) {
  FairQueue queue(1'000, 1'000, kPlenty, 0);
  std::uint32_t next = 0, expected = 0;
  for (; next < 100; ++next) ASSERT_TRUE(queue.push({0, next}, kLater, record(next)));
  for (; next < 2'000; ++next, ++expected) {  // One in, one out.
    ASSERT_EQ(serve(queue, 1), std::vector{expected});
    ASSERT_TRUE(queue.push({0, next}, kLater, record(next)));
  }
}

// Where more than half of it waits, what is taken in has its turn within so many, and a round: also
// if those who wait come again and again.
RC_GTEST_PROP(FairQueueTest, TurnsComeAsTheyWereReckoned, ()) {
  constexpr std::size_t kTurns = 24, kTenants = 4;
  FairQueue queue(1'000, 1'000, kPlenty, 7);
  std::set<std::uint32_t> waiting;
  const auto any = [] { return *rc::gen::inRange<std::uint32_t>(0, kTenants); };
  for (int i = *rc::gen::inRange<int>(kTurns / 2, kTurns); i > 0; --i) {
    const std::uint32_t tenant = any();
    if (queue.push({}, kLater, record(tenant))) waiting.insert(tenant);
  }
  queue.limit(kTurns, kTurns);
  const std::uint32_t mine = any();
  if (!queue.push({0, 1}, kLater, record(mine))) return;
  waiting.erase(mine);
  for (std::size_t turns = 0; turns < kTurns + kTenants; ++turns) {
    if (serve(queue, 1) == std::vector{1u}) return;
    if (const std::uint32_t other = any(); waiting.contains(other)) {
      queue.push({}, kLater, record(other));
    }
  }
  RC_FAIL("it still waits");
}

TEST(FairQueueTest, BytesAreBoundedAndSharedLikePlaces) {
  FairQueue queue(100, 100, 60 * 1024, 0);
  const std::string large(15'000, 'x');
  EXPECT_TRUE(queue.push({}, kLater, record(1, large)));
  EXPECT_TRUE(queue.push({}, kLater, record(1, large)));
  EXPECT_FALSE(queue.push({}, kLater, record(1, large)));
  EXPECT_TRUE(queue.push({}, kLater, record(1, "small")));
  EXPECT_TRUE(queue.push({}, kLater, record(2, large))) << "the other half is for others";
  for (int i = 0; i < 2; ++i) {
    queue.front();
    queue.pop();
  }
  EXPECT_TRUE(queue.push({}, kLater, record(1, large)));
}

TEST(FairQueueTest, ALargeRecordCostsItsTenantMoreTurns) {
  FairQueue queue(2'000, 2'000, kPlenty, 0);
  const std::string large(64 * 1024, 'x');
  for (int i = 0; i < 20; ++i) queue.push({0, 1}, kLater, record(1, large));
  for (int i = 0; i < 1'000; ++i) queue.push({0, 2}, kLater, record(2));
  const auto tags = serve(queue, 660);
  const auto large_served = std::count(tags.begin(), tags.end(), 1u);
  EXPECT_NEAR(static_cast<double>(large_served), 10, 2);  // 65 small ones for each.
}

TEST(FairQueueTest, RemovesWhatIsAskedForAndKeepsTheOrderOfTheRest) {
  FairQueue queue(100, 100, kPlenty, 0);
  for (std::uint32_t i = 0; i < 30; ++i) queue.push({0, i}, kLater, record(1));
  for (std::uint32_t i = 0; i < 3; ++i) queue.push({0, 2}, kLater, record(2));
  queue.remove_if([](const Waiting& w) { return w.asker.tag % 2 == 0; });
  EXPECT_EQ(queue.size(), 15u);
  const auto tags = serve(queue, 100);
  ASSERT_EQ(tags.size(), 15u);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(tags[i], 2 * i + 1);
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.push({0, 99}, kLater, record(2)));
  EXPECT_EQ(serve(queue, 9), std::vector<std::uint32_t>{99});
}

// While two tenants both wait, neither gets ahead by more than a turn and a largest record.
RC_GTEST_PROP(FairQueueTest, TwoBackloggedTenantsShareEvenly, ()) {
  FairQueue queue(4'000, 2'000, kPlenty, 12345);
  const auto sizes = *rc::gen::container<std::vector<std::size_t>>(
      200, rc::gen::element<std::size_t>(0, 10, 500, 1'500, 4'000));
  std::string body;
  for (const std::size_t size : sizes) {
    body.assign(size, 'x');
    RC_ASSERT(queue.push({0, 0}, kLater, record(1, body)));
    RC_ASSERT(queue.push({0, 1}, kLater, record(2, body)));
  }
  std::size_t served[2] = {};
  std::size_t left[2] = {sizes.size(), sizes.size()};
  while (left[0] > 0 && left[1] > 0) {
    const Waiting& waiting = queue.front();
    served[waiting.asker.tag] += 1 + waiting.body.size() / 1024;
    --left[waiting.asker.tag];
    queue.pop();
    const auto ahead = static_cast<long>(served[0]) - static_cast<long>(served[1]);
    RC_ASSERT(std::abs(ahead) <= 1 + 4);
  }
}

// Against a model: nothing is lost, doubled or reordered within a tenant, whatever the program.
RC_GTEST_PROP(FairQueueTest, BehavesLikeAQueuePerTenant, ()) {
  FairQueue queue(64, 16, kPlenty, 99);
  std::map<std::uint32_t, std::deque<std::uint32_t>> model;  // tenant to tags
  std::size_t size = 0;
  std::uint32_t next = 0;
  const auto program =
      *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  for (const std::uint8_t step : program) {
    if (step % 4 < 2) {
      const std::uint32_t tenant = step % 5u;
      const bool room = size + model[tenant].size() < 64 && model[tenant].size() < 16;
      RC_ASSERT(queue.push({tenant, next}, kLater, record(tenant)) == room);
      if (room) {
        model[tenant].push_back(next);
        ++size;
      }
      ++next;
    } else if (step % 4 == 2 && size > 0) {
      const Asker asker = queue.front().asker;
      RC_ASSERT(!model[asker.gateway].empty() && model[asker.gateway].front() == asker.tag);
      model[asker.gateway].pop_front();
      queue.pop();
      --size;
    } else if (step > 250) {
      queue.remove_if([](const Waiting& w) { return w.asker.tag % 3 == 0; });
      for (auto& [tenant, tags] : model) {
        size -= std::erase_if(tags, [](std::uint32_t tag) { return tag % 3 == 0; });
      }
    }
    RC_ASSERT(queue.size() == size);
  }
}

}  // namespace
}  // namespace depot::load_balancer
