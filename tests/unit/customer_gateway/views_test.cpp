#include "customer_gateway/views.hpp"

#include <gtest/gtest.h>

#include "customer_gateway/catalogue.hpp"
#include "customer_gateway/exchange.hpp"

namespace depot::customer_gateway {
namespace {

const Catalogue kCatalogue{{{"m:a", "Apple", 100, 0, false}, {"n:a", "Apple", 120, 3, false}},
                           {{"m", "Maker"}, {"n", "Next"}}};

template <typename T>
std::string json_of(const T& view) {
  JsonWriter json("EUR");
  write(json, view);
  return json.take();
}

TEST(ViewsTest, OrderIsJoinedWithNamesAndAddedUp) {
  protocol::OrderView order;
  order.order_id = "AAAAAAAAAAAAAAAA";
  order.row.placed_at_ms = 1'700'000'000'042;
  order.row.cycle = "2026-11";
  order.row.parts = {{"m", 1, 5}, {"gone", 1, 6}};
  order.row.lines = {{0, "a", 2, 100}, {1, "x", 1, 50}};
  order.row.refused = {{"m:a", 5, 2, protocol::LineProblem::short_}};
  order.statuses = {protocol::PartStatus::shipped, protocol::PartStatus::paid};
  EXPECT_EQ(json_of(view_of(order, kCatalogue)),
            R"({"order_id":"AAAAAAAAAAAAAAAA","placed_at":"2023-11-14T22:13:20.042Z",)"
            R"("cycle_id":"2026-11","status":"paid","total":{"amount_minor":250,"currency":"EUR"},)"
            R"("lines":[{"offer_id":"m:a","name":"Apple","manufacturer_name":"Maker","quantity":2,)"
            R"("unit_price":{"amount_minor":100,"currency":"EUR"},"status":"shipped"},)"
            R"({"offer_id":"gone:x","name":"x","manufacturer_name":"gone","quantity":1,)"
            R"("unit_price":{"amount_minor":50,"currency":"EUR"},"status":"paid"}],)"
            R"("refused":[{"offer_id":"m:a","requested":5,"available":2,"problem":"short",)"
            R"("alternatives":[{"offer_id":"n:a","manufacturer_name":"Next",)"
            R"("unit_price":{"amount_minor":120,"currency":"EUR"},"available":3}]}]})");
}

TEST(ViewsTest, CartTotalCountsWhatCanBeBought) {
  using enum protocol::LineProblem;
  const protocol::Cart cart{
      .version = 4,
      .lines = {{"m:a", 1, 100, 100, 0, sold_out}, {"n:a", 2, 110, 120, 3, price_changed}}};
  const CartView view = view_of(cart, kCatalogue);
  EXPECT_EQ(view.total, 240);
  EXPECT_NE(json_of(view).find(R"("available":0,"problem":"sold_out")"), std::string::npos);
  EXPECT_NE(json_of(view).find(R"("seen_price":{"amount_minor":110,"currency":"EUR"})"),
            std::string::npos);
}

TEST(ViewsTest, AManufacturersOwnAddUp) {
  const OwnOfferView offer{{"m:a", 100, 3, 12, 2, 8, 5}, "Apple"};
  EXPECT_EQ(json_of(offer), R"({"offer_id":"m:a","sku":"a","name":"Apple",)"
                            R"("unit_price":{"amount_minor":100,"currency":"EUR"},"wanted":3,)"
                            R"("offered":12,"sold":8,"cut":2,"available":2,"shortage":5,)"
                            R"("refused":5})");
  using protocol::LedgerKind;
  const SaleView sale{{1, 7, LedgerKind::cancelled, 1'700'000'000'042, "ORDER", "a", 2, 100},
                      "Apple"};
  EXPECT_EQ(json_of(SaleList{{sale}, "1-7-1"}),
            R"({"items":[{"entry":"1-7","kind":"cancelled","at":"2023-11-14T22:13:20.042Z",)"
            R"("order_id":"ORDER","sku":"a","name":"Apple","quantity":2,)"
            R"("unit_price":{"amount_minor":100,"currency":"EUR"}}],"next_cursor":"1-7-1"})");
}

TEST(ViewsTest, FailuresBecomeProblems) {
  Failure failure{.problem = protocol::Problem::insufficient_stock, .verdict = true};
  failure.items.push_back(
      view_of(protocol::LineVerdict{"m:a", 2, 0, protocol::LineProblem::sold_out}, kCatalogue));
  failure.removed = {"m:a"};
  failure.replayed = true;
  const http::Response response = response_of(failure, "EUR");
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_NE(response.body.find(R"("type":"/problems/insufficient_stock")"), std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(R"("items":[{"offer_id":"m:a","requested":2,"available":0,)"),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(R"("removed":["m:a"])"), std::string::npos);
  const std::pair<std::string, std::string> replayed("Idempotency-Replayed", "true");
  EXPECT_EQ(std::ranges::count(response.headers, replayed), 1);
  const http::Response closed =
      response_of({.problem = protocol::Problem::cycle_closed, .verdict = true}, "EUR");
  EXPECT_NE(closed.body.find(R"("items":[])"), std::string::npos) << closed.body;
  const http::Response busy = response_of({.problem = protocol::Problem::unavailable}, "EUR");
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.headers.back().first, "Retry-After");
  const http::Response slow =
      response_of({.problem = protocol::Problem::rate_limited, .retry_after_ms = 61'001}, "EUR");
  EXPECT_EQ(slow.headers.back().second, "62");
}

}  // namespace
}  // namespace depot::customer_gateway
