// The benchmark's gateway and store in one process: that it still sells.

#include <gtest/gtest.h>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

TEST(OneProcessTest, SellsOnceWithoutAWorkerAndTheBooksAreRight) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "few", .offered = 1}});
  const std::string log = cluster.folder() + "/one_process.log";
  const int port = cluster.port(1);
  Process process =
      Process::start({.arguments = {program("one_process"), "--config", cluster.config_path(),
                                    "--listen", "127.0.0.1:" + std::to_string(port)},
                      .output_path = log});
  const auto ready = [&] {
    try {
      return HttpClient(port).request("GET", "/readyz").status == 200;
    } catch (const WireError&) {
      return false;
    }
  };
  ASSERT_TRUE(wait_until(60s, ready, "one_process is ready")) << read_file(log);

  Customer customer(port);
  EXPECT_EQ(customer.buy({{"m1:few", 1}}, "a").status, 201);
  EXPECT_EQ(customer.buy({{"m1:few", 1}}, "a").header("idempotency-replayed"), "true");
  EXPECT_EQ(customer.buy({{"m1:few", 1}}, "b").status, 409);
  EXPECT_EQ(customer.orders().size(), 1u);
  EXPECT_EQ(cluster.metric("depot_worker_orders_total"), 0);
  cluster.expect_clean_audit();

  process.signal(SIGTERM);
  const auto status = process.wait(20s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 0) << read_file(log);
}

}  // namespace
}  // namespace depot::test
