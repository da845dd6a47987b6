// Live stock: GET /v1/catalogue/stream of real gateways, as browsers use it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <csignal>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/event_stream.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr std::string_view kPath = "/v1/catalogue/stream";

class StreamsTest : public testing::Test {
 protected:
  void start() {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 1'000, .unit_price = "12.99"},
                     {.manufacturer = "m1", .sku = "b", .offered = 1},
                     {.manufacturer = "m1", .sku = "gone", .offered = 0}});
  }
  HttpReply get(std::string_view target, std::string_view method = "GET") {
    return HttpClient(cluster_.port()).request(method, target);
  }
  void expect_unavailable(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.problem(), "unavailable");
    EXPECT_GE(std::stoi(reply.header("retry-after")), 1);
  }

  Cluster cluster_{{"gateway.streams_max", "3"}, {"gateway.stream_heartbeat", "1s"}};
};

TEST_F(StreamsTest, BeginsWithASnapshotAndTellsEachSaleInTime) {
  start();
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:b", 1}}, unique("key")).status, 201);
  ASSERT_TRUE(wait_until(
      10s, [&] { return available(cluster_.port(), "m1:b") == 0; }, "it is sold out"));
  EventStream stream(cluster_.port());
  EXPECT_EQ(stream.head().header("content-type"), "text/event-stream");
  EXPECT_EQ(stream.head().header("cache-control"), "no-store");
  EXPECT_EQ(stream.head().header("x-accel-buffering"), "no");
  EXPECT_EQ(stream.head().header("content-length"), "");
  const auto snapshot = stream.next();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->type, "snapshot");
  EXPECT_THAT(snapshot->last_id, testing::MatchesRegex("[A-Za-z0-9]+-[0-9]+"));
  EXPECT_EQ(snapshot->json().at("items"), json::parse(R"([
      {"offer_id":"m1:a","available":1000,"unit_price":{"amount_minor":1299,"currency":"EUR"}},
      {"offer_id":"m1:b","available":0,"unit_price":{"amount_minor":1000,"currency":"EUR"}}])"));
  EXPECT_EQ(snapshot->json().at("cycle").at("state"), "open");
  EXPECT_GE(std::stoi(stream.retry()), 2'000);
  EXPECT_LE(std::stoi(stream.retry()), 5'000);

  std::vector<std::int64_t> lags_ms;
  for (std::int64_t left = 999; left > 985; --left) {
    ASSERT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
    const auto bought = std::chrono::steady_clock::now();
    while (stream.available("m1:a", 5s).value_or(-1) > left) {
    }
    lags_ms.push_back((std::chrono::steady_clock::now() - bought) / 1ms);
  }
  std::ranges::sort(lags_ms);  // The last few are for sanitizers and a busy machine.
  EXPECT_LE(lags_ms[lags_ms.size() * 3 / 4], 500) << testing::PrintToString(lags_ms);
}

TEST_F(StreamsTest, ResumesBehindTheLastIdAndBeginsAnewBehindAnother) {
  start();
  std::string id;
  {
    EventStream stream(cluster_.port());
    ASSERT_TRUE(stream.next());
    id = stream.last_id();
  }
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
  EventStream back(cluster_.port(), id);
  std::int64_t left = 1'000;
  while (left > 999) {
    const auto missed = back.next();
    ASSERT_TRUE(missed);
    ASSERT_EQ(missed->type, "stock");
    EXPECT_NE(missed->last_id, id);
    if (missed->json().at("offer_id") == "m1:a") left = missed->json().at("available").as_int64();
  }

  EventStream stranger(cluster_.port(), "012345-1");
  const auto snapshot = stranger.next();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->type, "snapshot");
  EXPECT_EQ(snapshot->json().at("items").at(0).at("available"), 999);
}

TEST_F(StreamsTest, KeepsAQuietStreamAliveByComments) {
  start();
  EventStream stream(cluster_.port());
  ASSERT_TRUE(stream.next());
  EXPECT_TRUE(wait_until(
      10s, [&] { return !stream.next(100ms) && stream.comments() >= 2; }, "two heartbeats"));
}

TEST_F(StreamsTest, BeyondTheLimitItIs503AndAnEndMakesRoom) {
  start();
  EventStream first(cluster_.port()), second(cluster_.port());
  std::optional<EventStream> third(std::in_place, cluster_.port());
  expect_unavailable(get(kPath));
  EXPECT_TRUE(wait_until(
      5s, [&] { return cluster_.metric("depot_http_streams") == 3; }, "three are counted"));
  EXPECT_THAT(cluster_.depot({"status", "--json"}).out, testing::HasSubstr("\"streams\":3"));
  third.reset();
  EXPECT_TRUE(wait_until(
      5s,
      [&] {
        try {
          third.emplace(cluster_.port());
        } catch (const WireError&) {
        }
        return third.has_value();
      },
      "there is room again"));
}

TEST_F(StreamsTest, HeadIsAnsweredWithoutAStreamAndAQueryIsRefused) {
  start();
  for (int i = 0; i < 5; ++i) {  // more than streams_max
    const HttpReply head = get(kPath, "HEAD");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-type"), "text/event-stream");
  }
  EXPECT_EQ(get(std::string(kPath) + "?x=1").problem(), "malformed");
  EXPECT_EQ(get(kPath, "POST").header("allow"), "GET, HEAD");
}

TEST_F(StreamsTest, WithoutACatalogueItIs503) {
  Process gateway =
      Process::start({.arguments = {program("depot-gateway"), "--config", cluster_.config_path()},
                      .output_path = cluster_.folder() + "/gateway.log"});
  std::optional<HttpReply> reply;
  ASSERT_TRUE(wait_until(
      30s,
      [&] {
        try {
          reply = get(kPath);
        } catch (const WireError&) {
        }
        return reply.has_value();
      },
      "the gateway answers"));
  expect_unavailable(*reply);
  gateway.signal(SIGTERM);
  EXPECT_TRUE(gateway.wait(20s));
}

TEST_F(StreamsTest, AfterARestartOfTheGatewayItBeginsWithASnapshot) {
  start();
  EventStream stream(cluster_.port());
  ASSERT_TRUE(stream.next());
  cluster_.kill("depot-gateway");
  while (stream.next(10s)) {  // What was under way.
  }
  EXPECT_TRUE(stream.ended());
  std::optional<EventStream> back;
  ASSERT_TRUE(wait_until(
      30s,
      [&] {
        try {
          back.emplace(cluster_.port(), stream.last_id());
        } catch (const WireError&) {  // Not there yet, or without a catalogue.
        }
        return back.has_value();
      },
      "the gateway is back"));
  EXPECT_EQ(back->next()->type, "snapshot");
  EXPECT_NE(back->last_id(), stream.last_id());
}

TEST_F(StreamsTest, ADrainSaysByeWithATimeToComeBack) {
  start();
  EventStream stream(cluster_.port());
  ASSERT_TRUE(stream.next());
  cluster_.stop();
  const auto bye = stream.next();
  ASSERT_TRUE(bye);
  EXPECT_EQ(bye->type, "bye");
  EXPECT_GE(std::stoi(stream.retry()), 1'000);
  EXPECT_LE(std::stoi(stream.retry()), 5'000);
  EXPECT_FALSE(stream.next());
  EXPECT_TRUE(stream.ended());
}

TEST(SlowStreamTest, AClientThatDoesNotReadIsBoundedAndThenGetsAFreshSnapshot) {
  Cluster cluster{{"gateway.stream_buffer_max", "192KiB"}, {"gateway.write_deadline", "5m"}};
  cluster.start();
  std::vector<Offer> offers;
  for (int i = 0; i < 1'000; ++i) {
    offers.push_back({.manufacturer = "m1", .sku = "product-" + std::to_string(i)});
  }
  const std::string last = offers.back().id();
  const auto offer_all = [&](int count) {
    for (Offer& offer : offers) offer.offered = count;
    cluster.import(offers);
  };
  offer_all(1);
  EventStream slow(cluster.port()), quick(cluster.port());
  constexpr int kRounds = 9;
  for (int count = 2; count <= kRounds; ++count) {
    offer_all(count);
    while (quick.available(last, 20s).value_or(count) < count) {
    }
  }
  EXPECT_GE(cluster.metric("depot_stream_slow_total"), 1);

  int snapshots = 0;
  for (std::int64_t seen = 0; seen < kRounds;) {
    const auto event = slow.next();
    ASSERT_TRUE(event) << "it is left behind at " << seen;
    snapshots += event->type == "snapshot";
    const json::value told = event->json();
    const json::value& item = event->type == "snapshot" ? told.at("items").as_array().back() : told;
    if (item.at("offer_id").as_string() == last) seen = item.at("available").as_int64();
  }
  EXPECT_GE(snapshots, 2);
  EXPECT_LT(slow.bytes(), quick.bytes() * 3 / 4) << "what it did not take was not kept for it";
}

}  // namespace
}  // namespace depot::test
