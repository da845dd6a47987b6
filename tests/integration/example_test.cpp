// The manufacturers in docs/examples, written by docs/PROTOCOL.md, against a real Depot: that
// document is true, and enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace json = boost::json;

constexpr const char* kPython = "/usr/bin/python3";  // Debian's, which has Debian's modules.

class ExampleTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(kPython, X_OK) != 0) GTEST_SKIP() << kPython << " is not there";
    const CommandResult modules = run_command({kPython, "-c", "import msgpack, zmq"});
    if (modules.exit_code != 0) {
      GTEST_SKIP() << "install python3-zmq and python3-msgpack (./test does it): " << modules.err;
    }
    cluster_.start();
  }
  void TearDown() override {
    if (!IsSkipped()) cluster_.expect_clean_audit();
  }

  // Starts the script for manufacturer `id`; what it prints goes to the end of <id>.log.
  Process start(const std::string& id, const std::vector<std::string>& offers,
                bool settling = true) const {
    const Config& config = cluster_.config();
    // Not even a test that is killed leaves it behind.
    std::vector<std::string> arguments = {
        "setpriv",
        "--pdeathsig",
        "KILL",
        kPython,
        std::string(DEPOT_EXAMPLES) + (settling ? "/settling_manufacturer.py" : "/manufacturer.py"),
        id,
        "The " + id,
        config.hub_sync_endpoint()};
    if (settling) arguments.push_back(config.hub_in_endpoint());
    arguments.push_back(config.hub_out_endpoint());
    arguments.insert(arguments.end(), offers.begin(), offers.end());
    return Process::start({.arguments = arguments,
                           .environment = {"PYTHONDONTWRITEBYTECODE=1"},
                           .output_path = cluster_.folder() + "/" + id + ".log"});
  }
  std::string said(const std::string& id = "orchard") const {
    return read_file(cluster_.folder() + "/" + id + ".log");
  }
  void await(const std::string& what, const std::function<bool()>& holds) const {
    ASSERT_TRUE(wait_until(30s, holds, what, [&] { return last_lines(cluster_.logs(), 200); }));
  }
  void await_said(const std::string& words, const std::string& id = "orchard") const {
    await(id + " says: " + words, [&] { return said(id).find(words) != std::string::npos; });
  }
  std::int64_t left(const std::string& sku) const {
    return available(cluster_.port(), "orchard:" + sku);
  }
  std::string buy(Customer& customer, std::int64_t units) {
    const HttpReply placed = customer.buy_surely({{"orchard:A1", units}}, unique("key"));
    EXPECT_EQ(placed.status, 201) << placed.body;
    return std::string(placed.json().at("order_id").as_string());
  }
  // What it has answered for each cycle, the oldest first.
  std::string answers(const std::string& manufacturer) const {
    const CommandResult list = cluster_.depot({"settlement", "list", "--json"});
    EXPECT_EQ(list.exit_code, 0) << list.err;
    std::string all;
    const json::value parsed = json::parse(list.out);
    for (const json::value& row : parsed.at("items").as_array()) {
      if (row.at("manufacturer_id") == json::string(manufacturer)) {
        all.append(row.at("answer").as_string()).append(" ");
      }
    }
    return all;
  }

  // A cycle that collects waits for the answer of everybody, so that nobody may owe one.
  Cluster cluster_{
      {"cycle.fee_percent", "2.5"}, {"cycle.collect_for", "1h"}, {"manufacturers.open", "true"}};
};

TEST_F(ExampleTest, OffersSellsAndSettlesThroughKillsOfItAndOfTheHub) {
  const std::vector<std::string> offers = {"A1:Apple:249:10", "P1:Pear:199:20"};
  Process script = start("orchard", offers);
  Process idle = start("idle", {});
  await("its offers are on sale", [&] { return left("A1") == 10 && left("P1") == 20; });

  Customer customer(cluster_.port());
  const std::string kept = buy(customer, 4), cancelled = buy(customer, 2);
  await_said("sold 4 x A1, order " + kept);
  ASSERT_EQ(customer.request("POST", "/v1/orders/" + cancelled + "/cancel").status, 200);
  await_said("cancelled 2 x A1, order " + cancelled);
  await_said("left: {'A1': 6, 'P1': 20}");

  // Sold while nobody is there: neither lost nor offered twice.
  script.signal(SIGKILL);
  ASSERT_TRUE(script.wait(5s));
  buy(customer, 1);
  script = start("orchard", offers);
  await_said("left: {'A1': 5, 'P1': 20}");
  EXPECT_EQ(left("A1"), 5);
  cluster_.kill("depot-hub");
  const std::string later = buy(customer, 1);
  await_said("sold 1 x A1, order " + later);

  const CommandResult closed = cluster_.depot({"cycle", "close"});
  ASSERT_EQ(closed.exit_code, 0) << closed.err << last_lines(cluster_.logs(), 100);
  await("all of it is on sale in the next cycle",
        [&] { return left("A1") == 10 && left("P1") == 20; });
  await("it agrees", [&] { return answers("orchard") == "agrees "; });
  EXPECT_THAT(said(), HasSubstr(", net 1457: we agree")) << "6 at 2.49 less 2.5 %";
  EXPECT_EQ(answers("idle"), "") << "it has offered nothing";

  // Another life settles the next cycle, from the whole ledger.
  buy(customer, 3);
  script.signal(SIGKILL);
  ASSERT_TRUE(script.wait(5s));
  script = start("orchard", offers);
  await_said("left: {'A1': 7, 'P1': 20}");
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  await("it agrees again", [&] { return answers("orchard") == "agrees agrees "; });
  await("its offers are on sale once more", [&] { return left("A1") == 10; });
  EXPECT_EQ(cluster_.metric("depot_hub_malformed_total"), 0) << cluster_.logs();
  EXPECT_TRUE(script.running() && idle.running()) << said() << said("idle");
  EXPECT_THAT(said(), testing::Not(HasSubstr("Traceback")));
  EXPECT_THAT(said(), testing::Not(HasSubstr("we do not")));
}

TEST_F(ExampleTest, AStatementOfSeveralRecordsIsOne) {
  std::vector<std::string> offers;
  for (int i = 0; i < 450; ++i) offers.push_back("S" + std::to_string(i) + ":Some:100:5");
  Process script = start("orchard", offers);
  await("the last one is on sale", [&] { return left("S449") == 5; });
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  await("and in the next cycle", [&] { return left("S449") == 5; });
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  await("it agrees", [&] { return answers("orchard") == "agrees agrees "; });
  const json::value statement =
      json::parse(cluster_.depot({"settlement", "show", "orchard", "--json"}).out);
  const json::array& rows = statement.at("offers").as_array();
  EXPECT_EQ(rows.size(), 450u);
  for (const json::value& row : rows) {
    ASSERT_EQ(row.at("opening"), 5) << "it opened before all of it was there: " << row;
  }
}

TEST_F(ExampleTest, SaysWhyItIsRefused) {
  Process script = start("orchard", {"no sku:Apple:249:10"});
  await_said("refused: ");
  const auto status = script.wait(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 1);
}

TEST_F(ExampleTest, TheLeastThatAManufacturerMustDoIsEnoughToSell) {
  std::optional<Process> script = start("orchard", {"A1:Apples:250:10"}, false);
  await("its apples are on sale", [&] { return left("A1") == 10; });
  Customer customer(cluster_.port());
  const std::string order = buy(customer, 3);
  await_said("sold 3 x A1, order " + order);
  ASSERT_EQ(customer.request("POST", "/v1/orders/" + order + "/cancel").status, 200);
  await_said("cancelled 3 x A1, order " + order);
  buy(customer, 4);
  script->signal(SIGKILL);
  EXPECT_TRUE(script->wait(20s));
  buy(customer, 1);  // While it is away.
  script = start("orchard", {"A1:Apples:250:12"}, false);
  await("its apples are 12 in all", [&] { return left("A1") == 7; });
  await_said("sold 1 x A1");
  cluster_.kill("depot-hub");
  buy(customer, 2);
  await_said("sold 2 x A1");
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  await("all of them for the next cycle", [&] { return left("A1") == 12; });
}

}  // namespace
}  // namespace depot::test
