// The slice: one purchase through every process, from the customer's request to the manufacturer's
// books. The first test to look at when something is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <csignal>
#include <sstream>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

// A cluster with one manufacturer's agent, run by `depot up` as a demo manufacturer is.
class SliceTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(cluster_.folder() + "/alder.csv",
               "sku,name,unit_price,offered\ntea,Green tea,1.99,100\nmug,Mug,5.00,10\n");
    write_file(cluster_.folder() + "/alder.yml",
               "id: alder\nname: Alder Mill\ncatalogue: alder.csv\n");
    cluster_.rewrite_config({{"demo.catalogues", "[alder.yml]"}});
    cluster_.start();
    EXPECT_TRUE(wait_until(
        20s, [&] { return available(cluster_.port(), "alder:tea") == 100; },
        "the agent's offer stands in the catalogue", [&] { return cluster_.logs(); }));
  }

  // What the agent itself says of a sku: GET /status on its admin socket.
  json::value agents_view(const std::string& sku) const {
    for (const auto& socket : admin_sockets()) {
      try {
        Wire wire(socket);
        wire.send("GET /status HTTP/1.1\r\nHost: admin\r\n\r\n");
        const json::value status = wire.read_reply(5s).json();
        const json::value* skus = status.as_object().if_contains("skus");
        if (!skus) continue;
        for (const json::value& row : skus->as_array()) {
          if (row.at("sku").as_string() == sku) return row;
        }
      } catch (const WireError&) {  // It is being restarted: asked again by who waits.
      }
    }
    return {};
  }
  std::int64_t agents_sold(const std::string& sku) const {
    const json::value row = agents_view(sku);
    return row.is_object() ? row.at("sold").as_int64() : -1;
  }
  // How often the agent kept a sale of this order.
  std::size_t times_kept(const std::string& order) const {
    std::size_t count = 0;
    for (const std::string& line : kept_lines()) {
      if (line.find("\"sold\"") != std::string::npos)
        count += line.find(order) != std::string::npos;
    }
    return count;
  }

  std::vector<std::string> admin_sockets() const;
  std::vector<std::string> kept_lines() const;
  Cluster cluster_;
};

std::vector<std::string> SliceTest::admin_sockets() const {
  return files_below(cluster_.folder() + "/run/admin", ".sock");
}

std::vector<std::string> SliceTest::kept_lines() const {
  std::vector<std::string> lines;
  for (const std::string& path : files_below(cluster_.folder(), ".jsonl")) {
    std::istringstream text(read_file(path));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
  }
  return lines;
}

TEST_F(SliceTest, PurchaseTravelsFromHttpToStockAndToTheManufacturer) {
  Customer customer(cluster_.port());
  const HttpReply bought = customer.buy({{"alder:tea", 3}, {"alder:mug", 1}}, "the-key");
  ASSERT_EQ(bought.status, 201) << bought.body;
  const json::value order = bought.json();
  const std::string id(order.at("order_id").as_string());
  EXPECT_EQ(order.at("status"), "paid");
  EXPECT_EQ(order.at("total").at("amount_minor"), 3 * 199 + 500);
  EXPECT_EQ(order.at("lines").at(0).at("manufacturer_name"), "Alder Mill");
  EXPECT_EQ(bought.header("idempotency-replayed"), "");

  // 500 ms are promised; asked of a sanitizer build on a busy machine, so the bound is wider here.
  EXPECT_TRUE(wait_until(
      2s, [&] { return available(cluster_.port(), "alder:tea") == 97; }, "stock falls"));
  EXPECT_TRUE(wait_until(
      5s, [&] { return agents_sold("tea") == 3 && agents_sold("mug") == 1; }, "the agent is told",
      [&] { return json::serialize(agents_view("tea")); }));
  EXPECT_EQ(times_kept(id), 1u);
  EXPECT_THAT(cluster_.logs(), testing::HasSubstr("sold 3 x Green tea"));

  const HttpReply again = customer.buy({{"alder:tea", 3}, {"alder:mug", 1}}, "the-key");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(again.body, bought.body);
  EXPECT_EQ(customer.orders().size(), 1u);
  EXPECT_EQ(available(cluster_.port(), "alder:tea"), 97);
  cluster_.expect_clean_audit();
}

// S7: the shop that this one replaces called the manufacturer while the customer waited.
TEST_F(SliceTest, S07ManufacturerThatIsDownStopsNoSaleAndIsToldOnceLater) {
  const std::vector<pid_t> agents = cluster_.pids("depot-manufacturer");
  ASSERT_EQ(agents.size(), 1u);
  cluster_.supervisor().signal(SIGSTOP);  // Or the agent would be back at once.
  cluster_.kill("depot-manufacturer");
  Customer customer(cluster_.port());
  const HttpReply bought = customer.buy({{"alder:tea", 5}}, unique("key"));
  ASSERT_EQ(bought.status, 201) << bought.body;
  const std::string id(bought.json().at("order_id").as_string());
  EXPECT_EQ(times_kept(id), 0u);
  cluster_.supervisor().signal(SIGCONT);

  EXPECT_TRUE(wait_until(
      20s, [&] { return agents_sold("tea") == 5; }, "the agent is told"));
  EXPECT_EQ(times_kept(id), 1u);
  EXPECT_EQ(available(cluster_.port(), "alder:tea"), 95) << "its restart restates the same offer";

  cluster_.kill("depot-manufacturer");  // It comes back and knows what it was told.
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const auto now = cluster_.pids("depot-manufacturer");
        return now.size() == 1 && now != agents && agents_sold("tea") == 5;
      },
      "the agent is back"));
  EXPECT_EQ(times_kept(id), 1u) << "told twice";
  cluster_.expect_clean_audit();
}

TEST_F(SliceTest, ChangedCatalogueFileIsANewOffer) {
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"alder:tea", 10}}, unique("key")).status, 201);
  write_file(cluster_.folder() + "/alder.csv",
             "sku,name,unit_price,offered\ntea,Green tea,2.50,150\nnew,New thing,7.00,7\n");
  EXPECT_TRUE(wait_until(
      10s, [&] { return available(cluster_.port(), "alder:tea") == 140; }, "the raised total"));
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster_.port(), "alder:new") == 7; }, "the new product"));
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster_.port(), "alder:mug") == 0; }, "the mug is withdrawn"));
  write_file(cluster_.folder() + "/alder.csv",  // Another name, and nothing else.
             "sku,name,unit_price,offered\ntea,Grey tea,2.50,150\nnew,New thing,7.00,7\n");
  const auto shown = [&] {
    return HttpClient(cluster_.port()).request("GET", "/v1/catalogue/alder:tea").json();
  };
  EXPECT_TRUE(wait_until(
      5s, [&] { return shown().at("name").as_string() == "Grey tea"; }, "the new name"));
  EXPECT_EQ(available(cluster_.port(), "alder:tea"), 140);
  cluster_.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
