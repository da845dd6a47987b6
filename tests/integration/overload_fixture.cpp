#include "tests/integration/overload_fixture.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/process.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using bench::FloodReport;

namespace {

constexpr const char* kOffer = "m1:hot";
constexpr std::size_t kConnections = 600;
// Of memory that grows with the queue, and what the allocator keeps of it.
constexpr std::int64_t kGrowthMax = 256 << 20;

std::string text_of(const FloodReport& report) { return boost::json::serialize(json_of(report)); }

}  // namespace

void OverloadTest::start(std::int64_t disk_bytes) {
  cluster_.limit_disk(disk_bytes);
  cluster_.start();
  cluster_.import({{.manufacturer = "m1", .sku = "hot", .offered = 1'000'000}});
}

std::string OverloadTest::post(const std::string& target, const std::string& body,
                               const std::string& headers) {
  return "POST " + target + " HTTP/1.1\r\nHost: depot.test\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::vector<std::string> OverloadTest::purchases(int customers) const {
  std::vector<std::string> texts;
  for (int i = 0; i < customers; ++i) {
    const Customer customer(cluster_.port());
    texts.push_back(post("/v1/orders", order_body({{kOffer, 1}}),
                         "Idempotency-Key: " + std::string(bench::kKeyMark) +
                             "\r\nAuthorization: Bearer " + customer.token() + "\r\n"));
  }
  return texts;
}

FloodReport OverloadTest::flood(const std::vector<std::string>& requests, std::size_t connections,
                                double rate, Duration length) const {
  const bench::FloodOptions options{.port = cluster_.port(),
                                    .requests = requests,
                                    .connections = connections,
                                    .rate = rate,
                                    .length = length};
  return bench::flood(options);
}

std::future<FloodReport> OverloadTest::flood_meanwhile(const std::vector<std::string>& requests,
                                                       std::size_t connections, double rate,
                                                       Duration length) const {
  return std::async(std::launch::async,
                    [=, this] { return flood(requests, connections, rate, length); });
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
  EXPECT_EQ(report.total(), report.count(201) + report.count(503)) << text_of(report);
}

void OverloadTest::expect_all_placed(const FloodReport& report) {
  EXPECT_EQ(report.unanswered, 0u);
  EXPECT_EQ(report.total(), report.count(201)) << text_of(report);
}

void OverloadTest::expect_orders(std::uint64_t placed) const {
  const CommandResult audit = cluster_.depot({"audit", "--json"});
  EXPECT_EQ(audit.exit_code, 0) << audit.out << audit.err;
  EXPECT_EQ(boost::json::parse(audit.out).at("orders").to_number<std::uint64_t>(), placed);
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
  const std::vector<std::string> crowd = purchases(16), steady = purchases(8);
  const FloodReport pinned = flood(crowd, 48, 0, lengths.pin);
  expect_all_placed(pinned);
  const double pin = served(pinned, pinned.begin + 500ms, pinned.begin + pinned.length);
  RecordProperty("pin", std::to_string(pin));
  ASSERT_GT(pin, 20);
  const std::int64_t before = resident();

  auto all_the_time =
      flood_meanwhile(steady, 100, pin / 2, lengths.before + lengths.overload + lengths.after);
  const TimePoint due = steady_now() + lengths.before;
  ASSERT_TRUE(wait_until(
      std::chrono::ceil<std::chrono::milliseconds>(lengths.before + 5s),
      [&] { return steady_now() >= due; }, "it is busy, and no more"));
  const FloodReport overload = flood(crowd, kConnections, 9.5 * pin, lengths.overload);
  const FloodReport good = all_the_time.get();
  const std::int64_t behind = resident();

  expect_placed_or_refused(overload);
  expect_placed_or_refused(good);
  EXPECT_GT(overload.count(503), overload.total() / 2);
  const TimePoint begin = overload.begin, end = overload.begin + overload.length;
  const double goodput = served(overload, begin, end) + served(good, begin, end);
  EXPECT_GE(goodput, 0.9 * pin);
  EXPECT_LT(overload.milliseconds(503, 0.99), 500) << "of a budget of 5 s";
  EXPECT_LT(behind - before, kGrowthMax);
  std::uint64_t late = 0, failed = 0;  // Of those who came 5 s after it.
  for (std::size_t i = 0; i < good.windows.size(); ++i) {
    if (good.begin + static_cast<int>(i) * good.window < end + 5s) continue;
    failed += good.windows[i].asked - good.windows[i].good_us.size();
    late += static_cast<std::uint64_t>(
        std::ranges::count_if(good.windows[i].good_us, [](auto us) { return us > 1'000'000; }));
  }
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(late, 0u);
  std::printf("pinned to %.0f/s; of %.0f/s asked %.0f/s placed, 503 p99 %.1f ms; memory +%d MB\n",
              pin, 10 * pin, goodput, overload.milliseconds(503, 0.99),
              static_cast<int>((behind - before) >> 20));
  expect_orders(pinned.count(201) + overload.count(201) + good.count(201));
}

}  // namespace depot::test
