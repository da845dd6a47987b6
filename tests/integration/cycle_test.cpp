// The sales cycle over real processes: closed by command, by its time, on depletion and on quiet;
// what it leaves to customers, manufacturers and the books.
#include "base/clock.hpp"
#include "tests/integration/cycle_fixture.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(CycleTest, ClosedByCommandItIsSettledAndTheNextOneIsOpen) {
  start();
  Customer customer(cluster_.port());
  const HttpReply bought = customer.buy({{"m1:a", 4}, {"m2:c", 1}}, unique("key"));
  ASSERT_EQ(bought.status, 201) << bought.body;
  ASSERT_EQ(customer.add_to_cart("m1:b", 2).status, 200);
  const std::string first(cycle().at("cycle_id").as_string());

  const CommandResult closed = cluster_.depot({"cycle", "close"});
  ASSERT_EQ(closed.exit_code, 0) << closed.err;
  EXPECT_THAT(closed.out, HasSubstr("with 2 statements; cycle " + first + ".2 is open"));
  EXPECT_EQ(state(), first + ".2 open");
  EXPECT_THAT(cycles(), ElementsAre(testing::EndsWith(" 2"), "open 0"));
  cluster_.expect_clean_audit();
  EXPECT_THAT(cluster_.depot({"audit"}).out, HasSubstr("settlement     2 statements"));

  // What was not offered again is gone from the catalogue; the cart stays, and says so.
  EXPECT_TRUE(wait_until(
      10s, [&] { return left("m1:b") <= 0; }, "the offers of before are withdrawn"));
  const json::value cart = customer.cart().json();
  EXPECT_EQ(cart.at("lines").at(0).at("offer_id"), "m1:b");
  EXPECT_EQ(cart.at("lines").at(0).at("problem"), "withdrawn");
  const std::string order(bought.json().at("order_id").as_string());
  EXPECT_EQ(customer.request("POST", "/v1/orders/" + order + "/cancel").problem(),
            "not_cancellable");
  cluster_.import(offers_);
  EXPECT_EQ(left("m1:a"), 10) << "offered anew, not what was left";
  EXPECT_EQ(customer.buy({{"m1:a", 10}}, unique("key")).status, 201);
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  EXPECT_EQ(state(), first + ".3 open");
  cluster_.expect_clean_audit();
}

TEST_F(CycleTest, TheSilentAreNotAllNamed) {
  for (int i = 1; i <= 10; ++i) {
    offers_.push_back({.manufacturer = "x" + std::to_string(i), .sku = "a", .offered = 1});
  }
  start();
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}}, unique("key")).status, 201);
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  EXPECT_THAT(cluster_.depot({"cycle", "show"}).out,
              HasSubstr("silent         m1, m2, x1, x10, x2, x3, x4, x5, x6, x7 and 2 more\n"));
  EXPECT_EQ(depot({"cycle", "show"}).at("silent").as_array().size(), 12u);
}

TEST_F(CycleTest, DataInAnotherCurrencyAreRefused) {
  start();
  cluster_.stop();
  cluster_.rewrite_config({{"currency", "JPY"}});
  const CommandResult refused = cluster_.depot({"up"});
  EXPECT_EQ(refused.exit_code, 78);
  EXPECT_THAT(refused.err, HasSubstr("the data counts EUR, config.yml says JPY"));
  cluster_.rewrite_config({{"currency", "EUR"}});
  cluster_.start();
}

TEST_F(CycleTest, ClosesAtItsTimeAndTheNextOnesFollow) {
  start({{"cycle.period", "3s"}, {"cycle.collect_for", "100ms"}});
  EXPECT_TRUE(wait_until(
      30s, [&] { return cycles().size() >= 4; }, "four cycles"));
  const auto states = cycles();
  EXPECT_THAT(states[0], testing::EndsWith(" 2"));
  EXPECT_THAT(states[1], testing::EndsWith(" 0")) << "nobody has offered again";
  cluster_.expect_clean_audit();
}

TEST_F(CycleTest, NothingIsSoldBetweenTwoCyclesAndTheCartSurvives) {
  start({{"cycle.gap", "1h"}});
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.add_to_cart("m1:b", 2).status, 200);
  const CommandResult closed = cluster_.depot({"cycle", "close"});
  ASSERT_EQ(closed.exit_code, 0) << closed.err;
  EXPECT_THAT(closed.out, HasSubstr(" opens "));
  EXPECT_THAT(state(), HasSubstr(" closed"));
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).problem(), "cycle_closed");
  const std::int64_t version = customer.cart().json().at("cart_version").as_int64();
  EXPECT_EQ(customer.buy_cart(version, unique("key")).problem(), "cycle_closed");
  EXPECT_EQ(customer.cart().json().at("lines").as_array().size(), 1u);
  EXPECT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 1) << "it is closed already";
  EXPECT_THAT(cluster_.depot({"cycle", "show"}).out, HasSubstr("planned"));
  cluster_.expect_clean_audit();
}

TEST_F(CycleTest, DepletionClosesItWhereThatIsWanted) {
  start({{"cycle.close_when_depleted", "true"}});
  const std::string first = state();
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 10}, {"m1:b", 5}}, unique("key")).status, 201);
  EXPECT_EQ(state(), first) << "there is something left";
  ASSERT_EQ(customer.buy({{"m2:c", 7}}, unique("key")).status, 201);
  EXPECT_TRUE(wait_until(
      15s, [&] { return state() != first && state().ends_with(" open"); }, "the next cycle"));
  cluster_.expect_clean_audit();
}

TEST_F(CycleTest, QuietClosesIt) {
  start({{"cycle.close_after_quiet", "2s"}});
  const std::string first = state();
  Customer customer(cluster_.port());
  const auto until = std::chrono::steady_clock::now() + 3s;
  for (int i = 0; std::chrono::steady_clock::now() < until; ++i) {
    customer.buy({{"m1:a", 1}}, unique("key"));
    if (i > 8) break;  // Refusals are no purchases, and there are ten.
  }
  EXPECT_TRUE(wait_until(
      15s, [&] { return state() != first && state().ends_with(" open"); }, "the next cycle"));
  cluster_.expect_clean_audit();
}

// Each cycle's states in the ledger of m1, in their order.
std::vector<std::string> turns(const Cluster& cluster) {
  std::vector<std::string> all;
  auto redis = cluster.redis();
  const auto entries = redis.command({"XRANGE", "ledger:{s0}:m1", "-", "+"});
  for (const store::Value& item : entries->items) {
    const auto entry = protocol::decode_ledger_entry(item.items[1].items[1].text);
    if (entry->kind != protocol::LedgerKind::cycle) continue;
    all.push_back(entry->cycle + " " + std::string(name_of(entry->transition.state)));
  }
  return all;
}

TEST_F(CycleTest, WithTheClockTwoMonthsAheadEachDueTransitionHappensOnceAndInOrder) {
  start();
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}}, unique("key")).status, 201);
  cluster_.stop();
  cluster_.shift_clock(std::chrono::days(62));  // Two months begin meanwhile, or three.
  cluster_.start();
  const std::string now = to_rfc3339(wall_now() + std::chrono::days(62)).substr(0, 7);
  ASSERT_TRUE(wait_until(
      30s, [&] { return state() == now + " open"; }, "the present month is open"));
  const auto ids = [&] {
    std::vector<std::string> found;
    const json::value list = depot({"cycle", "list"});
    for (const json::value& row : list.at("items").as_array()) {
      found.emplace_back(row.at("cycle_id").as_string());
    }
    return found;
  }();
  const auto month = [](const std::string& id) {
    return std::stoi(id.substr(0, 4)) * 12 + std::stoi(id.substr(5));
  };
  ASSERT_GE(ids.size(), 3u);
  for (std::size_t i = 1; i < ids.size(); ++i) EXPECT_EQ(month(ids[i]), month(ids[i - 1]) + 1);
  EXPECT_TRUE(wait_until(
      10s, [&] { return turns(cluster_).size() == 2; }, "its pack is made"));
  EXPECT_THAT(turns(cluster_), ElementsAre(ids[0] + " closed", ids[0] + " settling"));
  cluster_.expect_clean_audit();
  cluster_.import(offers_);
  EXPECT_EQ(Customer(cluster_.port()).buy({{"m1:a", 1}}, unique("key")).status, 201);
  cluster_.stop();
  cluster_.start();  // Nothing is due once more.
  EXPECT_EQ(state(), now + " open");
  EXPECT_EQ(turns(cluster_).size(), 2u);
}

TEST_F(CycleTest, AHubKilledOverAndOverAgainMissesNoTransition) {
  start({{"cycle.period", "1500ms"}, {"cycle.collect_for", "100ms"}});
  for (int kills = 0; kills < 12; ++kills) {
    const std::size_t before = cycles().size();
    cluster_.kill("depot-hub");
    if (kills % 3 == 2) {
      EXPECT_TRUE(wait_until(
          30s, [&] { return cycles().size() > before; }, "the next cycle begins all the same"));
    }
  }
  EXPECT_TRUE(wait_until(
      30s,
      [&] {
        const auto all = turns(cluster_);
        return all.size() >= 2;
      },
      "the first cycle's pack is made"));
  const auto all = turns(cluster_);
  EXPECT_THAT(all[0], testing::EndsWith(" closed"));
  EXPECT_THAT(all[1], testing::EndsWith(" settling"));
  const auto states = cycles();
  for (std::size_t i = 1; i + 1 < states.size(); ++i) {
    EXPECT_THAT(states[i], testing::MatchesRegex("(closed|settling|settled) .*"));
  }
  cluster_.expect_clean_audit();
}

TEST_F(CycleTest, ItsEndIsMovedByCommand) {
  start();
  EXPECT_EQ(depot({"cycle", "extend", "--until", "2099-01-01T00:00:00Z"}).at("closes_at"),
            "2099-01-01T00:00:00.000Z");
  EXPECT_TRUE(wait_until(
      5s, [&] { return cycle().at("closes_at") == "2099-01-01T00:00:00.000Z"; },
      "the gateway says so"));
  EXPECT_EQ(depot({"cycle", "extend", "--by", "1d"}).at("closes_at"), "2099-01-02T00:00:00.000Z");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--until", "2020-01-01T00:00:00Z"}, {"--until", "tomorrow"}, {}}) {
    std::vector<std::string> all = {"cycle", "extend"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_EQ(cluster_.depot(all).exit_code, 2);
  }
}

}  // namespace
}  // namespace depot::test
