// Garbage on every ZeroMQ endpoint and on the sockets below them: all processes stay up and sell.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "messaging/frame.hpp"
#include "messaging/socket.hpp"
#include "messaging/sync_frame.hpp"
#include "protocol/kinds.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using messaging::Sent;
using messaging::Socket;
using messaging::SocketKind;

constexpr std::uint32_t kSeed = 20261122;  // Printed by no failure, so fixed: the same every run.

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Claims 4 billion elements in 5 bytes.
const std::string kMsgpackBomb = "\xdd\xff\xff\xff\xff";

std::vector<std::string> hostile_bodies(std::mt19937& random) {
  return {"",
          std::string(1, '\xc1'),
          kMsgpackBomb,
          std::string(5'000, '\x91'),  // arrays within arrays
          std::string(20, '\xff'),
          random_text(random, 300),
          std::string(200'000, 'x')};
}

// Frames of the request half: every type, true headers over false bodies, and plain noise.
std::vector<std::string> request_frames(std::mt19937& random) {
  std::vector<std::string> frames = {"", "Z", std::string(1'000'000, 'Z')};
  for (int i = 0; i < 50; ++i) frames.push_back(random_text(random, random() % 200));
  for (int type = 0; type <= 12; ++type) {
    for (const std::uint16_t count : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{65'535}}) {
      for (const std::string& body : hostile_bodies(random)) {
        std::string frame;
        messaging::write_header({.type = static_cast<messaging::FrameType>(type),
                                 .count = count,
                                 .session = count ? static_cast<std::uint32_t>(random()) : 0,
                                 .credit_limit = static_cast<std::uint32_t>(random()),
                                 .aux = random()},
                                frame);
        frames.push_back(frame + body);
      }
    }
  }
  return frames;
}

std::vector<std::string> sync_frames(std::mt19937& random) {
  std::vector<std::string> frames = {"", "S", std::string(1'000'000, 'S')};
  for (int i = 0; i < 50; ++i) frames.push_back(random_text(random, random() % 200));
  for (int type = 0; type <= 11; ++type) {
    for (const std::string& body : hostile_bodies(random)) {
      std::string frame;
      messaging::write_sync_header({.type = static_cast<messaging::SyncType>(type),
                                    .epoch = random(),
                                    .from = random() % 2 ? messaging::kNoPosition : random(),
                                    .to = random()},
                                   frame);
      frames.push_back(frame + body);
    }
  }
  return frames;
}

class GarbageTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 1000}});
    for (const char* name : kPrograms) before_.push_back(cluster_.pids(name));
  }

  void TearDown() override {
    Customer customer(cluster_.port());
    for (int i = 0; i < 20; ++i) {
      const HttpReply reply = customer.buy({{"m1:a", 1}}, unique("key"));
      EXPECT_EQ(reply.status, 201) << reply.body;
    }
    EXPECT_TRUE(wait_until(
        5s, [&] { return available(cluster_.port(), "m1:a") == 980; }, "980 are left"));
    for (std::size_t i = 0; i < before_.size(); ++i) {
      EXPECT_FALSE(before_[i].empty()) << kPrograms[i];
      EXPECT_EQ(cluster_.pids(kPrograms[i]), before_[i]) << kPrograms[i] << " was restarted";
    }
    cluster_.expect_clean_audit();
  }

  // Sends all of it from one DEALER, patiently: what fits into the pipe now, the rest later.
  void send_all(const std::string& endpoint, const std::vector<std::string>& frames) {
    messaging::Context context;
    Socket dealer(context, SocketKind::dealer, {.linger_ms = 2'000});
    dealer.connect(endpoint);
    for (const std::string& frame : frames) {
      ASSERT_TRUE(wait_until(
          10s, [&] { return dealer.send(frame) == Sent::yes; }, "a frame leaves for " + endpoint));
      messaging::Message answer;
      while (dealer.receive(answer)) {
      }
    }
  }

  // The garbage was seen for what it is, and not lost on the way.
  void expect_counted(const std::string& metric) {
    EXPECT_TRUE(wait_until(
        5s, [&] { return cluster_.metric(metric) > 50; }, metric + " is above 50",
        [&] { return std::to_string(cluster_.metric(metric)); }));
  }

  static constexpr const char* kPrograms[] = {"depot-gateway", "depot-load-balancer",
                                              "depot-worker", "depot-hub", "redis-server"};
  Cluster cluster_;
  std::mt19937 random_{kSeed};
  std::vector<std::vector<pid_t>> before_;
};

TEST_F(GarbageTest, OnTheBalancersFrontend) {
  send_all(cluster_.config().frontend_endpoint(), request_frames(random_));
  expect_counted("depot_balancer_malformed_total");
}

TEST_F(GarbageTest, OnTheBalancersBackend) {
  send_all(cluster_.config().backend_endpoint(), request_frames(random_));
  expect_counted("depot_balancer_malformed_total");
}

TEST_F(GarbageTest, OnTheHubsSync) {
  send_all(cluster_.config().hub_sync_endpoint(), sync_frames(random_));
  expect_counted("depot_hub_malformed_total");
}

// A gateway in good standing whose records are nonsense: the balancer looks into no body, so these
// reach the workers and the function in Redis.
TEST_F(GarbageTest, InRecordsOfAWelcomedGateway) {
  messaging::Context context;
  Socket dealer(context, SocketKind::dealer, {.linger_ms = 2'000});
  dealer.connect(cluster_.config().frontend_endpoint());
  std::string hello;
  messaging::write_header({.type = messaging::FrameType::hello, .aux = 77}, hello);
  hello += '\1';  // a gateway
  hello += "stranger";
  messaging::Message answer;
  messaging::Header welcome;
  ASSERT_TRUE(wait_until(
      10s,
      [&] {
        (void)dealer.send(hello);
        return dealer.receive(answer) && messaging::read_header(answer.bytes(), welcome) &&
               welcome.type == messaging::FrameType::welcome;
      },
      "the balancer welcomes the stranger"));

  std::uint32_t tag = 0;
  std::size_t answers = 0;
  for (std::uint8_t kind = 0; kind <= protocol::kRequestKindMax + 1; ++kind) {
    for (const std::string& body : hostile_bodies(random_)) {
      std::string frame;
      messaging::write_header({.type = messaging::FrameType::request,
                               .count = 1,
                               .session = welcome.session,
                               .credit_limit = ++tag},
                              frame);
      messaging::append_request(
          {.tag = tag, .budget_us = 2'000'000, .tenant = 1, .kind = kind, .body = body}, frame);
      ASSERT_TRUE(wait_until(
          10s, [&] { return dealer.send(frame) == Sent::yes; }, "a request leaves"));
    }
  }
  const auto read_answers = [&] {
    while (dealer.receive(answer)) {
      messaging::Header header;
      if (!messaging::read_header(answer.bytes(), header)) continue;
      if (header.type == messaging::FrameType::reply) answers += header.count;
    }
    return answers >= tag;
  };
  EXPECT_TRUE(wait_until(20s, read_answers,
                         "an answer to each of " + std::to_string(tag) + " requests",
                         [&] { return std::to_string(answers) + " came"; }));
}

TEST_F(GarbageTest, OnTheHubsIn) {
  messaging::Context context;
  Socket pub(context, SocketKind::pub, {.linger_ms = 2'000});
  pub.connect(cluster_.config().hub_in_endpoint());
  // What a PUB says before the other side has subscribed is lost: said until it was heard.
  const auto say_all = [&] {
    for (const std::string& frame : sync_frames(random_)) {
      const std::string header = frame.substr(0, messaging::kSyncHeaderSize);
      const std::string body = frame.size() > header.size() ? frame.substr(header.size()) : "";
      for (const char* topic : {"offer/m1/", "offer//", "offer/../../", "x", "production/m1/"}) {
        (void)pub.publish(topic, header, body);
      }
    }
    return cluster_.metric("depot_hub_malformed_total") > 50;
  };
  EXPECT_TRUE(wait_until(10s, say_all, "the hub has counted it"));
  EXPECT_EQ(available(cluster_.port(), "m1:a"), 1000);
}

TEST_F(GarbageTest, AsSubscriptionsToTheHubsOut) {
  messaging::Context context;
  Socket sub(context, SocketKind::sub);
  sub.connect(cluster_.config().hub_out_endpoint());
  // Not 246 to 255 bytes: libzmq 4.3.4 itself then sends a frame whose length is wrong.
  for (int i = 0; i < 500; ++i) sub.subscribe(random_text(random_, random_() % 240));
  sub.subscribe("");
  messaging::Message topic, header, body;
  EXPECT_TRUE(wait_until(
      10s, [&] { return sub.receive_published(topic, header, body); }, "the hub still publishes"));
}

TEST_F(GarbageTest, OnTheUnixSocketsBelow) {
  const Config& config = cluster_.config();
  for (const std::string& endpoint :
       {config.frontend_endpoint(), config.backend_endpoint(), config.hub_in_endpoint(),
        config.hub_out_endpoint(), config.hub_sync_endpoint()}) {
    ASSERT_TRUE(endpoint.starts_with("ipc://")) << endpoint;
    const std::string path = endpoint.substr(6);
    const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), random_text(random_, 64),
          random_text(random_, 100'000), std::string(64, '\0'), std::string(64, '\xff'), greeting,
          greeting + std::string(48, '\0') + random_text(random_, 1'000),
          greeting + std::string(48, '\0') +
              std::string("\x06\xff\xff\xff\xff\xff\xff\xff\xff", 9)}) {
      Wire wire(path);
      wire.send(bytes);
    }
  }
}

}  // namespace
}  // namespace depot::test
