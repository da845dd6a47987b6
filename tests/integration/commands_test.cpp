// The operator's commands: what they answer, refuse, and by which exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace json = boost::json;

constexpr const char* kHeader = "manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n";

TEST(CommandsTest, ImportNamesEveryErrorWithItsPlaceAndAppliesNothing) {
  Cluster cluster;
  cluster.start();
  const std::string path = cluster.folder() + "/bad.csv";
  write_file(path, std::string(kHeader) +
                       "m1,Maker,good,Good,1.00,5\n"
                       "m1,Maker,a,Too exact,1.001,5\n"
                       "m1,Maker,b,No number,1.00,many\n"
                       "m1,Maker,good,Again,1.00,5\n"
                       "m 1,Maker,c,Bad id,1.00,5\n"
                       "m1,Maker,d,Below zero,1.00,-5\n");
  const CommandResult result = cluster.depot({"import", path});
  EXPECT_EQ(result.exit_code, 1);
  for (const char* place : {"bad.csv:3:", "bad.csv:4:", "bad.csv:5:", "bad.csv:6:", "bad.csv:7:"}) {
    EXPECT_THAT(result.err, HasSubstr(place));
  }
  EXPECT_EQ(available(cluster.port(), "m1:good"), -1) << "nothing of it was applied";

  write_file(path, "sku,name\nx,y\n");
  EXPECT_EQ(cluster.depot({"import", path}).exit_code, 1);
  EXPECT_EQ(cluster.depot({"import", cluster.folder() + "/none.csv"}).exit_code, 1);
  EXPECT_EQ(cluster.depot({"import"}).exit_code, 2);
}

TEST(CommandsTest, ImportReturnsWhenEverythingCanBeBoughtAndMayBeRepeated) {
  Cluster cluster{{"gateway.count", "2"}};
  cluster.start();
  std::vector<Offer> offers;
  for (int i = 0; i < 500; ++i) {
    offers.push_back({.manufacturer = "m" + std::to_string(i % 20),
                      .sku = "s" + std::to_string(i),
                      .offered = 10});
  }
  for (int round = 0; round < 2; ++round) {
    cluster.import(offers);
    for (int gateway = 0; gateway < 2; ++gateway) {
      EXPECT_EQ(available(cluster.port(gateway), "m0:s0"), 10);
      EXPECT_EQ(available(cluster.port(gateway), "m19:s499"), 10);
    }
  }
  Customer customer(cluster.port());
  EXPECT_EQ(customer.buy({{"m19:s499", 10}}, unique("key")).status, 201);
  cluster.expect_clean_audit();
}

TEST(CommandsTest, StatusShowsProcessesWorkersAndRedis) {
  Cluster cluster;
  cluster.start();
  const CommandResult result = cluster.depot({"status", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string text = json::serialize(json::parse(result.out));
  for (const char* name : {"worker-1", "worker-2", "gateway-1", "hub-1"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const std::string rates = cluster.depot({"status"}).out;
        return rates.find("/s requests, 0.0/s orders, of the last ") != std::string::npos;
      },
      "rates are known"));
  EXPECT_EQ(cluster.depot({"status", "--check"}).exit_code, 0);

  const HttpReply metrics =
      HttpClient(cluster.port(PortBlock::kSize - 1)).request("GET", "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_THAT(metrics.body, HasSubstr("process=\"worker-1\""));
  const CommandResult check = cluster.depot({"status", "--check", "--json"});
  EXPECT_EQ(check.exit_code, 0);
  EXPECT_EQ(json::parse(check.out), json::parse(R"({"items": []})")) << check.out;
  EXPECT_EQ(cluster.depot({"status", "--wait", "1", "--json"}).exit_code, 2);
  cluster.stop();
  const std::string config = read_file(cluster.config_path());
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status"}, {"status", "--wait", "1"}, {"scale", "workers", "7"}}) {
    EXPECT_EQ(cluster.depot(words).exit_code, 69) << words.back() << ": nothing runs";
  }
  EXPECT_EQ(read_file(cluster.config_path()), config);
}

TEST(CommandsTest, UpNamesThePortThatIsTaken) {
  Cluster first;
  first.start();
  Cluster second;
  second.rewrite_config({{"gateway.listen", "127.0.0.1:" + std::to_string(first.port())}});
  const CommandResult result =
      run_command({program("depot"), "up", "--config", second.config_path()}, {}, 60s);
  EXPECT_EQ(result.exit_code, 69) << result.err;
  EXPECT_THAT(result.err + second.logs(), HasSubstr(std::to_string(first.port())));
}

// Wrong books: an order that was placed, whose row is gone. Returns its id.
std::string buy_and_lose(Cluster& cluster, Customer& customer) {
  const HttpReply bought = customer.buy({{"m:a", 2}}, unique("key"));
  EXPECT_EQ(bought.status, 201) << bought.body;
  std::string order(json::parse(bought.body).at("order_id").as_string());
  EXPECT_TRUE(cluster.redis().command({"DEL", "order:{s0}:" + order}));
  return order;
}

// The append-only file has no checksums: what it holds is judged before anybody sells on it.
TEST(CommandsTest, UpLetsNoWorkerIntoBooksThatAreWrongUnlessToldTo) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m", .sku = "a", .offered = 5}});
  Customer customer(cluster.port());
  const std::string order = buy_and_lose(cluster, customer);
  cluster.stop();

  const CommandResult refused =
      run_command({program("depot"), "up", "--config", cluster.config_path()}, {}, 60s);
  EXPECT_EQ(refused.exit_code, 1) << refused.err;
  for (const char* said : {"no worker is let in", "L6", order.c_str(), "--despite-audit"}) {
    EXPECT_THAT(refused.err, HasSubstr(said));
  }
  EXPECT_THAT(refused.err, testing::Not(HasSubstr("waiting for worker")));

  cluster.start({"--despite-audit"});
  EXPECT_EQ(Customer(cluster.port()).buy({{"m:a", 1}}, unique("key")).status, 201);
  EXPECT_EQ(cluster.depot({"audit"}).exit_code, 1) << "the fault is still there";
  const CommandResult check = cluster.depot({"status", "--check"});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.out, HasSubstr("the books are wrong: "));
}

// An agent that outlives an emptied or older Redis has more of its ledger than there is.
TEST(CommandsTest, BooksThatAnAgentOfOtherDataCameToAreRight) {
  Cluster cluster;
  cluster.start();
  store::BlockingRedis redis = cluster.redis();
  for (const auto& [epoch, number] : {std::pair{"1", "57"}, {"4", "3"}}) {
    const auto reply =
        redis.command({"FCALL", "hello_v1", "0", "x", "X", "1", epoch, number, "10000"});
    ASSERT_TRUE(reply && reply->text.starts_with("O"));
  }
  cluster.expect_clean_audit();
  cluster.stop();
  cluster.start();
}

TEST(CommandsTest, RedisThatComesBackWithWrongBooksStaysClosedAndStatusSaysSo) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m", .sku = "a", .offered = 5}});
  Customer customer(cluster.port());
  const std::string order = buy_and_lose(cluster, customer);
  cluster.kill("redis-server");
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const CommandResult check = cluster.depot({"status", "--check"});
        return check.exit_code == 1 && check.out.find("no worker is let in") != std::string::npos &&
               check.out.find(order) != std::string::npos;
      },
      "status --check says what is wrong"));
  EXPECT_EQ(customer.buy({{"m:a", 1}}, unique("key")).status, 503);
  EXPECT_TRUE(cluster.running());
  EXPECT_THAT(cluster.logs(), HasSubstr("the books are wrong"));
}

TEST(CommandsTest, BadConfigAndBadUsageHaveTheirExitCodes) {
  TempFolder folder;
  const std::string path = folder.path() + "/config.yml";
  write_file(path, "workers:\n  count: many\n");
  for (const char* name : {"depot", "depot-gateway", "depot-worker", "depot-load-balancer",
                           "depot-hub", "depot-manufacturer"}) {
    const CommandResult result = run_command({program(name), "--config", path, "--check-config"});
    EXPECT_EQ(result.exit_code, 78) << name;
    EXPECT_THAT(result.err, HasSubstr("config.yml:2: workers.count")) << name;
    EXPECT_EQ(run_command({program(name), "--nonsense"}).exit_code, 2) << name;
    const CommandResult help = run_command({program(name), "--help"});
    EXPECT_EQ(help.exit_code, 0) << name;
    EXPECT_THAT(help.out, HasSubstr("--config")) << name;
    EXPECT_THAT(run_command({program(name), "--version"}).out, HasSubstr(name));
  }
  EXPECT_EQ(run_command({program("depot"), "dance"}).exit_code, 2);
  const CommandResult half = run_command({program("depot"), "cycle"});
  EXPECT_EQ(half.exit_code, 2);
  EXPECT_THAT(half.err, HasSubstr("depot: A subcommand is required; see depot --help"));
  const CommandResult mode =
      run_command({program("depot"), "replay", "--catalogue", "a", "--orders", "b", "--mode", "1"});
  EXPECT_EQ(mode.exit_code, 2);
  EXPECT_THAT(mode.err, HasSubstr("{all_or_nothing,available}"));
  EXPECT_EQ(run_command({program("depot"), "config", "check", "--config", path}).exit_code, 78);
}

}  // namespace
}  // namespace depot::test
