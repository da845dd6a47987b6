// Production lines that restock, simulated customers who buy, and the shoppers of `depot up`.
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

class ShopTest : public testing::Test {
 protected:
  // A demo manufacturer "alder" with two goods; `production` lines in YAML.
  void start(const std::string& production, const Cluster::Settings& settings = {}) {
    write_file(file("alder.csv"),
               "sku,name,unit_price,offered\ntea,Green tea,1.99,3\nmug,Mug,5.00,2000\n");
    write_file(file("alder.yml"), "id: alder\nname: Alder\ncatalogue: alder.csv\n" + production);
    Cluster::Settings all = settings;
    all["demo.catalogues"] = "[alder.yml]";
    cluster_.rewrite_config(all);
    cluster_.start();
    EXPECT_TRUE(wait_until(
        20s, [&] { return available(cluster_.port(), "alder:mug") > 0; },
        "the agent's offers stand in the catalogue", [&] { return cluster_.logs(); }));
  }
  std::string file(const std::string& name) const { return cluster_.folder() + "/" + name; }

  // What a process says of itself; null while it does not answer.
  json::value status_of(const std::string& process) const {
    try {
      Wire wire(cluster_.config().admin_socket(process));
      wire.send("GET /status HTTP/1.1\r\nHost: admin\r\n\r\n");
      return wire.read_reply(5s).json();
    } catch (const WireError&) {
      return nullptr;
    }
  }
  // Of the sku "tea" in the agent's books: wanted, sold, cut; -1 where it does not say.
  std::int64_t tea(const char* what) const {
    const json::value status = status_of("alder");
    const json::value* skus = status.is_object() ? status.as_object().if_contains("skus") : nullptr;
    if (skus == nullptr) return -1;
    for (const json::value& sku : skus->as_array()) {
      if (sku.at("sku").as_string() == "tea") return sku.at(what).as_int64();
    }
    return -1;
  }
  std::int64_t shoppers(const char* what) const {
    const json::value status = status_of("shoppers");
    const json::value* value = status.is_object() ? status.as_object().if_contains(what) : nullptr;
    return value == nullptr ? -1 : value->to_number<std::int64_t>();
  }

  Cluster cluster_;
};

TEST_F(ShopTest, AProductionLineRestocksAndARestartOfItsAgentTakesNothingBack) {
  start("production:\n  - {sku: tea, batch: 5, every: 100ms, pause_at: 20}\n");
  Customer customer(cluster_.port());
  for (int i = 0; i < 5; ++i) {  // Of 3 that there were.
    ASSERT_TRUE(wait_until(
        20s,
        [&] {
          return customer.buy({{"alder:tea", 20}}, unique("key")).status == 201;
        },
        "so much was made that it can be bought", [&] { return cluster_.logs(); }));
  }
  ASSERT_TRUE(wait_until(
      20s,
      [&] {
        const bool full = tea("sold") == 100 && tea("wanted") - 100 >= 20;
        return full && status_of("alder").at("lines").at(0).at("standing").as_bool();
      },
      "its agent has heard of all five, and the line stands at its limit"));
  const std::int64_t wanted = tea("wanted");
  EXPECT_GE(wanted, 100);
  EXPECT_EQ(status_of("alder").at("lines").at(0).at("made").as_int64(), wanted - 3);

  const auto before = cluster_.pids("depot-manufacturer");
  cluster_.kill("depot-manufacturer");
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const auto now = cluster_.pids("depot-manufacturer");
        const json::value status = status_of("alder");
        return now != before && status.is_object() && status.as_object().contains("acknowledged") &&
               status.at("acknowledged").as_bool();
      },
      "the agent is back, and all that it offers is acknowledged",
      [&] { return cluster_.logs(); }));
  EXPECT_TRUE(wait_until(
      10s, [&] { return tea("wanted") == wanted; }, "the ledger says the same total"));
  EXPECT_EQ(tea("cut"), 0);
  EXPECT_EQ(customer.buy({{"alder:tea", 20}}, unique("key")).status, 201);

  // The file counts anew, with what was made.
  write_file(file("alder.csv"), "sku,name,unit_price,offered\ntea,Green tea,1.99,1003\n");
  EXPECT_TRUE(wait_until(
      20s, [&] { return tea("wanted") >= wanted + 1'000; }, "the new total has what was made"));
  cluster_.expect_clean_audit();
}

TEST_F(ShopTest, AProductionLineForWhatIsNotInTheCatalogueIsRefusedWithItsPlace) {
  write_file(file("a.csv"), "sku,name,unit_price,offered\ntea,Green tea,1.99,3\n");
  write_file(file("a.yml"),
             "id: a\nname: A\ncatalogue: a.csv\nproduction:\n"
             "  - {sku: tea, batch: 1, every: 1s}\n  - {sku: milk, batch: 1, every: 1s}\n");
  const CommandResult result =
      run_command({program("depot-manufacturer"), "--check-config", file("a.yml")});
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.err, HasSubstr("a.yml:6:5: production: no sku 'milk'"));
}

TEST_F(ShopTest, CustomersBrowseBuyAndCancelAndAllOfItIsAudited) {
  cluster_.start();
  std::vector<Offer> offers;
  for (int i = 0; i < 12; ++i) {
    offers.push_back({.manufacturer = i % 2 == 0 ? "m1" : "m2",
                      .sku = "s" + std::to_string(i),
                      .offered = 20 + 10 * i,
                      .unit_price = std::to_string(1 + i) + ".00",
                      .name = "Product " + std::to_string(i / 2)});
  }
  offers.push_back({.manufacturer = "other", .sku = "cheap", .offered = 50, .unit_price = "0.10"});
  cluster_.import(offers);
  const auto shop = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"shop", "--json",         "--quiet", "--rate",
                                      "30",   "--seed",         "7",       "--customers",
                                      "20",   "--manufacturer", "m1",      "m2"};
    words.insert(words.end(), more.begin(), more.end());
    return cluster_.depot(words);
  };
  const CommandResult result = shop({"--seconds", "5", "--burst", "30@2", "--offer", "m2:s1"});
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  const json::value figures = json::parse(result.out);
  for (const char* promise : {"oversold", "doubled", "lost", "failed"}) {
    EXPECT_EQ(figures.at(promise), 0) << promise;
  }
  EXPECT_EQ(figures.at("seed"), 7);
  EXPECT_GT(figures.at("placed").as_int64(), 20);
  EXPECT_GT(figures.at("refused").as_int64(), 0);
  EXPECT_GE(figures.at("audit").at("requests").as_int64(),
            figures.at("placed").as_int64() + figures.at("refused").as_int64());
  const json::value& flash = figures.at("flash_sale");
  EXPECT_EQ(flash.at("offer_id"), "m2:s1");
  EXPECT_EQ(flash.at("placed").as_int64() + flash.at("refused").as_int64(), 30);
  EXPECT_EQ(available(cluster_.port(), "other:cheap"), 50) << "nobody wanted theirs";

  EXPECT_EQ(shop({"--burst", "none"}).exit_code, 2);
  EXPECT_EQ(shop({"--burst", "5@9", "--seconds", "3"}).exit_code, 2);
  EXPECT_EQ(shop({"--seconds", "0", "--burst", "5"}).exit_code, 2);
  EXPECT_EQ(cluster_.depot({"shop", "--manufacturer", "nobody", "--customers", "1"}).exit_code, 1);
}

TEST_F(ShopTest, ShoppersOfDepotUpComeBackAndGoWithTheirKey) {
  start("production:\n  - {sku: tea, batch: 5, every: 200ms, pause_at: 20}\n",
        {{"demo.shoppers", "20"}});
  const auto buy = [this] { return shoppers("placed") > 3; };
  EXPECT_TRUE(wait_until(60s, buy, "shoppers buy", [&] { return cluster_.logs(); }));
  EXPECT_THAT(cluster_.depot({"status"}).out, HasSubstr("shoppers"));
  const auto before = cluster_.pids("depot");
  ASSERT_EQ(before.size(), 1u);
  cluster_.kill("depot");
  EXPECT_TRUE(wait_until(
      60s, [&] { return cluster_.pids("depot") != before && buy(); }, "they come back and buy",
      [&] { return cluster_.logs(); }));

  // Whatever dies under them, they go on.
  for (const char* victim : {"depot-gateway", "redis-server"}) cluster_.kill(victim);
  const std::int64_t placed = shoppers("placed");
  EXPECT_TRUE(wait_until(
      60s, [&] { return shoppers("placed") > placed + 5; }, "they go on buying",
      [&] { return cluster_.logs(); }));

  cluster_.rewrite_config({{"demo.shoppers", "0"}});
  EXPECT_TRUE(wait_until(
      30s, [&] { return cluster_.pids("depot").empty(); }, "they go",
      [&] { return cluster_.logs(); }));
  EXPECT_EQ(cluster_.depot({"status", "--check"}).exit_code, 0);
  cluster_.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
