// A Depot over tcp: who has a key is let in as what the key says, and nobody else is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "messaging/socket.hpp"
#include "messaging/sync_frame.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

class KeysTest : public testing::Test {
 protected:
  KeysTest() {
    const auto tcp = [this](int i) {
      return "tcp://127.0.0.1:" + std::to_string(ports_.first() + i);
    };
    cluster_.rewrite_config({{"load_balancer.frontend", tcp(0)},
                             {"load_balancer.backend", tcp(1)},
                             {"hub.in", tcp(2)},
                             {"hub.out", tcp(3)},
                             {"hub.sync", tcp(4)}});
  }
  void make_keys() const {
    for (const char* name : {"balancer-1", "hub-1", "gateway-1", "worker-1", "worker-2"}) {
      const CommandResult made = cluster_.depot({"keys", "new", name});
      EXPECT_EQ(made.exit_code, 0) << made.err;
    }
  }
  std::string file(const std::string& name) const { return cluster_.folder() + "/" + name; }
  std::string keys(const std::string& name) const { return file("var/keys/" + name); }
  Process start_agent(const std::string& id) const {
    write_file(file(id + ".yml"), "id: " + id + "\nname: " + id +
                                      "\noffers:\n  - {sku: tea, name: Tea, unit_price: 1.99, "
                                      "offered: 10}\n");
    return Process::start({.arguments = {program("depot-manufacturer"), "--config",
                                         cluster_.config_path(), file(id + ".yml")},
                           .environment = {},
                           .output_path = file(id + ".log")});
  }

  PortBlock ports_;
  Cluster cluster_;
};

TEST_F(KeysTest, WithoutKeysATcpEndpointDoesNotStart) {
  const CommandResult balancer = run_command(
      {program("depot-load-balancer"), "--config", cluster_.config_path(), "--name", "balancer-1"});
  EXPECT_EQ(balancer.exit_code, 78);
  EXPECT_THAT(balancer.err, HasSubstr("depot keys new balancer-1"));
}

TEST_F(KeysTest, APurchaseTravelsOverTcpAndAManufacturerIsWhoItsKeySays) {
  make_keys();
  cluster_.start();
  const CommandResult added = cluster_.depot({"manufacturer", "add", "alder", "--name", "Alder"});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  EXPECT_THAT(added.err, HasSubstr(keys("manufacturer-alder.key")));
  Process alder = start_agent("alder");
  ASSERT_TRUE(wait_until(
      20s, [&] { return available(cluster_.port(), "alder:tea") == 10; }, "it is on sale",
      [&] { return cluster_.logs() + read_file(file("alder.log")); }));
  Customer customer(cluster_.port());
  EXPECT_EQ(customer.buy({{"alder:tea", 4}}, unique("key")).status, 201);
  EXPECT_TRUE(wait_until(
      10s, [&] { return available(cluster_.port(), "alder:tea") == 6; }, "stock is shown"));
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const CommandResult status =
            run_command({program("depot-manufacturer"), "status", file("alder.yml"), "--config",
                         cluster_.config_path(), "--json"});
        return status.out.find("\"sold\":4") != std::string::npos;
      },
      "its agent is told", [&] { return read_file(file("alder.log")); }));

  // Another that is enrolled, with a copy of that key under its own name.
  ASSERT_EQ(cluster_.depot({"manufacturer", "add", "birch", "--name", "Birch"}).exit_code, 0);
  fs::copy_file(keys("manufacturer-alder.key"), keys("manufacturer-birch.key"),
                fs::copy_options::overwrite_existing);
  Process birch = start_agent("birch");
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        return read_file(file("birch.log")).find("the key is another's: manufacturer-alder") !=
               std::string::npos;
      },
      "it is refused", [&] { return read_file(file("birch.log")); }));
  EXPECT_EQ(available(cluster_.port(), "birch:tea"), -1);
  cluster_.expect_clean_audit();
}

TEST_F(KeysTest, KeysAreListedAndARevokedWorkerGetsNoMoreWork) {
  make_keys();
  cluster_.start();
  EXPECT_THAT(cluster_.depot({"keys", "list"}).out, HasSubstr("worker-2"));
  EXPECT_EQ(cluster_.depot({"keys", "new", "worker-2"}).exit_code, 1);
  EXPECT_EQ(cluster_.depot({"keys", "new", "king-1"}).exit_code, 2);
  for (const char* name : {"worker-1", "worker-2"}) {
    EXPECT_EQ(cluster_.depot({"keys", "revoke", name}).exit_code, 0);
  }
  EXPECT_EQ(cluster_.depot({"keys", "revoke", "worker-2"}).exit_code, 1);
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        return cluster_.depot({"status", "--check"}).out.find("gateway-1") != std::string::npos;
      },
      "no worker is left", [&] { return cluster_.logs(); }));
}

}  // namespace
}  // namespace depot::test
