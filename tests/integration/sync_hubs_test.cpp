// Two hubs at once, one killed now and then: agents on both, one of them on bad networks.
#include <gmock/gmock.h>
#include <signal.h>

#include <boost/json.hpp>
#include <set>

#include "protocol/sync.hpp"
#include "tests/integration/sync_fixture.hpp"

namespace depot::test {
namespace {

using testing::HasSubstr;
namespace json = boost::json;

class SyncHubsTest : public SyncTest {
 protected:
  SyncHubsTest() {
    write_file(cluster_.folder() + "/oak.yml", agent_file("oak", oak_goods_));
    cluster_.rewrite_config({{"hub.count", "2"}, {"demo.catalogues", "[oak.yml]"}});
  }
  void start_both() {
    start();
    oak_.emplace(cluster_, "oak", cluster_.config().admin_socket("oak"));
    await("the other's are on sale", [&] { return available(cluster_.port(), "oak:bowl") > 0; });
  }
  void kill_a_hub() {
    await("both hubs run", [&] { return cluster_.pids("depot-hub").size() == 2; });
    const std::vector<pid_t> hubs = cluster_.pids("depot-hub");
    if (hubs.size() == 2) ::kill(hubs[random_() % 2], SIGKILL);
  }
  void await_same_totals_of_both() {
    await("the direct one's totals are the same",
          [&] { return oak_->difference(oak_goods_).empty(); });
    await("so are the other's", [&] { return agent_->difference().empty(); });
  }
  // Each cycle's states in that ledger, in their order.
  std::vector<std::string> turns(const std::string& maker) const {
    std::vector<std::string> all;
    auto redis = cluster_.redis();
    const auto entries = redis.command({"XRANGE", "ledger:{s0}:" + maker, "-", "+"});
    for (const store::Value& item : entries->items) {
      const auto entry = protocol::decode_ledger_entry(item.items[1].items[1].text);
      if (entry->kind != protocol::LedgerKind::cycle) continue;
      all.push_back(entry->cycle + " " + std::string(name_of(entry->transition.state)));
    }
    return all;
  }
  // "cycle state packs" of each, the oldest first.
  std::vector<std::string> cycles() const {
    std::vector<std::string> all;
    const CommandResult listed = cluster_.depot({"cycle", "list", "--json"});
    const json::value document = json::parse(listed.out);
    for (const json::value& row : document.at("items").as_array()) {
      all.push_back(std::string(row.at("state").as_string()) + " " +
                    std::to_string(row.at("packs").as_int64()));
    }
    return all;
  }

  const std::vector<Good> oak_goods_ = {
      {.sku = "bowl", .offered = 5'000, .batch = 5, .pause_at = 5'060}};
  std::optional<Books> oak_;
};

TEST_F(SyncHubsTest, BothSidesHoldTheSameTotalsAndEachCycleIsSettledOnce) {
  start_both();
  Load bowls({cluster_.port()}, "oak:bowl", 1, false, kPause);
  for (int kill = 0; kill < 5; ++kill) {
    await_purchases(1, 15);
    agent_->offer(goods(10 * kill));
    kill_a_hub();
  }
  await_purchases(10, 20);
  bowls.stop();
  await_same_totals();
  await_same_totals_of_both();
  EXPECT_EQ(bowls.failures(), std::vector<std::string>());
  EXPECT_EQ(oak_->distributor("bowl", "sold"), bowls.placed());

  agent_->set(Link::bad);
  constexpr int kCycles = 3;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    kill_a_hub();
    const CommandResult closed = cluster_.depot({"cycle", "close"});
    ASSERT_EQ(closed.exit_code, 0) << closed.err;
    EXPECT_THAT(closed.out, HasSubstr("with 2 statements"));
    kill_a_hub();
    await("all is on sale in the next cycle", [&] {
      return oak_->distributor("bowl", "wanted") >= 5'000 &&
             agent_->books().distributor("mug", "wanted") >= 5'000;
    });
  }
  agent_->set(Link::good);
  await_same_totals_of_both();
  await("both agree to every pack", [&] {
    const auto all = cycles();
    return std::ranges::count(all, "settled 2") == kCycles && all.size() == kCycles + 1;
  });
  for (const char* maker : {"alder", "oak"}) {
    const std::vector<std::string> all = turns(maker);
    EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size()) << testing::PrintToString(all);
    EXPECT_EQ(
        std::ranges::count_if(all, [](const auto& turn) { return turn.ends_with(" closed"); }),
        kCycles);
  }
  cluster_.expect_clean_audit();
  EXPECT_THAT(cluster_.depot({"audit"}).out, HasSubstr("settlement     6 statements"));
}

}  // namespace
}  // namespace depot::test
