// Statements over real processes: who reads them, those that cannot be made, those that are not the
// ledger's.
#include "tests/integration/cycle_fixture.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using SettlementTest = CycleTest;

TEST_F(SettlementTest, AManufacturerReadsItsStatementsAndNobodyElses) {
  start();
  const auto token = [&](const std::string& id) {
    const CommandResult added = cluster_.depot({"manufacturer", "add", id, "--name", id});
    return added.out.substr(0, added.out.find('\n'));
  };
  const std::string mine = token("m1"), other = token("m2");
  const auto get = [&](const std::string& target, const std::string& bearer) {
    return HttpClient(cluster_.port())
        .request("GET", "/v1/manufacturer/statements" + target, "",
                 {{"Authorization", "Bearer " + bearer}});
  };
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}, {"m2:c", 1}}, unique("key")).status, 201);
  const HttpReply bought = customer.buy({{"m1:a", 2}}, unique("key"));
  const std::string order(bought.json().at("order_id").as_string());
  ASSERT_EQ(customer.request("POST", "/v1/orders/" + order + "/cancel").status, 200);
  EXPECT_EQ(customer.buy({{"m1:b", 9}}, unique("key")).problem(), "insufficient_stock");
  EXPECT_EQ(get("", mine).body, R"({"items":[],"next_cursor":null})");
  const std::string first(cycle().at("cycle_id").as_string());
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  cluster_.import(offers_);
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);

  const json::value list = get("?limit=1", mine).json();
  EXPECT_EQ(list.at("items").at(0).at("cycle_id"), json::string(first + ".2"));
  EXPECT_EQ(list.at("items").at(0).at("gross").at("amount_minor"), 0);
  const json::value page = get("?limit=1&cursor=" + first + ".2", mine).json();
  EXPECT_EQ(page.at("items").at(0).at("cycle_id"), json::string(first));
  EXPECT_EQ(page.at("items").at(0).at("net").at("amount_minor"), 3'900) << "40.00 less 2.5 %";
  EXPECT_EQ(page.at("items").at(0).at("answer"), "none");
  EXPECT_TRUE(page.at("next_cursor").is_null());

  const json::value statement = get("/" + first, mine).json();
  EXPECT_EQ(statement.at("offers"), json::parse(R"([
      {"sku":"a","opening":0,"increases":10,"cuts":0,"sold":4,"cancelled":2,"unsold":6},
      {"sku":"b","opening":0,"increases":5,"cuts":0,"sold":0,"cancelled":0,"unsold":5}])"));
  EXPECT_EQ(statement.at("sales"), json::parse(R"([{"sku":"a",
      "unit_price":{"amount_minor":1000,"currency":"EUR"},"units":4,
      "money":{"amount_minor":4000,"currency":"EUR"}}])"));
  EXPECT_EQ(statement.at("demand"), json::parse(R"([{"sku":"b","refused":4,"shortage":0}])"));
  EXPECT_EQ(get("/" + first, other).json().at("manufacturer_id"), "m2");
  EXPECT_EQ(get("/2019-01", mine).status, 404);
  EXPECT_EQ(get("/" + first, "m1~AAAA").status, 401);
  EXPECT_EQ(get("?cursor=%2F", mine).problem(), "malformed");
}

TEST_F(SettlementTest, StatementsThatCannotBeMadeDoNotKeepBackTheOthers) {
  for (const char* maker : {"w1", "w2", "w3", "w4", "w5", "w6"})
    offers_.push_back({.manufacturer = maker, .sku = "a", .offered = 1});
  start();
  store::BlockingRedis redis = cluster_.redis();
  for (const std::string maker : {"m1", "w1", "w2"}) {
    ASSERT_TRUE(redis.command({"DEL", "ledger:{s0}:" + maker}));
    ASSERT_TRUE(redis.command({"XADD", "ledger:{s0}:" + maker, "1-0", "e", "damaged"}));
  }
  ASSERT_EQ(redis.command({"XDEL", "ledger:{s0}:w4", "1-1"})->integer, 1);
  ASSERT_TRUE(redis.command({"XADD", "ledger:{s0}:w5", "1-999", "e", "foreign"}));
  ASSERT_TRUE(redis.command({"SET", "ledger:{s0}:w6", "no stream"}));
  const protocol::Cycle now =
      *protocol::decode_cycle_reply(redis.command({"FCALL", "get_cycle_v1", "0"})->text);
  ASSERT_TRUE(redis.command({"FCALL", "set_cycle_end_v1", "0", now.id, "0", "10000"}));
  const auto written = [&] {
    return redis.command({"EXISTS", "pack:{s0}:" + now.id + ":m2", "pack:{s0}:" + now.id + ":w3"})
        ->integer;
  };
  ASSERT_TRUE(wait_until(
      30s, [&] { return written() == 2; }, "m2 and w3 have their statements"));
  const std::string why = "no statement: a ledger entry that cannot be read";
  const auto list = [&] { return cluster_.depot({"settlement", "list"}).out; };
  EXPECT_TRUE(wait_until(
      10s, [&] { return list().find(why) != std::string::npos; }, "the operator is told why"));
  EXPECT_TRUE(wait_until(
      10s,
      [&] {
        return cluster_.depot({"cycle", "show"}).out.find("6 have no statement") !=
               std::string::npos;
      },
      "the cycle does not wait for them"));
  EXPECT_THAT(cluster_.depot({"settlement", "show", "w1"}).err, HasSubstr(why));
  EXPECT_THAT(list(), HasSubstr("no statement: an entry of its ledger is missing"));
  EXPECT_THAT(list(), HasSubstr("no statement: WRONGTYPE"));
  ASSERT_TRUE(redis.command({"DEL", "ledger:{s0}:w6"}));  // The audit itself cannot read it.
  const std::string audit = cluster_.depot({"audit"}).out;
  EXPECT_THAT(audit, HasSubstr("S2 w1: cycle " + now.id + " has no"));
  EXPECT_THAT(audit, HasSubstr("S2 w5: cycle " + now.id + " has no"));
  for (const std::string maker : {"m2", "w3"}) {
    const auto refused =
        cluster_.depot({"settlement", "resolve", maker, "--cycle", now.id, "--note", "by letter"});
    EXPECT_THAT(refused.err, HasSubstr("has not answered yet"));
    const std::string sums = redis.command({"HGET", "packs:{s0}:" + now.id, maker})->text;
    ASSERT_TRUE(redis.command(
        {"FCALL", "answer_pack_v1", "0", maker, now.id, sums.substr(2, 32), "1", ""}));
  }
  for (const char* maker : {"w1", "w2", "w4", "w5", "w6", "m1"}) {
    const auto resolved =
        cluster_.depot({"settlement", "resolve", maker, "--cycle", now.id, "--note", "by letter"});
    EXPECT_EQ(resolved.exit_code, 0) << resolved.err;
  }
  EXPECT_THAT(list(), HasSubstr("no statement; resolved: by letter"));
  EXPECT_TRUE(wait_until(
      10s,
      [&] {
        return depot({"cycle", "list"}).at("items").at(0).at("state") == "settled";
      },
      "nobody is waited for"));
  EXPECT_THAT(cluster_.depot({"audit"}).out, Not(HasSubstr("S2 w")));
  for (const std::string note : {"", "two\nlines", "\xFF"}) {
    EXPECT_EQ(
        cluster_.depot({"settlement", "resolve", "w1", "--cycle", "c", "--note", note}).exit_code,
        2);
  }
  EXPECT_EQ(cluster_.depot({"settlement", "list", "--cycle", "2019-01"}).exit_code, 1);
  EXPECT_EQ(cluster_.depot({"settlement", "resolve", "me", "--cycle", now.id, "--note", "none"})
                .exit_code,
            1);
}

TEST_F(SettlementTest, TheAuditFindsAPackThatIsNotTheLedgers) {
  start();
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}, {"m2:c", 1}}, unique("key")).status, 201);
  const std::string id(cycle().at("cycle_id").as_string());
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  cluster_.expect_clean_audit();
  store::BlockingRedis redis = cluster_.redis();
  const std::string pack = redis.command({"GET", "pack:{s0}:" + id + ":m1"})->text;
  const auto put = [&](const std::string& bytes) {
    ASSERT_TRUE(redis.command({"SET", "pack:{s0}:" + id + ":m1", bytes}));
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
  EXPECT_THAT(found(), HasSubstr("S1 the statement of m1"));
  put(pack.substr(0, 40));
  EXPECT_THAT(found(), HasSubstr("S1 the statement of m1"));
  put(pack);
  const std::string sums = redis.command({"HGET", "packs:{s0}:" + id, "m1"})->text;
  ASSERT_TRUE(redis.command({"HSET", "packs:{s0}:" + id, "m1", sums.substr(0, sums.size() - 1)}));
  EXPECT_THAT(found(), HasSubstr("its sums stand otherwise"));
  ASSERT_TRUE(redis.command({"HDEL", "packs:{s0}:" + id, "m1"}));
  EXPECT_THAT(found(), HasSubstr("S2 m1: cycle"));
  ASSERT_TRUE(redis.command({"HSET", "packs:{s0}:" + id, "m1", sums}));
  cluster_.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
