// Real trade through the real processes: Northwind's 830 orders, and the 18,402 clean purchases of
// the Online Retail data. `./test --all` runs this on release builds (DEPOT_BIN).
//
// Figures: docs/TRACES.md; they were computed from the files alone, without Depot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <boost/json.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "protocol/msgpack.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr auto kReplayMax = std::chrono::seconds(600);

struct StockRow {
  std::int64_t offered = 0, cut = 0, sold = 0, refused = 0;
  std::int64_t available() const { return offered - cut - sold; }
};

class TracesTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("DEPOT_DATA");
    data_ = data ? data : DEPOT_SOURCE "/../shared/data";
    if (!std::filesystem::is_directory(data_)) {
      GTEST_SKIP() << data_ << " is not there: DEPOT_DATA names the folder of the traces";
    }
  }

  // Writes catalogue.csv and orders.csv by the script, into the cluster's folder.
  void make_trace(const std::string& script, std::vector<std::string> options = {}) {
    std::vector<std::string> command = {
        "python3", std::string(DEPOT_SOURCE) + "/bench/traces/" + script,
        "--data",  data_,
        "--out",   cluster_.folder()};
    command.insert(command.end(), options.begin(), options.end());
    const CommandResult made = run_command(command);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    cluster_.start();
  }

  // Replays it, expects the books right, and gives the closing figures.
  json::value replay(std::vector<std::string> options) {
    std::vector<std::string> words = {"replay",      "--json",
                                      "--catalogue", cluster_.folder() + "/catalogue.csv",
                                      "--orders",    cluster_.folder() + "/orders.csv"};
    words.insert(words.end(), options.begin(), options.end());
    const CommandResult result = cluster_.depot(words, kReplayMax);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    boost::system::error_code error;
    json::value figures = json::parse(result.out, error);
    EXPECT_FALSE(error) << result.out;
    for (const char* promise : {"oversold", "doubled", "lost"}) {
      EXPECT_EQ(figures.at(promise), 0) << promise;
    }
    EXPECT_EQ(figures.at("failed"), 0) << result.out;
    cluster_.expect_clean_audit();
    return figures;
  }

  // Every offer of the current cycle as Redis has it.
  std::map<std::string, StockRow> stock() {
    store::BlockingRedis redis = cluster_.redis();
    const auto cycle = redis.command({"GET", "cycle:{s0}"});
    protocol::Reader cycle_row(cycle->text);
    cycle_row.array();
    const auto all = redis.command({"HGETALL", "stock:{s0}:" + std::string(cycle_row.string())});
    std::map<std::string, StockRow> rows;
    for (std::size_t i = 0; all && i + 1 < all->items.size(); i += 2) {
      protocol::Reader row(all->items[i + 1].text);
      row.integer();  // price
      row.integer();  // wanted
      rows[all->items[i].text] = {.offered = row.integer(),
                                  .cut = row.integer(),
                                  .sold = row.integer(),
                                  .refused = row.integer()};
    }
    return rows;
  }

  // What the gateway shows of it.
  std::map<std::string, std::int64_t> shown() {
    std::map<std::string, std::int64_t> units;
    HttpClient client(cluster_.port());
    const std::string first = "/v1/catalogue?include_sold_out=true&limit=100";
    std::string target = first;
    while (true) {
      const json::value page = client.request("GET", target).json();
      for (const json::value& item : page.at("items").as_array()) {
        units[std::string(item.at("offer_id").as_string())] = item.at("available").as_int64();
      }
      if (page.at("next_cursor").is_null()) return units;
      target = first + "&cursor=" + std::string(page.at("next_cursor").as_string());
    }
  }

  // Kills a worker every second until told to stop. The second is the fault's rhythm.
  std::jthread kill_workers() {
    return std::jthread([this](std::stop_token stop) {
      auto next = std::chrono::steady_clock::now() + 1s;
      while (!stop.stop_requested()) {
        if (std::chrono::steady_clock::now() < next) {
          poll(nullptr, 0, 20);
          continue;
        }
        cluster_.kill("depot-worker");
        ++kills_;
        next += 1s;
      }
    });
  }

  std::string data_;
  std::atomic<int> kills_{0};
  Cluster cluster_{{"workers.count", "3"}};
};

void expect_all_sold(const std::map<std::string, StockRow>& rows, std::size_t offers) {
  EXPECT_EQ(rows.size(), offers);
  for (const auto& [offer, row] : rows) {
    EXPECT_EQ(row.available(), 0) << offer;
  }
}

TEST_F(TracesTest, NorthwindAgainstTheStockOnHandSellsNoMoreThanThatInEitherMode) {
  make_trace("northwind.py");
  const json::value whole = replay({"--mode", "all_or_nothing", "--concurrency", "16"});
  EXPECT_EQ(whole.at("placed").to_number<int>() + whole.at("refused").to_number<int>(), 830);
  const std::int64_t sold = whole.at("units").to_number<std::int64_t>();
  EXPECT_LE(sold, 3'119);

  // What is left is then sold in part: with the whole trace asked again, every offer that was ever
  // asked for more than it has ends at 0.
  const json::value part = replay({"--mode", "available", "--concurrency", "16"});
  EXPECT_EQ(part.at("placed").to_number<int>() + part.at("refused").to_number<int>(), 830);
  std::int64_t left = 0;
  for (const auto& [offer, row] : stock()) left += row.available();
  EXPECT_EQ(sold + part.at("units").to_number<std::int64_t>() + left, 3'119);
}

TEST_F(TracesTest, NorthwindOfferedExactlyIsAllSold) {
  make_trace("northwind.py", {"--stock", "exact"});
  const json::value figures = replay({"--concurrency", "16"});
  EXPECT_EQ(figures.at("placed"), 830);
  EXPECT_EQ(figures.at("units"), 51'317);
  EXPECT_EQ(figures.at("money_minor"), 144'936'731);
  expect_all_sold(stock(), 77);
}

TEST_F(TracesTest, OnlineRetailOfferedExactlyIsAllSold) {
  make_trace("online_retail.py");
  const json::value figures = replay({"--concurrency", "64"});
  EXPECT_EQ(figures.at("placed"), 18'402);
  EXPECT_EQ(figures.at("units"), 5'157'354);
  EXPECT_EQ(figures.at("money_minor"), 949'931'915);
  expect_all_sold(stock(), 3'659);
}

TEST_F(TracesTest, OnlineRetailWithAWorkerKilledEverySecondAndEveryOrderSentThreeTimes) {
  make_trace("online_retail.py");
  std::jthread killer = kill_workers();
  const json::value figures = replay({"--concurrency", "64", "--repeat", "3"});
  killer = {};
  EXPECT_GE(kills_, 5);
  EXPECT_GE(figures.at("repeats").to_number<int>(), 2 * 18'402) << "each is sent three times";
  EXPECT_EQ(figures.at("placed"), 18'402);
  EXPECT_EQ(figures.at("units"), 5'157'354);
  EXPECT_EQ(figures.at("money_minor"), 949'931'915);
  expect_all_sold(stock(), 3'659);
}

TEST_F(TracesTest, OnlineRetailOneUnitLessOf100CodesRefusesExactlyThose) {
  make_trace("online_retail.py", {"--short-codes", "100"});
  const json::value figures = replay({"--mode", "available", "--concurrency", "64"});
  EXPECT_EQ(figures.at("units"), 5'157'354 - 100);
  const auto rows = stock();
  expect_all_sold(rows, 3'659);
  int refusing = 0;
  for (const auto& [offer, row] : rows) {
    EXPECT_LE(row.refused, 1) << offer;
    refusing += row.refused > 0;
  }
  EXPECT_EQ(refusing, 100);
}

TEST_F(TracesTest, OnlineRetailOneUnitLessAllOrNothingKeepsTheBooks) {
  make_trace("online_retail.py", {"--short-codes", "100"});
  const json::value figures = replay({"--mode", "all_or_nothing", "--concurrency", "64"});
  const auto refused = figures.at("refused").to_number<int>();
  EXPECT_GT(refused, 0);
  EXPECT_LE(refused, 18'402 / 10);
  EXPECT_EQ(figures.at("placed").to_number<int>() + refused, 18'402);
  std::int64_t sold = 0;
  auto available = shown();
  for (const auto& [offer, row] : stock()) {
    EXPECT_EQ(row.sold + available.at(offer), row.offered) << offer;
    sold += row.sold;
  }
  EXPECT_EQ(sold, figures.at("units").to_number<std::int64_t>());
}

}  // namespace
}  // namespace depot::test
