// A manufacturer's agent over real processes: its commands, a kill at any moment, a cycle's end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "protocol/manufacturers.hpp"
#include "protocol/msgpack.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
namespace json = boost::json;

class AgentProcessTest : public testing::Test {
 protected:
  void write_agent(int mugs, const std::string& more) const {
    write_file(file("alder.yml"),
               "id: alder\nname: Alder\noffers:\n"
               "  - {sku: tea, name: Green tea, unit_price: 1.99, offered: 10}\n"
               "  - {sku: mug, name: Mug, unit_price: 5, offered: " +
                   std::to_string(mugs) + "}\n" + more);
  }
  void start(const std::string& more, Cluster::Settings settings = {}) {
    write_agent(20, more);
    settings.insert({{"demo.catalogues", "[alder.yml]"}, {"cycle.fee_percent", "2.5"}});
    cluster_.rewrite_config(settings);
    cluster_.start();
    EXPECT_TRUE(wait_until(
        20s, [&] { return available(cluster_.port(), "alder:mug") == 20; }, "it is on sale",
        [&] { return cluster_.logs(); }));
  }
  std::string file(const std::string& name) const { return cluster_.folder() + "/" + name; }
  CommandResult agent(std::vector<std::string> words) const {
    words.insert(words.begin() + 1, file("alder.yml"));
    words.insert(words.begin(), program("depot-manufacturer"));
    words.insert(words.end(), {"--config", cluster_.config_path()});
    return run_command(words);
  }
  // Waits until its status says so.
  void await(const std::string& what, const std::function<bool(const json::value&)>& holds) const {
    std::string said;
    EXPECT_TRUE(wait_until(
        20s,
        [&] {
          const CommandResult status = agent({"status", "--json"});
          said = status.out;
          return status.exit_code == 0 && said.starts_with("{\"id\"") && holds(json::parse(said));
        },
        what, [&] { return said + cluster_.logs(); }));
  }
  // The agent epoch and number that the store knows.
  std::pair<std::int64_t, std::int64_t> known() const {
    auto row = cluster_.redis().command({"HGET", "manufacturers:{s0}", "alder"});
    protocol::Reader reader(row->text);
    reader.string();
    const std::int64_t epoch = reader.integer();
    return {epoch, reader.integer()};
  }
  std::string buy(Customer& customer, std::int64_t units) {
    const HttpReply placed = customer.buy({{"alder:tea", units}}, unique("key"));
    EXPECT_EQ(placed.status, 201) << placed.body;
    return std::string(placed.json().at("order_id").as_string());
  }

  Cluster cluster_;
};

std::int64_t of_tea(const json::value& status, const char* field) {
  for (const json::value& sku : status.at("skus").as_array()) {
    if (sku.at("sku") == "tea") return sku.at(field).as_int64();
  }
  return -1;
}

TEST_F(AgentProcessTest, AcceptsShipsAndSaysHowThingsStand) {
  start("accept_after: never\n");
  Customer customer(cluster_.port());
  const std::string order = buy(customer, 4);
  EXPECT_EQ(customer.buy({{"alder:tea", 9}}, unique("key")).status, 409);
  await("it has heard of both", [](const json::value& status) {
    return of_tea(status, "sold") == 4 && of_tea(status, "refused") == 3 &&
           status.at("behind") == 0;
  });
  EXPECT_THAT(agent({"status"}).out, HasSubstr("cycle "));

  CommandResult result = agent({"ship", order});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, StartsWith(order + ": its part is paid, not in realisation"));
  result = agent({"accept"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("accepted up to 1-"));
  EXPECT_EQ(customer.request("POST", "/v1/orders/" + order + "/cancel").problem(),
            "not_cancellable");
  EXPECT_EQ(agent({"ship", order}).out, order + ": shipped\n");
  EXPECT_EQ(agent({"ship", order}).exit_code, 0) << "a repeat is fine";
  result = agent({"delivered", order, "ABCDEFGHIJKLMNOP", "-BCDEFGHIJKLMNOP", "short"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr(order + ": delivered\n"));
  EXPECT_THAT(result.out, HasSubstr("ABCDEFGHIJKLMNOP: no part of this"));
  EXPECT_THAT(result.out, HasSubstr("-BCDEFGHIJKLMNOP: no part of this")) << "no option";
  EXPECT_THAT(result.out, HasSubstr("short: not an order's id"));
  await("its totals are as they were", [](const json::value& status) {
    return of_tea(status, "available") == 6 && status.at("behind") == 0;
  });
  cluster_.expect_clean_audit();
}

TEST_F(AgentProcessTest, SalesAreAcceptedByThemselves) {
  start("accept_after: 0s\n");
  Customer customer(cluster_.port());
  const std::string order = buy(customer, 1);
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const json::value now = customer.request("GET", "/v1/orders/" + order).json();
        return now.at("status") == "in_realisation";
      },
      "it is in realisation", [&] { return cluster_.logs(); }));
}

TEST_F(AgentProcessTest, WithoutAHubItSaysWhereItLooksForOne) {
  write_agent(20, "");
  Process alone = Process::start({.arguments = {program("depot-manufacturer"), file("alder.yml"),
                                                "--config", cluster_.config_path()},
                                  .output_path = file("alone.log")});
  EXPECT_TRUE(wait_until(
      20s, [&] { return read_file(file("alone.log")).find("no hub answers") != std::string::npos; },
      "it says so", [&] { return read_file(file("alone.log")); }));
  EXPECT_THAT(read_file(file("alone.log")), HasSubstr(cluster_.config_path()));
  alone.signal(SIGTERM);
  EXPECT_TRUE(alone.wait(10s));
}

TEST_F(AgentProcessTest, ChangedOffersInItsFileAreOffered) {
  start("");
  write_agent(33, "");
  EXPECT_TRUE(wait_until(
      20s, [&] { return available(cluster_.port(), "alder:mug") == 33; }, "the new total",
      [&] { return cluster_.logs(); }));
  write_file(file("alder.yml"), "id: alder\nname: Alder\noffers: 7\n");
  EXPECT_TRUE(wait_until(
      20s,
      [&] { return cluster_.logs().find("the offers stay as they were") != std::string::npos; },
      "the bad file is refused"));
  EXPECT_EQ(available(cluster_.port(), "alder:mug"), 33);
}

TEST_F(AgentProcessTest, BetweenTwoCyclesItWaitsAndAnImportIsRefused) {
  start("", {{"cycle.gap", "1h"}});
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  await("it knows", [](const json::value& status) {
    return status.at("cycle").at("state") == "settled" ||
           status.at("cycle").at("state") == "closed";
  });
  write_file(file("goods.csv"), catalogue_csv({{.manufacturer = "m1", .sku = "a", .offered = 3}}));
  const CommandResult import = cluster_.depot({"import", file("goods.csv")});
  EXPECT_EQ(import.exit_code, 1);
  EXPECT_THAT(import.err, HasSubstr("is closed, and the next has not begun"));
  EXPECT_EQ(cluster_.depot({"status", "--wait", "10"}).exit_code, 0) << "it is ready meanwhile";
}

TEST_F(AgentProcessTest, KilledAgainAndAgainItGoesOnInItsEpoch) {
  start("production:\n  - {sku: tea, batch: 3, every: 100ms}\n");
  const auto [epoch, first] = known();
  std::int64_t made = 0, number = first;
  for (int life = 0; life < 4; ++life) {
    await("more was made", [&](const json::value& status) {
      const auto& lines = status.at("lines").as_array();
      return !lines.empty() && lines[0].at("made").as_int64() > made;
    });
    const auto before = cluster_.pids("depot-manufacturer");
    cluster_.kill("depot-manufacturer");
    await("it is back", [&](const json::value& status) {
      if (cluster_.pids("depot-manufacturer") == before) return false;
      const std::int64_t now = status.at("lines").at(0).at("made").as_int64();
      const bool back = status.at("acknowledged").as_bool() || status.at("unacknowledged") != 0;
      EXPECT_TRUE(!back || now >= made) << "what was made is taken back";
      if (back) made = now;
      return back;
    });
    const auto [now_epoch, now_number] = known();
    EXPECT_EQ(now_epoch, epoch);
    EXPECT_GE(now_number, number);
    number = now_number;
  }
  await("nothing was cut", [](const json::value& status) { return of_tea(status, "cut") == 0; });
  cluster_.expect_clean_audit();
}

TEST_F(AgentProcessTest, SettlesACycleAlsoWhereItWasAwayAndStatesTheNext) {
  start("accept_after: never\nfee_percent: 2.5\n");
  Customer customer(cluster_.port());
  buy(customer, 4);
  EXPECT_EQ(agent({"statement"}).exit_code, 1) << "there is none yet";
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  EXPECT_TRUE(wait_until(
      20s, [&] { return available(cluster_.port(), "alder:tea") == 10; },
      "all of it is on sale in the next cycle", [&] { return cluster_.logs(); }));
  CommandResult kept;
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        kept = agent({"statement", "--json"});
        return kept.exit_code == 0;
      },
      "its statement is kept", [&] { return kept.err + cluster_.logs(); }));
  const json::value statement = json::parse(kept.out);
  EXPECT_TRUE(statement.at("agrees").as_bool()) << kept.out;
  EXPECT_EQ(statement.at("gross"), 4 * 199);
  EXPECT_EQ(statement.at("fee"), 20);
  const std::string first(statement.at("cycle_id").as_string());
  EXPECT_THAT(agent({"statement", "--csv"}).out, HasSubstr(",EUR,sale,tea,,,,,,,1.99,4,7.96\r\n"));
  EXPECT_THAT(agent({"statement", "--cycle", first}).out, HasSubstr("our own ledger agrees"));

  // The file is another data set's, and the agent away when it begins again: it makes its own anew.
  const std::string path = cluster_.folder() + "/var/manufacturers/alder/statement-" + first;
  const auto before = cluster_.pids("depot-manufacturer");
  json::object others = statement.as_object();
  others["store_id"] = "others";
  write_file(path + ".json", json::serialize(others));
  cluster_.kill("depot-manufacturer");
  EXPECT_TRUE(wait_until(
      20s, [&] { return read_file(path + ".json") == kept.out; }, "the same statement",
      [&] { return read_file(path + ".json") + cluster_.logs(); }));
  const std::string aside = cluster_.folder() + "/var/manufacturers/alder/old-" + first +
                            "-others-" + std::string(statement.at("ledger").at("to").as_string());
  EXPECT_EQ(read_file(aside + ".json"), json::serialize(others));
  cluster_.expect_clean_audit();
}

TEST(AgentCommandTest, WithoutAnAgentAndWithBadWordsTheyHaveTheirExitCodes) {
  const Cluster cluster;  // not started
  write_file(cluster.folder() + "/a.yml", "id: a\nname: A\ncatalogue: a.csv\n");
  const auto code = [&](std::vector<std::string> words) {
    words.insert(words.begin(), program("depot-manufacturer"));
    words.insert(words.end(), {"--config", cluster.config_path()});
    return run_command(words).exit_code;
  };
  const std::string file = cluster.folder() + "/a.yml";
  EXPECT_EQ(code({"status", file}), 69);
  EXPECT_EQ(code({"accept", file}), 69);
  EXPECT_EQ(code({"ship", file, "ABCDEFGHIJKLMNOP"}), 69);
  EXPECT_EQ(code({"statement", file}), 1);
  EXPECT_EQ(code({"ship", file}), 2);
  EXPECT_EQ(code({"status"}), 2);
  EXPECT_EQ(code({"statement", file, "--csv", "--json"}), 2);
  EXPECT_EQ(code({"statement", file, "--cycle", "../x"}), 2);
  EXPECT_EQ(code({"status", file + ".none"}), 78);
}

}  // namespace
}  // namespace depot::test
