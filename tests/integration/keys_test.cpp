// A Depot over tcp: who has a key is let in as what the key says, and nobody else is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <set>

#include "messaging/socket.hpp"
#include "messaging/sync_frame.hpp"
#include "protocol/sync.hpp"
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

  void enrol(const std::string& id) const {
    const CommandResult added = cluster_.depot({"manufacturer", "add", id, "--name", id});
    EXPECT_EQ(added.exit_code, 0) << added.err;
  }

  PortBlock ports_;
  Cluster cluster_;
};

// What has a manufacturer's key and says with it what the test likes.
class Intruder {
 public:
  Intruder(const Config& config, const std::string& folder, const std::string& id)
      : id_(id),
        context_(
            1, std::make_unique<messaging::Security>(
                   folder, "manufacturer-" + id, std::vector<messaging::Security::Door>{},
                   std::vector<messaging::Security::Way>{{config.hub_in_endpoint(), "hub-1"},
                                                         {config.hub_out_endpoint(), "hub-1"},
                                                         {config.hub_sync_endpoint(), "hub-1"}})) {
    for (const char* topic :
         {"", "stock/", "catalogue/", "head/", "head/birch/", "head/alder/", "cycle/"}) {
      sub_.subscribe(topic);
    }
    sub_.connect(config.hub_out_endpoint());
    pub_.connect(config.hub_in_endpoint());
    sync_.connect(config.hub_sync_endpoint());
  }
  // Its session: one of good standing.
  bool welcomed() {
    if (!welcome_) say_hello();
    messaging::Message answer;
    messaging::SyncHeader header;
    while (!welcome_ && sync_.receive(answer)) {
      if (!read_sync_header(answer.bytes(), header)) continue;
      if (header.type != messaging::SyncType::welcome) continue;
      welcome_ = protocol::decode_sync_welcome(answer.bytes().substr(messaging::kSyncHeaderSize));
    }
    return welcome_.has_value();
  }
  // In the name of `maker`, in a session that has not ended, of an epoch that is newer than any
  // agent's.
  void offer(const std::string& maker, std::uint64_t number, std::int64_t offered) {
    say_hello();
    std::string header, body;
    messaging::write_sync_header(
        {.type = messaging::SyncType::record, .epoch = kEpoch, .from = number, .to = number},
        header);
    encode(
        protocol::OfferRecord{
            .cycle = welcome_->cycle.id,
            .rows = {{.sku = "gift", .name = "Gift", .unit_price = 100, .offered = offered}}},
        body);
    static_cast<void>(pub_.publish("offer/" + maker + "/", header, body));
  }
  std::int64_t ledger_number() const { return welcome_->ledger_number; }
  // Topics of all that came, until its own head is `number`.
  bool heard(std::int64_t number) {
    messaging::Message topic, header, body;
    while (own_head_ < number && sub_.receive_published(topic, header, body)) {
      topics_.emplace(topic.bytes());
      messaging::SyncHeader at;
      if (topic.bytes() == "head/" + id_ + "/" && read_sync_header(header.bytes(), at)) {
        own_head_ = static_cast<std::int64_t>(at.to);
      }
    }
    return own_head_ >= number;
  }
  const std::set<std::string>& topics() const { return topics_; }

 private:
  void say_hello() {
    std::string frame, body;
    messaging::write_sync_header({.type = messaging::SyncType::hello}, frame);
    encode(protocol::SyncHello{.manufacturer = true,
                               .id = id_,
                               .name = id_,
                               .agent_epoch = {},
                               .last_number = {},
                               .ledger_epoch = {},
                               .ledger_number = {}},
           body);
    static_cast<void>(sync_.send(frame + body));
  }
  static constexpr std::uint64_t kEpoch = 90'000'000'000'000;
  const std::string id_;
  messaging::Context context_;
  messaging::Socket pub_{context_, messaging::SocketKind::pub};
  messaging::Socket sub_{context_, messaging::SocketKind::sub};
  messaging::Socket sync_{context_, messaging::SocketKind::dealer};
  std::optional<protocol::SyncWelcome> welcome_;
  std::set<std::string> topics_;
  std::int64_t own_head_ = -1;
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

TEST_F(KeysTest, OneManufacturersKeyNeitherSpeaksForAnotherNorSeesHowItSells) {
  make_keys();
  cluster_.start();
  for (const char* id : {"alder", "birch"}) enrol(id);
  Process birch = start_agent("birch");
  const auto shown = [&](const std::string& offer, std::int64_t units) {
    return wait_until(
        20s, [&] { return available(cluster_.port(), offer) == units; },
        offer + " is " + std::to_string(units), [&] { return cluster_.logs(); });
  };
  ASSERT_TRUE(shown("birch:tea", 10));
  Intruder alder(cluster_.config(), keys(""), "alder");
  ASSERT_TRUE(wait_until(
      20s, [&] { return alder.welcomed(); }, "a session as itself"));
  const auto offer_own = [&](std::uint64_t number, std::int64_t offered) {
    return wait_until(
        20s,
        [&] {
          alder.offer("alder", number, offered);
          return available(cluster_.port(), "alder:gift") == offered;
        },
        "its own offer is on sale", [&] { return cluster_.logs(); });
  };
  ASSERT_TRUE(offer_own(1, 5));
  const double before = cluster_.metric("depot_hub_malformed_total");
  for (std::uint64_t number = 1; number <= 3; ++number) alder.offer("birch", number, 1000);
  ASSERT_TRUE(offer_own(2, 6)) << "what was said before it is judged by now";
  EXPECT_EQ(cluster_.metric("depot_hub_malformed_total"), before + 3);
  EXPECT_EQ(available(cluster_.port(), "birch:gift"), -1);
  EXPECT_EQ(available(cluster_.port(), "birch:tea"), 10) << "nor is it withdrawn";
  EXPECT_EQ(available(cluster_.port(), "alder:gift"), 6) << "nor counted as its own";

  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"birch:tea", 4}}, unique("key")).status, 201);
  ASSERT_TRUE(shown("birch:tea", 6)) << "the gateway is told of it";
  ASSERT_TRUE(offer_own(3, 7));
  EXPECT_TRUE(wait_until(
      20s, [&] { return alder.heard(alder.ledger_number() + 3); }, "its own ledger's head comes"));
  EXPECT_THAT(alder.topics(), testing::ElementsAre("cycle/", "head/alder/"));
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
