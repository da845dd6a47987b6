// How many may wait, and whose.
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "tests/unit/load_balancer/harness.hpp"

namespace depot::load_balancer {
namespace {

using BalancerQueueTest = BalancerFixture;

TEST_F(BalancerQueueTest, TheQueueIsBoundedAndTheRestRefusedAtOnce) {
  Harness small({.queued_max = 100, .queued_per_tenant_max = 100});
  small.gateway("g1");
  small.gateway("g2");
  small.worker("w", 0);
  for (std::uint32_t i = 0; i < 60; ++i) small.request("g1", {record(i, i)});
  for (std::uint32_t i = 0; i < 60; ++i) small.request("g2", {record(i, 1'000 + i)});
  small.turn();
  EXPECT_EQ(small.balancer.queued(), 100u);
  const auto refused = small.replies("g2");
  ASSERT_EQ(refused.size(), 20u);
  EXPECT_EQ(refused[0].status, Status::overload);
  EXPECT_EQ(refused[0].retry_after_ms, 1'000);
}

TEST_F(BalancerQueueTest, OneTenantCannotFillTheQueue) {
  Harness small({.queued_max = 100, .queued_per_tenant_max = 10});
  small.gateway("g");
  small.worker("w", 0);
  for (std::uint32_t i = 0; i < 50; ++i) small.request("g", {record(i, 1)});
  small.request("g", {record(99, 2)});
  small.turn();
  EXPECT_EQ(small.replies("g").size(), 40u);
  EXPECT_EQ(small.balancer.queued(), 11u);
}

TEST_F(BalancerQueueTest, ABacklogThatWouldWaitTooLongIsRefusedBeforeTheHardCap) {
  h.gateway("g");
  h.worker("w", 0);
  std::uint32_t tag = 0;
  std::size_t longest = 0;
  for (std::uint32_t credit = 0; credit < 6'000; credit += 60) {  // 1,200 a second are served,
    for (int frame = 0; frame < 10; ++frame) {                    // 12,800 a second are asked for.
      std::vector<messaging::RequestRecord> batch;
      for (int i = 0; i < 64; ++i, ++tag) batch.push_back(record(tag, tag % 97));
      h.request("g", batch);
    }
    h.grant("w", credit);
    h.pass(50ms, {"g", "w"});
    for (const auto& request : h.requests("w")) h.reply("w", {{.tag = request.tag}});
    if (credit > 2'000) longest = std::max(longest, h.balancer.queued());
  }
  EXPECT_LT(longest, 6'000u);  // It filled up before the rate was known, and came down from there.
  EXPECT_LT(h.balancer.queued(), 2'000u);
  EXPECT_GT(h.balancer.queued(), 900u);
}

TEST_F(BalancerQueueTest, ASlowBackEndsBacklogIsAsShortAndHardlyAnyoneExpiresInIt) {
  h.gateway("g");
  h.worker("w", 0);
  std::uint32_t tag = 0;
  std::size_t served = 0, expired = 0, overload = 0;
  for (std::uint32_t credit = 5; credit < 1'000; credit += 5) {  // 100 a second of 1,000.
    std::vector<messaging::RequestRecord> batch;
    for (int i = 0; i < 50; ++i, ++tag) batch.push_back(record(tag, tag % 97));
    h.request("g", batch);
    h.grant("w", credit);
    h.pass(50ms, {"g", "w"});
    for (const auto& request : h.requests("w")) h.reply("w", {{.tag = request.tag}});
    for (const SentReply& reply : h.replies("g")) {
      served += reply.status == Status::ok;
      expired += reply.status == Status::expired;
      overload += reply.status == Status::overload;
    }
  }
  EXPECT_LE(h.balancer.queued(), 130u);
  EXPECT_LE(expired, 50u) << "of those that were let in before the rate was known";
  EXPECT_GE(served, 980u);
  EXPECT_GE(overload, 8'500u);
}

// Of 20 a second: as many as it does in a second wait, and as many are the worker's.
TEST_F(BalancerQueueTest, AlsoAVerySlowBackEndAnswersInTime) {
  h.gateway("g");
  h.worker("w", 256);
  h.worker("frozen", 256);  // It takes 16, and keeps them until their time is over.
  std::uint32_t tag = 0;
  std::deque<std::uint32_t> work;
  std::size_t served = 0, lost = 0;
  for (int tick = 0; tick < 600; ++tick) {
    std::vector<messaging::RequestRecord> batch;
    for (int i = 0; i < 10; ++i, ++tag) batch.push_back(record(tag, tag));
    h.request("g", batch);
    h.pass(50ms, {"g", "w", "frozen"});
    for (const auto& request : h.requests("w")) work.push_back(request.tag);
    if (!work.empty()) h.reply("w", {{.tag = work.front()}});
    if (!work.empty()) work.pop_front();
    h.grant("w", static_cast<std::uint32_t>(256 + tick));
    h.turn();
    for (const SentReply& reply : h.replies("g")) {
      if (tick < 300) continue;  // Before, what was let in before the rate was known.
      served += reply.status == Status::ok;
      if (reply.status == Status::unknown) {
        ++lost;
        continue;
      }
      EXPECT_TRUE(reply.status == Status::ok || reply.status == Status::overload);
    }
  }
  EXPECT_GE(served, 280u);
  EXPECT_LE(lost, 50u);
  EXPECT_LE(work.size(), 24u);
}

TEST_F(BalancerQueueTest, AShortQueueKeepsNothingFromFastWorkers) {
  Harness small({.queued_max = 30});
  const std::vector<std::string> gateways = {"g0", "g1", "g2", "g3", "g4",
                                             "g5", "g6", "g7", "g8", "g9"};
  for (const std::string& gateway : gateways) small.gateway(gateway);
  small.worker("w", 0);
  std::uint32_t tag = 0, credit = 0;
  std::size_t served = 0;
  for (int tick = 0; tick < 40; ++tick) {  // 5,000 a second, and then ten wait.
    small.grant("w", credit += 250);
    for (const std::string& gateway : gateways) {
      std::vector<messaging::RequestRecord> batch;
      for (int i = 0; i < 26; ++i, ++tag) batch.push_back(record(tag, tag));
      small.request(gateway, batch);
      small.turn();
    }
    small.pass(50ms, {"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9", "w"});
    const auto given = small.requests("w");
    if (tick >= 20) served += given.size();
    for (const auto& request : given) small.reply("w", {{.tag = request.tag}});
    small.turn();
  }
  EXPECT_GE(served, 20 * 240u);
}

TEST_F(BalancerQueueTest, AStallOfFastWorkersIsWaitedOut) {
  h.gateway("g");
  h.worker("w", 0);
  std::uint32_t tag = 0, credit = 0;
  const auto ask_for = [&](int count) {
    std::vector<messaging::RequestRecord> batch;
    for (int i = 0; i < count; ++i, ++tag) batch.push_back(record(tag, tag % 97));
    h.request("g", batch);
  };
  for (int i = 0; i < 20; ++i) {  // 3,000 a second are served,
    ask_for(150);
    h.grant("w", credit += 150);
    h.pass(50ms, {"g", "w"});
    for (const auto& request : h.requests("w")) h.reply("w", {{.tag = request.tag}});
  }
  h.turn();
  h.replies("g");
  for (int i = 0; i < 6; ++i) {  // and none for 0.3 s.
    ask_for(150);
    h.pass(50ms, {"g", "w"});
  }
  EXPECT_TRUE(h.replies("g").empty());
  h.grant("w", credit + 1'000);
  h.turn();
  EXPECT_EQ(h.requests("w").size(), 900u);
}

TEST_F(BalancerQueueTest, AFloodOfOneTenantIsRefusedAndNobodyElse) {
  h.gateway("g");
  h.worker("w", 0);
  std::uint32_t tag = 0;
  std::map<std::uint32_t, Status> others;
  for (std::uint32_t credit = 50; credit < 3'000; credit += 50) {  // 1,000 a second of 10,000.
    std::vector<messaging::RequestRecord> batch;
    for (int i = 0; i < 249; ++i) batch.push_back(record(1'000'000 + tag++, 7));
    h.request("g", batch);
    h.request("g", batch);
    h.request("g", {record(credit, 1'000 + credit)});
    h.grant("w", credit);
    h.pass(50ms, {"g", "w"});
    for (const auto& request : h.requests("w")) h.reply("w", {{.tag = request.tag}});
    h.turn();
    for (const SentReply& reply : h.replies("g")) {
      if (reply.tag < 1'000'000) others[reply.tag] = reply.status;
    }
  }
  EXPECT_GE(others.size(), 57u) << "with the next batch each";
  for (const auto& [number, status] : others) EXPECT_EQ(status, Status::ok) << number;
}

TEST_F(BalancerQueueTest, OfACrowdOfStrangersWhoIsLetInIsServedInTime) {
  h.gateway("g");
  h.worker("w", 0);
  std::uint32_t tag = 0;
  std::map<std::uint32_t, int> asked;  // tick
  std::size_t refused = 0;
  int longest = 0;
  for (int tick = 0; tick < 200; ++tick) {  // 1,000 a second of 3,000, each a customer.
    std::vector<messaging::RequestRecord> batch;
    for (int i = 0; i < 150; ++i, ++tag) {
      batch.push_back(record(tag, 1 + tag * 7919));
      asked[tag] = tick;
    }
    h.request("g", batch);
    h.grant("w", static_cast<std::uint32_t>(tick + 1) * 50);
    h.pass(50ms, {"g", "w"});
    for (const auto& request : h.requests("w")) h.reply("w", {{.tag = request.tag}});
    h.turn();
    for (const SentReply& reply : h.replies("g")) {
      if (reply.status == Status::ok) longest = std::max(longest, tick - asked.at(reply.tag));
      refused += reply.status == Status::overload;
      EXPECT_NE(reply.status, Status::expired);
    }
  }
  EXPECT_LE(longest, 24) << "of 50 ms";
  EXPECT_GE(refused, 18'000u);
}

}  // namespace
}  // namespace depot::load_balancer
