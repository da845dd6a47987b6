// What anybody may read: the catalogue with its filters and pages, the cycle, the probes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

class CatalogueTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.start();
    std::vector<Offer> offers;
    for (int i = 0; i < 120; ++i) {
      offers.push_back({.manufacturer = i % 2 ? "odd" : "even",
                        .sku = "s" + std::to_string(100 + i),
                        .offered = i % 10,
                        .unit_price = std::to_string(200 - i) + ".50",
                        .name = "Thing " + std::to_string(100 + i)});
    }
    cluster_.import(offers);
  }

  HttpReply get(const std::string& target, const Headers& headers = {}) {
    return HttpClient(cluster_.port()).request("GET", target, "", headers);
  }
  // The named member of every item, over all pages.
  std::vector<std::string> all(const std::string& query, const std::string& member = "offer_id") {
    std::vector<std::string> found;
    std::string cursor;
    do {
      const json::value page = get("/v1/catalogue?limit=50" + query + cursor).json();
      for (const json::value& item : page.at("items").as_array()) {
        found.emplace_back(item.at(member).as_string());
      }
      const json::value& next = page.at("next_cursor");
      cursor = next.is_null() ? "" : "&cursor=" + std::string(next.as_string());
    } while (!cursor.empty());
    return found;
  }

  Cluster cluster_;
};

TEST_F(CatalogueTest, PagesShowEachOfferOnceAndHideWhatIsSoldOut) {
  const auto on_sale = all("");
  EXPECT_EQ(on_sale.size(), 108u);
  EXPECT_EQ(std::set(on_sale.begin(), on_sale.end()).size(), 108u);
  EXPECT_EQ(all("&include_sold_out=true").size(), 108u) << "0 offered is not on sale";
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"odd:s101", 1}}, unique("key")).status, 201);  // All that there is.
  EXPECT_TRUE(wait_until(
      10s, [&] { return all("").size() == 107; }, "what is sold out is hidden"));
  EXPECT_EQ(all("&include_sold_out=true").size(), 108u);
}

TEST_F(CatalogueTest, FiltersAndSorts) {
  for (const std::string& id : all("&manufacturer=odd", "manufacturer_id")) EXPECT_EQ(id, "odd");
  EXPECT_EQ(all("&manufacturer=nobody").size(), 0u);
  EXPECT_THAT(all("&q=thing%20201"), testing::ElementsAre("odd:s201"));
  const auto by_name = all("&sort=name", "name");
  EXPECT_TRUE(std::is_sorted(by_name.begin(), by_name.end()));
  const json::value cheapest = get("/v1/catalogue?sort=price&limit=1").json();
  EXPECT_EQ(cheapest.at("items").at(0).at("offer_id"), "odd:s219");
  const json::value dearest = get("/v1/catalogue?sort=-price&limit=1").json();
  EXPECT_EQ(dearest.at("items").at(0).at("offer_id"), "odd:s101");
}

TEST_F(CatalogueTest, UnchangedCatalogueIs304AndASaleChangesItsTag) {
  const HttpReply first = get("/v1/catalogue");
  const std::string tag = first.header("etag");
  ASSERT_FALSE(tag.empty());
  EXPECT_EQ(get("/v1/catalogue", {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(get("/v1/catalogue", {{"If-None-Match", "\"old\", W/" + tag}}).status, 304);
  EXPECT_EQ(get("/v1/catalogue", {{"If-None-Match", tag + "garbage"}}).status, 200);
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"odd:s101", 1}}, unique("key")).status, 201);
  EXPECT_TRUE(wait_until(
      5s,
      [&] {
        return get("/v1/catalogue", {{"If-None-Match", tag}}).status == 200;
      },
      "a new tag"));
}

TEST_F(CatalogueTest, CycleManufacturersAndProbesAnswer) {
  const json::value cycle = get("/v1/cycle").json();
  EXPECT_EQ(cycle.at("state"), "open");
  EXPECT_EQ(get("/v1/manufacturers").json().at("items").as_array().size(), 2u);
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/readyz").status, 200);
  const HttpReply document = get("/openapi.yaml");
  EXPECT_EQ(document.status, 200);
  EXPECT_THAT(document.body, testing::StartsWith("openapi: 3.1"));
  const HttpReply head = HttpClient(cluster_.port()).request("HEAD", "/v1/catalogue");
  EXPECT_EQ(head.status, 200);
  EXPECT_FALSE(head.header("content-length").empty());
}

TEST_F(CatalogueTest, EveryProblemOfTheListHasAPage) {
  for (const char* name : {"malformed", "unauthenticated", "insufficient_stock", "unavailable"}) {
    EXPECT_EQ(get(std::string("/problems/") + name).status, 200) << name;
  }
  EXPECT_EQ(get("/problems/nothing").status, 404);
}

}  // namespace
}  // namespace depot::test
