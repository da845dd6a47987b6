#include "customer_gateway/retry.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/orders.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using protocol::Status;

struct RetryRow {
  const char* name;
  Attempts before;
  Status status;
  bool other_balancer;
  Next next;
  bool definite = true;
};

TEST(RetryTest, EachAnswerHasItsConsequence) {
  const Attempts first{.sent = 1};
  const Attempts third{.sent = 3};
  const Attempts maybe{.sent = 2, .losses = 1, .unknown = true};
  const Attempts alone{.sent = 3, .losses = 2, .unknown = true, .alone = true};
  const RetryRow rows[] = {
      {"done", first, Status::ok, true, Next::deliver},
      {"a verdict", first, Status::refused, true, Next::deliver},
      {"done at last", maybe, Status::ok, false, Next::deliver},
      {"a verdict that is not recorded", first, Status::refused, true, Next::deliver, false},
      {"a verdict, but it may have happened", maybe, Status::refused, false, Next::wait, false},
      {"a recorded verdict at last", maybe, Status::refused, false, Next::deliver},
      {"a bug of ours", first, Status::bad_request, true, Next::internal},
      {"poison", maybe, Status::poison, true, Next::internal},
      {"overload", first, Status::overload, true, Next::unavailable},
      {"no Redis", first, Status::backend_down, true, Next::unavailable},
      {"spent before it ran", first, Status::expired, true, Next::unavailable},
      {"no worker, one balancer", first, Status::no_worker, false, Next::unavailable},
      {"no worker, another balancer", first, Status::no_worker, true, Next::elsewhere},
      {"draining, another balancer", first, Status::draining, true, Next::elsewhere},
      {"no worker anywhere, thrice", third, Status::no_worker, true, Next::unavailable},
      {"worker lost", first, Status::worker_lost, false, Next::resend},
      {"Redis lost under way", first, Status::unknown, false, Next::resend},
      {"lost thrice, not alone", third, Status::worker_lost, true, Next::timeout},
      {"unknown thrice", third, Status::unknown, true, Next::timeout},
      {"lost while alone", alone, Status::worker_lost, true, Next::internal},
      {"Redis lost while alone", alone, Status::unknown, true, Next::timeout},
      {"overload, but it may have happened", maybe, Status::overload, true, Next::wait},
      {"no worker, but it may have happened", maybe, Status::no_worker, true, Next::wait},
      {"no Redis, but it may have happened", maybe, Status::backend_down, true, Next::wait},
      {"spent, but it may have happened", maybe, Status::expired, true, Next::wait},
      {"draining, but it may have happened", maybe, Status::draining, true, Next::wait},
  };
  for (const RetryRow& row : rows) {
    Attempts attempts = row.before;
    EXPECT_EQ(next_step(attempts, row.status, row.definite, row.other_balancer, 3), row.next)
        << row.name;
  }
}

TEST(RetryTest, RecordLostTwiceGoesAloneAndThenFails) {
  Attempts attempts{.sent = 1};
  EXPECT_EQ(next_step(attempts, Status::worker_lost, true, false, 3), Next::resend);
  EXPECT_FALSE(attempts.alone) << "a neighbour in the batch may have been the cause";
  ++attempts.sent;
  EXPECT_EQ(next_step(attempts, Status::worker_lost, true, false, 3), Next::resend);
  EXPECT_TRUE(attempts.alone);
  ++attempts.sent;
  EXPECT_EQ(next_step(attempts, Status::worker_lost, true, false, 3), Next::internal);
}

TEST(RetryTest, LastAttemptGoesAloneAlsoWhenNoWorkerDied) {
  Attempts attempts{.sent = 1};
  EXPECT_EQ(next_step(attempts, Status::unknown, true, false, 3), Next::resend);
  EXPECT_FALSE(attempts.alone);
  ++attempts.sent;
  EXPECT_EQ(next_step(attempts, Status::unknown, true, false, 3), Next::resend);
  EXPECT_TRUE(attempts.alone) << "a neighbour in the batch may be what Redis fails over";
  ++attempts.sent;
  EXPECT_EQ(next_step(attempts, Status::worker_lost, true, false, 3), Next::timeout)
      << "the first worker that it lost";
}

TEST(RetryTest, OnlyWhatHoldsForEveryAttemptIsDefinite) {
  using enum protocol::RequestKind;
  const auto problem = [](protocol::Problem number) {
    return protocol::encode_problem(
        {.problem = number, .detail = {}, .offers = {}, .retry_after_ms = 0});
  };
  EXPECT_TRUE(is_definite(place_order, "N recorded"));
  EXPECT_TRUE(is_definite(place_order, "n recorded"));
  EXPECT_TRUE(is_definite(place_order, problem(protocol::Problem::unknown_offer)));
  EXPECT_TRUE(is_definite(place_order, problem(protocol::Problem::idempotency_key_reused)));
  EXPECT_FALSE(is_definite(place_order, problem(protocol::Problem::card_required)));
  EXPECT_FALSE(is_definite(place_order, problem(protocol::Problem::unauthenticated)));
  EXPECT_FALSE(is_definite(place_order, problem(protocol::Problem::rate_limited)));
  EXPECT_FALSE(is_definite(place_order, problem(protocol::Problem::unavailable)));
  EXPECT_FALSE(is_definite(get_cycle, problem(protocol::Problem::unavailable)));
  EXPECT_TRUE(is_definite(log_in, problem(protocol::Problem::unauthenticated)));
}

TEST(RetryTest, WaitedOutRefusalsDoNotCount) {
  Attempts attempts{.sent = 2, .losses = 1, .unknown = true};
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(next_step(attempts, Status::no_worker, true, false, 3), Next::wait);
    ++attempts.sent;
  }
  EXPECT_EQ(attempts.sent, 2);
  EXPECT_EQ(next_step(attempts, Status::ok, true, false, 3), Next::deliver);
}

RC_GTEST_PROP(RetryTest, UnavailableIsNeverSaidOfWhatMayHaveHappened, ()) {
  Attempts attempts;
  bool may_have_happened = false;
  const auto statuses = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 11));
  int counted = 0;
  for (const int number : statuses) {
    const auto status = static_cast<Status>(number);
    ++attempts.sent;
    if (status == Status::worker_lost || status == Status::unknown) may_have_happened = true;
    const bool definite = *rc::gen::arbitrary<bool>();
    const Next next = next_step(attempts, status, definite, *rc::gen::arbitrary<bool>(), 3);
    RC_ASSERT(!(may_have_happened && next == Next::unavailable));
    RC_ASSERT(!(may_have_happened && next == Next::elsewhere));
    RC_ASSERT(!(may_have_happened && next == Next::deliver) || status == Status::ok || definite);
    if (next == Next::resend) RC_ASSERT(++counted < 3);
    if (next != Next::resend && next != Next::elsewhere && next != Next::wait) return;
  }
}

TEST(RetryTest, BackOffGrowsToALimitAndIsJittered) {
  EXPECT_EQ(back_off(1, 0), 10ms);
  EXPECT_GT(back_off(1, 1023), 19ms);
  EXPECT_EQ(back_off(3, 0), 40ms);
  EXPECT_EQ(back_off(100, 0), 160ms);
  EXPECT_LE(back_off(100, 1023), 320ms);
}

}  // namespace
}  // namespace depot::customer_gateway
