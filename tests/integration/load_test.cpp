// replay, show and bench as an operator runs them, and the audit over what the real functions
// wrote.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdlib>
#include <set>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace json = boost::json;

int number_behind(const std::string& text, const std::string& label) {
  const std::size_t at = text.find(label);
  return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + label.size());
}

class LoadTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    write_file(cluster_.folder() + "/" + name, text);
  }
  CommandResult replay(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"replay",      "--json",
                                      "--catalogue", cluster_.folder() + "/catalogue.csv",
                                      "--orders",    cluster_.folder() + "/orders.csv"};
    words.insert(words.end(), more.begin(), more.end());
    return cluster_.depot(words);
  }
  // 60 orders of 20 customers for 50 units of one offer and more than enough of another.
  void write_trace() {
    write("catalogue.csv", catalogue_csv({{.manufacturer = "m1", .sku = "few", .offered = 50},
                                          {.manufacturer = "m2", .sku = "many", .offered = 500}}));
    std::string orders = "order_ref,customer_ref,offer_id,quantity\n";
    for (int i = 0; i < 60; ++i) {
      std::string order = std::to_string(i);
      order.append(",customer ").append(std::to_string(i % 20)).append(",");
      for (const char* line : {"m1:few,1\n", "m2:many,2\n", "m2:many,1\n"}) {
        orders.append(order).append(line);
      }
    }
    write("orders.csv", orders);
  }

  // All offers that the catalogue lists, also those that are sold out.
  std::set<std::string> listed() const {
    std::set<std::string> offers;
    const json::value page =
        HttpClient(cluster_.port()).request("GET", "/v1/catalogue?include_sold_out=true").json();
    for (const json::value& item : page.at("items").as_array()) {
      offers.emplace(item.at("offer_id").as_string());
    }
    return offers;
  }

  Cluster cluster_;
};

TEST_F(LoadTest, ReplaySellsWhatThereIsOnceHoweverOftenItIsSent) {
  write_trace();
  cluster_.start();
  const CommandResult result = replay({"--repeat", "3", "--concurrency", "8"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json::value figures = json::parse(result.out);
  EXPECT_EQ(figures.at("placed"), 50);
  EXPECT_EQ(figures.at("refused"), 10);
  EXPECT_EQ(figures.at("refused_by_reason").at("insufficient_stock"), 10);
  EXPECT_EQ(figures.at("failed"), 0);
  EXPECT_EQ(figures.at("units"), 200);
  EXPECT_EQ(figures.at("repeats"), 100);
  EXPECT_EQ(figures.at("audit").at("requests"), 180);
  for (const char* promise : {"oversold", "doubled", "lost"}) EXPECT_EQ(figures.at(promise), 0);

  // Once more, in part: the few are gone, the many are sold to all.
  const json::value again = json::parse(replay({"--mode", "available"}).out);
  EXPECT_EQ(again.at("placed"), 60);
  EXPECT_EQ(again.at("placed_in_part"), 60);
  EXPECT_EQ(again.at("units"), 180);
  EXPECT_EQ(again.at("lost"), 0);
}

TEST_F(LoadTest, ReplayKeepsHistoriesThatTheAuditReadsAgain) {
  write_trace();
  cluster_.start();
  const std::string folder = cluster_.folder() + "/histories";
  EXPECT_EQ(replay({"--histories", folder}).exit_code, 0);
  EXPECT_EQ(cluster_.depot({"audit", "--histories", folder}).exit_code, 0);

  // An order that was acknowledged and is gone without a trace is found by what customers saw.
  store::BlockingRedis redis = cluster_.redis();
  const auto keys = redis.command({"KEYS", "order:{s0}:*"});
  ASSERT_TRUE(keys && !keys->items.empty());
  const std::string key = keys->items.front().text;
  ASSERT_TRUE(redis.command({"DEL", key}));
  const CommandResult audit = cluster_.depot({"audit", "--json", "--histories", folder});
  EXPECT_EQ(audit.exit_code, 1);
  const std::string id = key.substr(key.rfind(':') + 1);
  for (const char* rule : {"L6", "L8", "H1"}) {
    EXPECT_THAT(audit.out,
                HasSubstr(std::string(R"({"rule":")") + rule + R"(","text":"order )" + id));
  }
}

TEST_F(LoadTest, ReplayRefusesAWrongFileBeforeAnythingIsBought) {
  write_trace();
  write("orders.csv", "order_ref,customer_ref,offer_id,quantity\n1,ann,m1:few,1\n2,ann,m1:few,0\n");
  cluster_.start();
  const CommandResult result = replay();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("orders.csv:3:14: quantity"));
  EXPECT_EQ(available(cluster_.port(), "m1:few"), -1);
}

TEST_F(LoadTest, ReplayWithoutAClusterSaysHowToStartOne) {
  write_trace();
  const CommandResult result = replay();
  EXPECT_EQ(result.exit_code, 69);
  EXPECT_THAT(result.err, HasSubstr("./run"));
}

TEST_F(LoadTest, BenchReportsCpuByProcessAndRecordsItsResult) {
  cluster_.start();
  const std::string record = cluster_.folder() + "/result.md";
  const CommandResult result = cluster_.depot({"bench", "--connections", "4", "--seconds", "1",
                                               "--products", "30", "--record", record, "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json::value figures = json::parse(result.out);
  EXPECT_GT(figures.at("placed").to_number<int>(), 0);
  EXPECT_EQ(figures.at("placed"), figures.at("units"));
  for (const char* kind : {"gateway", "balancer", "worker", "redis", "(generator)"}) {
    EXPECT_GT(figures.at("cpu_us_per_purchase").at(kind).to_number<double>(), 0) << kind;
  }
  EXPECT_GT(figures.at("redis_bytes_per_order").to_number<double>(), 0);
  EXPECT_THAT(read_file(record), HasSubstr("uniform, 4 connections"));
  EXPECT_THAT(read_file(record), HasSubstr("--products 30"));
}

TEST_F(LoadTest, BenchRunsEachWorkloadAndEachEndsWithTheAudit) {
  cluster_.start();
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"bench", "--connections", "4", "--seconds", "1", "--json"});
    const CommandResult result = cluster_.depot(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments.back() << ": " << result.out << result.err;
    const json::value figures = json::parse(result.out);
    for (const char* harm : {"oversold", "doubled", "lost", "failed"}) {
      EXPECT_EQ(figures.at(harm), 0) << arguments.back();
    }
    return figures;
  };
  const json::value mix = run({"--workload", "mix", "--products", "40"});
  EXPECT_GE(mix.at("other_requests").to_number<int>(), 3 * mix.at("placed").to_number<int>());
  const json::value storm = run({"--workload", "sold-out"});
  EXPECT_LE(storm.at("placed").to_number<int>(), 1);
  EXPECT_GT(storm.at("refused").to_number<int>(), 0);
  const json::value copies = run({"--workload", "duplicates", "--products", "30"});
  EXPECT_EQ(copies.at("repeats").to_number<int>(), 3 * copies.at("placed").to_number<int>());
  const json::value cart = run({"--lines", "500", "--products", "600"});
  EXPECT_EQ(cart.at("units").to_number<int>(), 500 * cart.at("placed").to_number<int>());
  const std::string plots = cluster_.folder() + "/plots";
  const json::value open = run({"--rate", "50", "--warm-up", "1", "--plots", plots});
  EXPECT_NEAR(open.at("placed").to_number<double>(), 50, 40);
  for (const char* name : {"throughput", "latency", "distribution"}) {
    EXPECT_THAT(read_file(plots + "/" + name + ".svg"), HasSubstr("</svg>")) << name;
  }
}

TEST_F(LoadTest, BenchFailsWhereAThresholdIsMissed) {
  cluster_.start();
  const auto run = [&](const std::string& threshold) {
    return cluster_.depot({"bench", "--connections", "2", "--seconds", "1", "--products", "30",
                           "--threshold", "failed<=0", "--threshold", threshold});
  };
  EXPECT_EQ(run("placed_per_second>0").exit_code, 0);
  const CommandResult missed = run("p99<0.001");
  EXPECT_EQ(missed.exit_code, 1);
  EXPECT_THAT(missed.err, HasSubstr("threshold p99<0.001: it is "));
  const CommandResult wrong = run("p98<10");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("figures are "));
}

TEST_F(LoadTest, ShowSellsTheLastTenUnitsToTenOfTwoHundredWhileAWorkerIsKilled) {
  write("m1.csv", "sku,name,unit_price,offered\nA,Apples,1.00,200\nB,Bread,2.00,5\n");
  write("m1.yml", "id: m1\nname: First\ncatalogue: m1.csv\n");
  cluster_.rewrite_config({{"demo.catalogues", "[" + cluster_.folder() + "/m1.yml]"}});
  cluster_.start();
  const CommandResult result = cluster_.depot({"show"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("10 of them were placed, 190 refused"));
  EXPECT_THAT(result.out, HasSubstr("audit clean"));
  // What its agent was told is all that was sold but the ten.
  EXPECT_EQ(number_behind(result.out, "\nsold "), number_behind(result.out, "\nm1 ") + 10)
      << result.out;
  EXPECT_THAT(result.out, testing::Not(HasSubstr("\x1b")));  // Colours are for terminals.
  EXPECT_EQ(listed(), (std::set<std::string>{"m1:A", "m1:B"})) << "its own goods are gone";
  cluster_.expect_clean_audit();
}

TEST_F(LoadTest, AShowThatIsInterruptedTakesItsGoodsFromTheCatalogue) {
  cluster_.start();
  // The show asks for the workers' pids behind its import: there it waits.
  cluster_.supervisor().signal(SIGSTOP);
  Process show =
      Process::start({.arguments = {program("depot"), "--config", cluster_.config_path(), "show"},
                      .output_path = cluster_.folder() + "/show.txt"});
  EXPECT_TRUE(wait_until(
      30s, [&] { return listed().size() == 1; }, "the last lantern is on sale",
      [&] { return read_file(cluster_.folder() + "/show.txt"); }));
  show.signal(SIGINT);
  cluster_.supervisor().signal(SIGCONT);
  const auto ended = show.wait(30s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->code, 1);
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(read_file(cluster_.folder() + "/show.txt").find("stays in the catalogue"),
            std::string::npos);
  cluster_.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
