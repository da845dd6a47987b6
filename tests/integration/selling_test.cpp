// The classic defects of shops like this one, each held down by a test named after what it
// prevents.
//
// Source: a review of the shop that Depot re-implements; S1 to S11 are that review's numbers.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <set>
#include <thread>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr auto kCatalogueLag = 5s;  // 500 ms promised; the rest is for a loaded machine

testing::AssertionResult becomes_available(const Cluster& cluster, const std::string& offer,
                                           std::int64_t units) {
  return wait_until(
      kCatalogueLag, [&] { return available(cluster.port(), offer) == units; },
      offer + " has " + std::to_string(units) + " available",
      [&] { return "it has " + std::to_string(available(cluster.port(), offer)); });
}

std::string order_id(const HttpReply& reply) {
  return std::string(reply.json().at("order_id").as_string());
}

std::int64_t minor(const json::value& money) { return money.at("amount_minor").as_int64(); }

TEST(SellingTest, S01ConcurrentBuyersNeverOversell) {
  Cluster cluster{{"workers.count", "3"}};
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "last", .offered = 50}});

  constexpr int kBuyers = 8, kOrdersEach = 25;
  std::atomic<int> placed{0}, refused{0}, other{0};
  std::vector<std::jthread> buyers;
  for (int b = 0; b < kBuyers; ++b) {
    buyers.emplace_back([&] {
      Customer customer(cluster.port());
      for (int i = 0; i < kOrdersEach; ++i) {
        const HttpReply reply = customer.buy({{"m1:last", 1}}, unique("key"));
        if (reply.status == 201) {
          ++placed;
        } else if (reply.problem() == "insufficient_stock") {
          ++refused;
        } else {
          ++other;
        }
      }
    });
  }
  buyers.clear();  // joins

  EXPECT_EQ(placed, 50);
  EXPECT_EQ(refused, kBuyers * kOrdersEach - 50);
  EXPECT_EQ(other, 0);
  EXPECT_TRUE(becomes_available(cluster, "m1:last", 0));
  cluster.expect_clean_audit();
}

TEST(SellingTest, S02ShortCartBuysNothingAndARetryDoesNotBuyTwice) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "plenty", .offered = 100},
                  {.manufacturer = "m2", .sku = "scarce", .offered = 3}});
  Customer customer(cluster.port()), rival(cluster.port());
  ASSERT_EQ(customer.add_to_cart("m1:plenty", 5).status, 200);
  const HttpReply filled = customer.add_to_cart("m2:scarce", 3);
  ASSERT_EQ(filled.status, 200);
  ASSERT_EQ(rival.buy({{"m2:scarce", 2}}, unique("key")).status, 201);

  const std::int64_t version = filled.json().at("cart_version").as_int64();
  const HttpReply refused = customer.buy_cart(version, unique("key"));
  ASSERT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.problem(), "insufficient_stock");
  const json::value items = refused.json().at("items");
  ASSERT_EQ(items.as_array().size(), 1u) << refused.body;
  EXPECT_EQ(items.at(0).at("offer_id"), "m2:scarce");
  EXPECT_EQ(items.at(0).at("requested"), 3);
  EXPECT_EQ(items.at(0).at("available"), 1);
  EXPECT_EQ(items.at(0).at("problem"), "short");
  EXPECT_EQ(available(cluster.port(), "m1:plenty"), 100);

  const HttpReply mended =
      customer.request("PUT", "/v1/cart/lines/m2:scarce", R"({"quantity": 1})");
  ASSERT_EQ(mended.status, 200) << mended.body;
  const std::int64_t mended_version = mended.json().at("cart_version").as_int64();
  const std::string key = unique("key");
  ASSERT_EQ(customer.buy_cart(mended_version, key).status, 201);
  const HttpReply again = customer.buy_cart(mended_version, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  const HttpReply stale = customer.buy_cart(mended_version, unique("key"));
  EXPECT_GE(stale.status, 400) << stale.body;

  EXPECT_TRUE(customer.cart().json().at("lines").as_array().empty());
  EXPECT_TRUE(becomes_available(cluster, "m1:plenty", 95));
  EXPECT_TRUE(becomes_available(cluster, "m2:scarce", 0));
  EXPECT_EQ(customer.orders().size(), 1u);
  cluster.expect_clean_audit();
}

TEST(SellingTest, S03DoubleSubmitAtTwoGatewaysBuysOnce) {
  Cluster cluster{{"gateway.count", "2"}};
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 1000}});
  Customer first(cluster.port(0));
  Customer second = first;  // the same session in two tabs
  second.use_gateway(cluster.port(1));

  constexpr int kOrders = 20;
  for (int i = 0; i < kOrders; ++i) {
    const std::string key = unique("key");
    HttpReply one, two;
    {
      std::jthread other([&] { two = second.buy({{"m1:a", 2}}, key); });
      one = first.buy({{"m1:a", 2}}, key);
    }
    ASSERT_EQ(one.status, 201) << one.body;
    ASSERT_EQ(two.status, 201) << two.body;
    EXPECT_EQ(order_id(one), order_id(two));
    EXPECT_NE(one.header("idempotency-replayed"), two.header("idempotency-replayed"));
  }
  EXPECT_EQ(first.orders().size(), std::size_t{kOrders});
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 1000 - 2 * kOrders));
  cluster.expect_clean_audit();
}

TEST(SellingTest, S04BuyingTheSameProductAgainIsASecondOrder) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10}});
  Customer customer(cluster.port());
  const HttpReply first = customer.buy({{"m1:a", 1}}, unique("key"));
  const HttpReply second = customer.buy({{"m1:a", 2}}, unique("key"));
  ASSERT_EQ(first.status, 201) << first.body;
  ASSERT_EQ(second.status, 201) << second.body;
  EXPECT_NE(order_id(first), order_id(second));
  const auto orders = customer.orders();
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].at("order_id").as_string(), order_id(second)) << "newest first";
  EXPECT_EQ(orders[0].at("status"), "paid");
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 7));
}

TEST(SellingTest, S05RefreshedOfferDoesNotForgetWhatWasSold) {
  Cluster cluster;
  cluster.start();
  const Offer offer{.manufacturer = "m1", .sku = "a", .offered = 10};
  cluster.import({offer});
  Customer customer(cluster.port());
  ASSERT_EQ(customer.buy({{"m1:a", 4}}, unique("key")).status, 201);

  cluster.import({offer});  // the same total again
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 6));
  EXPECT_EQ(customer.buy({{"m1:a", 7}}, unique("key")).problem(), "insufficient_stock");

  Offer raised = offer;
  raised.offered = 15;
  cluster.import({raised});
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 11));

  Offer lowered = offer;
  lowered.offered = 2;  // below the 4 sold: nothing left, and never negative
  cluster.import({lowered});
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 0));
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 409);
  cluster.expect_clean_audit();
}

TEST(SellingTest, S06OfferOfZeroIsWithdrawnAndCanComeBack) {
  Cluster cluster;
  cluster.start();
  Offer offer{.manufacturer = "m1", .sku = "a", .offered = 10};
  cluster.import({offer});
  ASSERT_TRUE(becomes_available(cluster, "m1:a", 10));

  Customer customer(cluster.port());
  const HttpReply bought = customer.buy({{"m1:a", 4}}, unique("key"));
  ASSERT_EQ(bought.status, 201) << bought.body;
  const auto listed = [&] {
    return HttpClient(cluster.port()).request("GET", "/v1/catalogue?include_sold_out=true").json();
  };
  offer.offered = 0;
  cluster.import({offer});  // It returns once no gateway lists it.
  EXPECT_TRUE(listed().at("items").as_array().empty()) << listed();
  EXPECT_EQ(available(cluster.port(), "m1:a"), 0) << "and whoever bought it finds it";
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 409);

  offer.offered = 6;
  cluster.import({offer});
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 2)) << "four of them are sold";
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
  cluster.expect_clean_audit();
}

TEST(SellingTest, S08HistoryShowsThePricePaid) {
  Cluster cluster;
  cluster.start();
  Offer offer{.manufacturer = "m1", .sku = "a", .offered = 10, .unit_price = "12.99"};
  cluster.import({offer});
  Customer customer(cluster.port());
  const HttpReply bought = customer.buy({{"m1:a", 2}}, unique("key"));
  ASSERT_EQ(bought.status, 201) << bought.body;

  offer.unit_price = "15.50";
  cluster.import({offer});
  const auto price_now = [&] {
    const HttpReply item = HttpClient(cluster.port()).request("GET", "/v1/catalogue/m1:a");
    return minor(item.json().at("unit_price"));
  };
  ASSERT_TRUE(wait_until(
      kCatalogueLag, [&] { return price_now() == 1550; }, "the new price"));
  const HttpReply shown = customer.request("GET", "/v1/orders/" + order_id(bought));
  ASSERT_EQ(shown.status, 200);
  EXPECT_EQ(minor(shown.json().at("lines").at(0).at("unit_price")), 1299);
  EXPECT_EQ(minor(shown.json().at("total")), 2598);

  // A purchase that names the price it saw is never charged another one silently.
  const HttpReply changed = customer.request("POST", "/v1/orders",
                                             R"({"lines": [{"offer_id": "m1:a", "quantity": 1,
                     "unit_price": {"amount_minor": 1299, "currency": "EUR"}}]})",
                                             {{"Idempotency-Key", unique("key")}});
  EXPECT_EQ(changed.status, 409) << changed.body;
  EXPECT_EQ(changed.problem(), "price_changed");
}

TEST(SellingTest, S09MergedCartQuantityIsCappedAtTheStock) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 5}});
  Customer customer(cluster.port());
  ASSERT_EQ(customer.add_to_cart("m1:a", 3).status, 200);
  const HttpReply merged = customer.add_to_cart("m1:a", 3);
  EXPECT_EQ(merged.status, 409) << merged.body;
  EXPECT_EQ(merged.problem(), "insufficient_stock");
  EXPECT_EQ(merged.json().at("items").at(0).at("available"), 5);
  const json::value lines = customer.cart().json().at("lines");
  ASSERT_EQ(lines.as_array().size(), 1u);
  EXPECT_EQ(lines.at(0).at("quantity"), 3);
  EXPECT_EQ(customer.add_to_cart("m1:a", 2).status, 200);
}

TEST(SellingTest, S11AmountsAreStoredWithTheOrder) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10, .unit_price = "0.99"},
                  {.manufacturer = "m2", .sku = "b", .offered = 10, .unit_price = "1000000.00"}});
  Customer customer(cluster.port());
  const HttpReply bought = customer.buy({{"m1:a", 3}, {"m2:b", 7}}, unique("key"));
  ASSERT_EQ(bought.status, 201) << bought.body;
  EXPECT_EQ(bought.header("location"), "/v1/orders/" + order_id(bought));
  const auto orders = customer.orders();
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(minor(orders[0].at("total")), 3 * 99 + 7 * 100'000'000LL);
  EXPECT_EQ(orders[0].at("total").at("currency"), "EUR");
  EXPECT_EQ(orders[0].at("lines").as_array().size(), 2u);
}

TEST(SellingTest, ModeAvailableSellsWhatIsThereAndNamesTheRest) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 3, .name = "Tea"},
                  {.manufacturer = "m2", .sku = "b", .offered = 9, .name = "Tea"}});
  Customer customer(cluster.port());
  const HttpReply bought = customer.buy({{"m1:a", 5}}, unique("key"), "available");
  ASSERT_EQ(bought.status, 201) << bought.body;
  const json::value order = bought.json();
  EXPECT_EQ(order.at("lines").at(0).at("quantity"), 3);
  ASSERT_EQ(order.at("refused").as_array().size(), 1u);
  EXPECT_EQ(order.at("refused").at(0).at("requested"), 5);
  EXPECT_EQ(order.at("refused").at(0).at("alternatives").at(0).at("offer_id"), "m2:b");

  const HttpReply none = customer.buy({{"m1:a", 1}}, unique("key"), "available");
  EXPECT_EQ(none.status, 409);
  EXPECT_EQ(none.problem(), "insufficient_stock");
  cluster.expect_clean_audit();
}

TEST(SellingTest, CancelReturnsTheStockOnce) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 3}});
  Customer customer(cluster.port()), stranger(cluster.port());
  const HttpReply bought = customer.buy({{"m1:a", 3}}, unique("key"));
  ASSERT_EQ(bought.status, 201);
  const std::string path = "/v1/orders/" + order_id(bought) + "/cancel";
  EXPECT_EQ(stranger.request("POST", path).status, 404);
  for (int i = 0; i < 2; ++i) {
    const HttpReply cancelled = customer.request("POST", path);
    ASSERT_EQ(cancelled.status, 200) << cancelled.body;
    EXPECT_EQ(cancelled.json().at("status"), "cancelled");
  }
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 3));
  cluster.expect_clean_audit();
}

TEST(SellingTest, SameKeyThreeTimesAtOnceIsOneOrder) {
  Cluster cluster{{"workers.count", "3"}};
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 60}});
  const Customer customer(cluster.port());
  for (int round = 0; round < 20; ++round) {
    const std::string key = unique("key");
    std::vector<HttpReply> replies(3);
    {
      std::vector<std::jthread> senders;
      for (HttpReply& reply : replies) {
        senders.emplace_back([&] { reply = Customer(customer).buy({{"m1:a", 1}}, key); });
      }
    }
    std::set<std::string> ids;
    int fresh = 0;
    for (const HttpReply& reply : replies) {
      ASSERT_EQ(reply.status, 201) << reply.body;
      ids.insert(order_id(reply));
      fresh += reply.header("idempotency-replayed").empty();
    }
    EXPECT_EQ(ids.size(), 1u);
    EXPECT_EQ(fresh, 1);
  }
  EXPECT_TRUE(becomes_available(cluster, "m1:a", 40));
  const HttpReply reused = Customer(customer).buy({{"m1:a", 2}}, "one-key");
  ASSERT_EQ(reused.status, 201);
  EXPECT_EQ(Customer(customer).buy({{"m1:a", 3}}, "one-key").problem(), "idempotency_key_reused");
  EXPECT_EQ(Customer(customer).buy({{"m1:a", 0}}, "one-key").problem(), "idempotency_key_reused")
      << "the key is judged before the values";
  EXPECT_EQ(Customer(customer).buy({{"m1:a", 0}}, "new-key").problem(), "invalid");
  const HttpReply unknown =
      Customer(customer).buy({{"m1:a", 1}, {"m9:x", 1}, {"m0:x", 1}}, "new-key");
  EXPECT_EQ(unknown.problem(), "unknown_offer");
  EXPECT_EQ(unknown.json().at("errors").at(0).at("pointer"), "/lines/2/offer_id") << unknown.body;
  EXPECT_EQ(unknown.json().at("errors").at(1).at("pointer"), "/lines/1/offer_id") << unknown.body;
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
