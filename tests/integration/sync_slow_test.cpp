// Half a minute without a network: the hub has long given the agent up, and the agent's own sockets
// were made anew meanwhile.
#include "tests/integration/sync_fixture.hpp"

namespace depot::test {
namespace {

class SyncSlowTest : public SyncTest {};

TEST_F(SyncSlowTest, CutForHalfAMinuteNothingIsLost) {
  start();
  await_purchases(20, 30);
  const auto healed = std::chrono::steady_clock::now() + 30s;
  agent_->set(Link::cut);
  for (int tea = 0; std::chrono::steady_clock::now() < healed; ++tea) {
    agent_->offer(goods(tea % 200));
    await_purchases(1, 60);
  }
  agent_->set(Link::bad);
  await_more_made();
  await_same_totals();
}

}  // namespace
}  // namespace depot::test
