// The agent, the hub and Redis killed while the agent is on a bad network: nothing is lost or
// counted twice.
#include <signal.h>

#include "tests/integration/sync_fixture.hpp"

namespace depot::test {
namespace {

class SyncFaultsTest : public SyncTest {
 protected:
  void kill_until_back(const std::string& program) {
    const std::vector<pid_t> before = cluster_.pids(program);
    cluster_.kill(program);
    await(program + " is started again", [&] {
      const std::vector<pid_t> now = cluster_.pids(program);
      return !now.empty() && now != before;
    });
  }
};

constexpr int kKills = 5;

TEST_F(SyncFaultsTest, AnAgentKilledAtAnyMomentLosesNothing) {
  start();
  for (int kill = 0; kill < kKills; ++kill) {
    await_purchases(1, 15);
    if (kill % 2 == 1) await_more_made();  // Else it may die before it has said anything.
    agent_->offer(goods(10 * kill));
    agent_->kill_and_start();
  }
  await_purchases(5, 10);
  await_same_totals();
}

TEST_F(SyncFaultsTest, AHubKilledAtAnyMomentLosesNothing) {
  start();
  for (int kill = 0; kill < kKills; ++kill) {
    await_purchases(1, 15);
    if (kill % 2 == 1) await_more_made();
    agent_->offer(goods(10 * kill));
    kill_until_back("depot-hub");
  }
  await_purchases(5, 10);
  await_same_totals();
}

TEST_F(SyncFaultsTest, ARedisKilledAtAnyMomentLosesNothing) {
  start();
  for (int kill = 0; kill < 2; ++kill) {
    await_purchases(1, 15);
    agent_->offer(goods(10 * kill));
    kill_until_back("redis-server");
  }
  await_purchases(5, 10);
  await_same_totals();
}

}  // namespace
}  // namespace depot::test
