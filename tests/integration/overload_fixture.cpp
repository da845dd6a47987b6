#include "tests/integration/overload_fixture.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "base/ids.hpp"
#include "base/process.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using bench::FloodReport;

namespace {

constexpr const char* kOffer = "m1:hot";
constexpr std::size_t kConnections = 600;
constexpr int kRounds = 3;
// Of memory, connections and what waits among it.
constexpr std::int64_t kGrowthMax = 200 << 20;

std::string text_of(const FloodReport& report) {
  boost::json::object all = json_of(report);
  all.erase("windows");
  return boost::json::serialize(all);
}

}  // namespace

void OverloadTest::start(std::int64_t disk_bytes) {
  cluster_.limit_disk(disk_bytes);
  cluster_.start();
  cluster_.import({{.manufacturer = "m1", .sku = "hot", .offered = 1'000'000}});
}

std::string OverloadTest::post(const std::string& target, const std::string& body,
                               const std::string& headers) {
  return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

OverloadTest::Crowd OverloadTest::crowd_of(int customers) {
  Crowd crowd;
  for (int i = 0; i < customers; ++i) {
    const Customer& customer = customers_.emplace_back(cluster_.port());
    crowd.ids.push_back(customer.id());
    crowd.requests.push_back(post("/v1/orders", order_body({{kOffer, 1}}),
                                  "Idempotency-Key: " + std::string(bench::kKeyMark) +
                                      "\r\nAuthorization: Bearer " + customer.token() + "\r\n"));
  }
  return crowd;
}

FloodReport OverloadTest::flood(const Crowd& crowd, std::size_t connections, double rate,
                                Duration length) {
  bench::FloodOptions options{.port = cluster_.port(),
                              .requests = crowd.requests,
                              .connections = connections,
                              .rate = rate,
                              .length = length};
  options.on_answer = [&](const std::string& key, std::size_t request, int status) {
    if (crowd.ids.empty()) return;
    const std::lock_guard lock(mutex_);
    told_[order_id_for(crowd.ids.at(request), key)] = status;
  };
  return bench::flood(options);
}

std::future<FloodReport> OverloadTest::flood_meanwhile(const Crowd& crowd, std::size_t connections,
                                                       double rate, Duration length) {
  return std::async(std::launch::async,
                    [=, this, &crowd] { return flood(crowd, connections, rate, length); });
}

double OverloadTest::served(const FloodReport& report, TimePoint begin, TimePoint end) {
  double sum = 0;
  for (std::size_t i = 0; i < report.windows.size(); ++i) {
    const TimePoint at = report.begin + static_cast<int>(i) * report.window;
    if (at >= begin && at < end) sum += static_cast<double>(report.windows[i].served);
  }
  return sum / std::chrono::duration<double>(end - begin).count();
}

void OverloadTest::expect_placed_or_refused(const FloodReport& report) {
  EXPECT_EQ(report.unanswered, 0u);
  EXPECT_EQ(report.without_retry_after, 0u);
  EXPECT_EQ(report.total(), report.count(201) + report.count(503) + report.count(504))
      << text_of(report);
  EXPECT_LE(report.count(504), report.total() / 10) << text_of(report);
}

void OverloadTest::expect_all_placed(const FloodReport& report) {
  EXPECT_EQ(report.unanswered, 0u);
  EXPECT_EQ(report.total(), report.count(201)) << text_of(report);
}

void OverloadTest::expect_what_was_told() {
  const CommandResult audit = cluster_.depot({"audit"});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
  for (Customer& customer : customers_) {
    for (const boost::json::value& order : customer.orders()) {
      const auto found = told_.find(std::string(order.at("order_id").as_string()));
      ASSERT_NE(found, told_.end());
      EXPECT_TRUE(found->second == 201 || found->second == 504) << found->second;
      told_.erase(found);
    }
  }
  EXPECT_EQ(std::ranges::count_if(told_, [](const auto& each) { return each.second == 201; }), 0)
      << "acknowledged, and not there";
}

std::int64_t OverloadTest::resident() const {
  std::int64_t sum = 0;
  for (const char* name :
       {"depot", "depot-gateway", "depot-load-balancer", "depot-worker", "depot-hub"}) {
    for (const pid_t pid : cluster_.pids(name)) sum += resident_bytes(pid);
  }
  return sum;
}

void OverloadTest::expect_overload_is_refused_and_forgotten(const Lengths& lengths) {
  start(kDiskBytes);
  const Crowd crowd = crowd_of(16), steady = crowd_of(8);
  bool good = false;
  for (int round = 0; round < kRounds && !good; ++round) good = overload(lengths, crowd, steady);
  EXPECT_TRUE(good) << "in none of " << kRounds << " rounds";
  expect_what_was_told();
}

// Whether the figures are right.
bool OverloadTest::overload(const Lengths& lengths, const Crowd& crowd, const Crowd& steady) {
  const FloodReport pinned = flood(crowd, 64, 0, lengths.pin);
  expect_placed_or_refused(pinned);
  const double pin = served(pinned, pinned.begin + 500ms, pinned.begin + pinned.length);
  const std::int64_t before = resident();
  auto all_the_time =
      flood_meanwhile(steady, 300, pin / 2, lengths.before + lengths.overload + lengths.after);
  const TimePoint due = steady_now() + lengths.before;
  EXPECT_TRUE(wait_until(
      60s, [&] { return steady_now() >= due; }, "it is half busy for a while"));
  const FloodReport overload = flood(crowd, kConnections, 9.5 * pin, lengths.overload);
  const FloodReport modest = all_the_time.get();
  const std::int64_t behind = resident();

  expect_placed_or_refused(overload);
  expect_placed_or_refused(modest);
  EXPECT_GT(overload.count(503), overload.total() / 2);
  EXPECT_LT(behind - before, kGrowthMax);
  const TimePoint begin = overload.begin, end = overload.begin + overload.length;
  const double goodput = served(overload, begin, end) + served(modest, begin, end);
  const double refused_ms = overload.milliseconds(503, 0.99);
  std::uint64_t failed = 0;  // Of those who came 5 s after it, or not served within a second.
  for (std::size_t i = 0; i < modest.windows.size(); ++i) {
    const auto& window = modest.windows[i];
    if (modest.begin + static_cast<int>(i) * modest.window < end + 5s) continue;
    failed += window.asked - static_cast<std::uint64_t>(std::ranges::count_if(
                                 window.good_us, [](auto us) { return us < 1'000'000; }));
  }
  std::printf(
      "pinned to %.0f/s; of %.0f/s asked %.0f/s placed, 503 p99 %.1f ms; 5 s later %d not placed "
      "within 1 s; memory +%d MB\n",
      pin, 10 * pin, goodput, refused_ms, static_cast<int>(failed),
      static_cast<int>((behind - before) >> 20));
  return goodput >= 0.9 * pin && refused_ms < 500 && failed == 0;
}

}  // namespace depot::test
