// More than Depot can do, of everybody and of one alone: it does what it can, says no at once to
// the rest, and nobody pays for what another one does.
#include <boost/json.hpp>
#include <thread>

#include "bench/offer_flood.hpp"
#include "messaging/poller.hpp"
#include "tests/integration/overload_fixture.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using bench::FloodReport;

constexpr double kOthersPerSecond = 20;
constexpr double kOthersMsMax = 2'000;  // with sanitizers, and other tests beside it

TEST_F(OverloadTest, TenTimesWhatAPinnedBackEndDoesIsRefusedAndForgotten) {
  expect_overload_is_refused_and_forgotten({.pin = 3s, .before = 1s, .overload = 4s, .after = 6s});
}

TEST_F(OverloadTest, ACustomerWhoFloodsTakesNothingFromOthers) {
  start(kDiskBytes);
  const Crowd others = crowd_of(10);
  const Crowd one = crowd_of(1);
  auto flooding = flood_meanwhile(one, 600, 1'000, 5s);
  const FloodReport beside = flood(others, 50, kOthersPerSecond, 4s);
  const FloodReport flooded = flooding.get();
  expect_all_placed(beside);
  EXPECT_LT(beside.milliseconds(201, 0.99), kOthersMsMax);
  expect_placed_or_refused(flooded);
  EXPECT_GT(flooded.count(503), flooded.count(201));
  EXPECT_GT(flooded.count(201), beside.count(201)) << "what the others leave is the flood's";
  expect_what_was_told();
}

TEST_F(OverloadTest, AManufacturerWhoFloodsTakesNothingFromOthers) {
  start(0);
  const Crowd others = crowd_of(10);
  std::atomic<std::uint64_t> written{0};
  std::jthread flooding([&](const std::stop_token& stop) {
    messaging::Context context;
    bench::OfferFlood flood(context, cluster_.config().hub_sync_endpoint(), "flooder", 200);
    messaging::Poller poller;  // Paces.
    while (!stop.stop_requested()) {
      flood.turn(steady_now());
      written = flood.written();
      poller.wait(1ms);
    }
  });
  ASSERT_TRUE(wait_until(
      20s, [&] { return written > 10; }, "the flood has begun"));
  const FloodReport beside = flood(others, 50, kOthersPerSecond, 4s);
  expect_all_placed(beside);
  EXPECT_LT(beside.milliseconds(201, 0.99), kOthersMsMax);
  // Another manufacturer is heard meanwhile.
  cluster_.import({{.manufacturer = "m2", .sku = "new", .offered = 7}});
  EXPECT_TRUE(wait_until(
      10s, [&] { return available(cluster_.port(), "m2:new") == 7; }, "it is on sale"));
  flooding.request_stop();
  flooding.join();
  expect_what_was_told();
}

TEST_F(OverloadTest, AFloodOfLogInsSlowsNoPurchase) {
  cluster_.rewrite_config({{"accounts.failed_logins_per_account_max", "1000000"},
                           {"accounts.failed_logins_per_address_max", "1000000"},
                           {"accounts.failed_logins_from_anywhere_max", "1000000"},
                           {"accounts.password_passes", "2"},  // as by default
                           {"accounts.password_memory", "19MiB"}});
  start(0);
  const Crowd others = crowd_of(10);
  Crowd log_ins;
  for (int i = 0; i < 4; ++i) {
    const std::string email = Customer(cluster_.port(), false).email();
    for (const char* password : {kPassword, "not the one"}) {
      log_ins.requests.push_back(post(
          "/v1/sessions",
          boost::json::serialize(boost::json::object{{"email", email}, {"password", password}})));
    }
  }
  auto flooding = flood_meanwhile(log_ins, 100, 0, 5s);
  const FloodReport beside = flood(others, 50, kOthersPerSecond, 4s);
  const FloodReport flooded = flooding.get();
  expect_all_placed(beside);
  EXPECT_LT(beside.milliseconds(201, 0.99), kOthersMsMax);
  EXPECT_EQ(flooded.unanswered, 0u);
  EXPECT_EQ(flooded.without_retry_after, 0u);
  EXPECT_GT(flooded.count(201), 0u) << "some are let in all the same";
  EXPECT_EQ(flooded.total(), flooded.count(201) + flooded.count(401) + flooded.count(503))
      << boost::json::serialize(json_of(flooded));
  expect_what_was_told();
}

}  // namespace
}  // namespace depot::test
