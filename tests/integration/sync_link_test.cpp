// An agent on a bad network that is cut for a while: who is behind shows, and nothing is lost.
#include <boost/json.hpp>

#include "tests/integration/sync_fixture.hpp"

namespace depot::test {
namespace {

namespace json = boost::json;

class SyncLinkTest : public SyncTest {
 protected:
  // What `depot status` says of the manufacturer.
  json::object said_of_alder() {
    const CommandResult status = cluster_.depot({"status", "--json"});
    EXPECT_EQ(status.exit_code, 0) << status.err;
    const json::value document = json::parse(status.out);
    for (const json::value& process : document.at("processes").as_array()) {
      if (!process.at("name").as_string().starts_with("hub")) continue;
      for (const json::value& maker : process.at("status").at("manufacturers").as_array()) {
        if (maker.at("id") == "alder") return maker.as_object();
      }
    }
    return {};
  }
  void cut_until_the_session_is_over() {
    agent_->set(Link::cut);
    await(
        "the metric says how far it is behind",
        [&] { return cluster_.metric("depot_hub_behind_entries") > 0; }, 3s);
    await("depot status says it too", [&] {
      const json::object alder = said_of_alder();
      return !alder.empty() && alder.at("behind").is_number() &&
             alder.at("behind").to_number<int>() > 0;
    });
    await("the session ends", [&] { return said_of_alder().at("connected") == false; });
  }
};

TEST_F(SyncLinkTest, OnABadNetworkThatIsCutForAWhileNothingIsLost) {
  start();
  await_purchases(20, 30);
  agent_->offer(goods(30));
  await("less is on sale", [&] { return agent_->books().distributor("tea", "cut") == 70; });

  cut_until_the_session_is_over();
  agent_->offer(goods(60));  // It hears of that without us.
  await_purchases(10, 20);
  EXPECT_EQ(agent_->books().distributor("tea", "wanted"), 30);
  const json::object away = said_of_alder();
  EXPECT_GT(away.at("behind").to_number<int>(), 0) << "also of one that is away";

  agent_->set(Link::bad);
  await("it is back", [&] { return agent_->books().distributor("tea", "wanted") == 60; });
  await_same_totals();
  const SyncProxy& proxy = agent_->proxy();
  EXPECT_GT(proxy.lost(), 0u);
  EXPECT_GT(proxy.doubled(), 0u);
  EXPECT_GT(proxy.late(), 0u);
}

TEST_F(SyncLinkTest, OnABadNetworkItFollowsManySalesASecond) {
  start(20ms);
  await_purchases(500, 500);
  await("it is not far behind, while they go on", [&] {
    const auto status = agent_->books().status();
    return status && status->at("behind").to_number<int>() < 50;
  });
  await_same_totals();
}

}  // namespace
}  // namespace depot::test
