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
// Notes who made room for others.
struct Queue : FairQueue {
  using FairQueue::FairQueue;
  bool push(const Asker& asker, TimePoint deadline, const messaging::RequestRecord& given) {
    return FairQueue::push(asker, deadline, given,
                           [this](const Asker& one) { out.push_back(one); });
  }
  std::vector<Asker> out = {};
};
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
  Queue queue(100, 100, kPlenty, 0);
  for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(queue.push({0, i}, kLater, record(7)));
  const auto tags = serve(queue, 100);
  ASSERT_EQ(tags.size(), 20u);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_EQ(tags[i], i);
}

TEST(FairQueueTest, KeepsRecordAndBody) {
  Queue queue(10, 10, kPlenty, 0);
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
  Queue queue(10'000, 10'000, kPlenty, 0);
  for (std::uint32_t i = 0; i < 5'000; ++i) queue.push({0, 1}, kLater, record(1));
  ASSERT_TRUE(queue.push({0, 2}, kLater, record(2)));
  const auto tags = serve(queue, 16);  // At most one quantum of the flood comes before.
  EXPECT_NE(std::find(tags.begin(), tags.end(), 2u), tags.end());
}

TEST(FairQueueTest, ATenantsPlacesAreBounded) {
  Queue queue(100, 4, kPlenty, 0);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push({}, kLater, record(1)));
  EXPECT_FALSE(queue.push({}, kLater, record(1)));
  EXPECT_TRUE(queue.push({}, kLater, record(2)));
}

TEST(FairQueueTest, WhoHasMostWaitingMakesRoomForWhoHasLess) {
  Queue queue(10, 10, kPlenty, 0);
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(queue.push({0, i}, kLater, record(1)));
  EXPECT_FALSE(queue.push({0, 10}, kLater, record(1))) << "nobody has more";
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_TRUE(queue.push({2, i}, kLater, record(2)));
  EXPECT_FALSE(queue.push({2, 5}, kLater, record(2))) << "it has half of the places";
  ASSERT_EQ(queue.out.size(), 5u);
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(queue.out[i].gateway, 0u);
    EXPECT_EQ(queue.out[i].tag, 9 - i) << "the newest goes first";
  }
  EXPECT_EQ(queue.size(), 10u);
}

TEST(FairQueueTest, NobodyLosesTheOnlyOneThatWaits) {
  Queue queue(4, 4, kPlenty, 0);
  EXPECT_TRUE(queue.push({}, kLater, record(1, std::string(40'000, 'x'))));
  for (std::uint32_t tenant = 2; tenant < 5; ++tenant) {
    EXPECT_TRUE(queue.push({}, kLater, record(tenant)));
  }
  EXPECT_FALSE(queue.push({}, kLater, record(5)));
  EXPECT_TRUE(queue.out.empty());
}

TEST(FairQueueTest, TakesInNoMoreThanItsLimitOfNow) {
  Queue queue(100, 100, kPlenty, 0);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_TRUE(queue.push({}, kLater, record(i)));
  queue.limit(10, 22);
  EXPECT_FALSE(queue.push({}, kLater, record(0)));
  EXPECT_EQ(queue.size(), 20u) << "what is there stays";
  EXPECT_TRUE(queue.push({}, kLater, record(98))) << "of whom none waits yet";
  EXPECT_TRUE(queue.push({}, kLater, record(99)));
  EXPECT_FALSE(queue.push({}, kLater, record(99)));
  EXPECT_FALSE(queue.push({}, kLater, record(97)));
  serve(queue, 13);
  EXPECT_TRUE(queue.push({}, kLater, record(99)));
  EXPECT_FALSE(queue.push({}, kLater, record(99)));
  EXPECT_TRUE(queue.out.empty());
}

TEST(FairQueueTest, AShorterLimitDoesNotKeepOutWhoHasLess) {
  Queue queue(100, 100, kPlenty, 0);
  for (int i = 0; i < 80; ++i) EXPECT_TRUE(queue.push({}, kLater, record(1)));
  queue.limit(10, 10);
  for (std::uint32_t tenant = 2; tenant < 12; ++tenant) {
    EXPECT_TRUE(queue.push({}, kLater, record(tenant)));
  }
  EXPECT_EQ(queue.out.size(), 10u);
  EXPECT_EQ(queue.size(), 80u) << "one for one";
}

TEST(FairQueueTest, BytesAreBoundedAndSharedLikePlaces) {
  Queue queue(100, 100, 60 * 1024, 0);
  const std::string large(15'000, 'x');
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push({}, kLater, record(1, large)));
  EXPECT_FALSE(queue.push({}, kLater, record(1, large)));
  EXPECT_TRUE(queue.push({}, kLater, record(2, large)));
  EXPECT_TRUE(queue.push({}, kLater, record(2, large)));
  EXPECT_FALSE(queue.push({}, kLater, record(2, large))) << "it has half of the bytes";
  EXPECT_FALSE(queue.push({}, kLater, record(3, std::string(20'000, 'x'))))
      << "one of the others would not be enough";
  EXPECT_EQ(queue.out.size(), 2u);
}

TEST(FairQueueTest, ALargeRecordCostsItsTenantMoreTurns) {
  Queue queue(2'000, 2'000, kPlenty, 0);
  const std::string large(64 * 1024, 'x');
  for (int i = 0; i < 20; ++i) queue.push({0, 1}, kLater, record(1, large));
  for (int i = 0; i < 1'000; ++i) queue.push({0, 2}, kLater, record(2));
  const auto tags = serve(queue, 660);
  const auto large_served = std::count(tags.begin(), tags.end(), 1u);
  EXPECT_NEAR(static_cast<double>(large_served), 10, 2);  // 65 small ones for each.
}

TEST(FairQueueTest, RemovesWhatIsAskedForAndKeepsTheOrderOfTheRest) {
  Queue queue(100, 100, kPlenty, 0);
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

// While two tenants both wait, neither gets ahead by more than a quantum and a largest record.
RC_GTEST_PROP(FairQueueTest, TwoBackloggedTenantsShareEvenly, ()) {
  Queue queue(4'000, 2'000, kPlenty, 12345);
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
    RC_ASSERT(std::abs(ahead) <= 8 + 4 + 4);
  }
}

// Against a model: nothing is lost, doubled or reordered within a tenant, whatever the program.
RC_GTEST_PROP(FairQueueTest, BehavesLikeAQueuePerTenant, ()) {
  Queue queue(24, 16, kPlenty, 99);
  std::map<std::uint32_t, std::deque<std::uint32_t>> model;  // tenant to tags
  std::size_t size = 0;
  std::uint32_t next = 0;
  const auto program =
      *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  for (const std::uint8_t step : program) {
    if (step % 4 < 2) {
      const std::uint32_t tenant = step % 5u;
      const std::size_t mine = model[tenant].size();
      queue.out.clear();
      const bool taken = queue.push({tenant, next}, kLater, record(tenant));
      RC_ASSERT(taken || size == 24 || mine == 16);
      RC_ASSERT(!taken || mine < 16);
      RC_ASSERT(queue.out.size() == (taken && size == 24 ? 1u : 0u));
      for (const Asker& one : queue.out) {  // The newest of one who has more.
        RC_ASSERT(model[one.gateway].size() > mine + 1 && model[one.gateway].back() == one.tag);
        model[one.gateway].pop_back();
        --size;
      }
      if (taken) {
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
