// The sales cycle over real processes: closed by command, by its time, on depletion and on quiet;
// what it leaves to customers, manufacturers and the books.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
namespace json = boost::json;

class CycleTest : public testing::Test {
 protected:
  void start(const Cluster::Settings& settings = {}) {
    cluster_.rewrite_config(settings);
    cluster_.start();
    cluster_.import(offers_);
  }
  json::value cycle() {
    const HttpReply reply = HttpClient(cluster_.port()).request("GET", "/v1/cycle");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  }
  std::string state() {
    const json::value now = cycle();
    return std::string(now.at("cycle_id").as_string()) + " " +
           std::string(now.at("state").as_string());
  }
  json::value depot(std::vector<std::string> words) {
    words.push_back("--json");
    const CommandResult result = cluster_.depot(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
  // Each cycle as "state packs", the oldest first.
  std::vector<std::string> cycles() {
    std::vector<std::string> all;
    const json::value list = depot({"cycle", "list"});
    for (const json::value& row : list.at("items").as_array()) {
      all.push_back(std::string(row.at("state").as_string()) + " " +
                    std::to_string(row.at("packs").as_int64()));
    }
    return all;
  }
  std::int64_t left(const std::string& offer) { return available(cluster_.port(), offer); }

  std::vector<Offer> offers_ = {{.manufacturer = "m1", .sku = "a", .offered = 10},
                                {.manufacturer = "m1", .sku = "b", .offered = 5},
                                {.manufacturer = "m2", .sku = "c", .offered = 7}};
  Cluster cluster_{{"cycle.fee_percent", "2.5"}};
};

TEST_F(CycleTest, ClosedByCommandItIsSettledAndTheNextOneIsOpen) {
  start();
  Customer customer(cluster_.port());
  const HttpReply bought = customer.buy({{"m1:a", 4}, {"m2:c", 1}}, unique("key"));
  ASSERT_EQ(bought.status, 201) << bought.body;
  ASSERT_EQ(customer.add_to_cart("m1:b", 2).status, 200);
  const std::string first(cycle().at("cycle_id").as_string());

  const CommandResult closed = cluster_.depot({"cycle", "close"});
  ASSERT_EQ(closed.exit_code, 0) << closed.err;
  EXPECT_THAT(closed.out, HasSubstr("with 2 packs; cycle " + first + ".2 is open"));
  EXPECT_EQ(state(), first + ".2 open");
  EXPECT_THAT(cycles(), ElementsAre(testing::EndsWith(" 2"), "open 0"));
  cluster_.expect_clean_audit();
  EXPECT_THAT(cluster_.depot({"audit"}).out, HasSubstr("settlement     2 packs"));

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

TEST_F(CycleTest, TheAuditFindsAPackThatIsNotTheLedgers) {
  start();
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}, {"m2:c", 1}}, unique("key")).status, 201);
  const std::string packs = "packs:{s0}:" + std::string(cycle().at("cycle_id").as_string());
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  cluster_.expect_clean_audit();
  store::BlockingRedis redis = cluster_.redis();
  const std::string pack = redis.command({"HGET", packs, "m1"})->text;
  const auto put = [&](const std::string& bytes) {
    ASSERT_TRUE(redis.command({"HSET", packs, "m1", bytes}));
  };
  const auto found = [&] {
    const CommandResult audit = cluster_.depot({"audit"});
    EXPECT_EQ(audit.exit_code, 1);
    return audit.out;
  };
  std::string other = pack;
  const std::size_t sold = other.find(
      "\xA1"
      "a");  // sku "a", opening, increases, cuts, sold
  other.at(sold + 5) = 5;
  put(other);
  EXPECT_THAT(found(), HasSubstr("S1 the pack of m1"));
  put(pack.substr(0, 40));
  EXPECT_THAT(found(), HasSubstr("S1 the pack of m1"));
  ASSERT_TRUE(redis.command({"HDEL", packs, "m1"}));
  EXPECT_THAT(found(), HasSubstr("S2 m1: cycle"));
  put(pack);
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
