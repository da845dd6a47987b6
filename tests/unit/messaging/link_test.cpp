// Links over real sockets, against a balancer written out by hand.
#include "messaging/link.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messaging/poller.hpp"

namespace depot::messaging {
namespace {

using namespace std::chrono_literals;

// Frames a ROUTER got, and what it answers: no more than the test says.
class HandMadeBalancer {
 public:
  explicit HandMadeBalancer(Context& context, const std::string& endpoint = "tcp://127.0.0.1:*")
      : router_(context, SocketKind::router) {
    router_.bind(endpoint);
  }

  struct Got {
    Header header;
    std::string frame;
  };
  void read() {
    while (router_.receive_from(id_, frame_)) {
      Got got{{}, std::string(frame_.bytes())};
      ASSERT_TRUE(read_header(got.frame, got.header));
      peer_ = id_.bytes();
      if (got.header.type != FrameType::ping) frames.push_back(std::move(got));
    }
  }
  Sent send(const Header& header, const std::function<void(std::string&)>& records = {}) {
    std::string frame;
    write_header(header, frame);
    if (records) records(frame);
    return router_.send_to(peer_, frame);
  }
  std::string endpoint() const { return router_.bound_endpoint(); }
  const Socket& socket() const { return router_; }

  std::deque<Got> frames;  // pings left out

 private:
  Socket router_;
  Message id_;
  Message frame_;
  std::string peer_;
};

struct Record {
  std::uint32_t tag;
  std::string body;
  bool operator==(const Record&) const = default;
};

class Events : public LinkEvents {
 public:
  void on_welcome() override { log.push_back("welcome"); }
  void on_lost() override { log.push_back("lost"); }
  void on_reply(const ReplyRecord& reply) override {
    records.push_back({reply.tag, std::string(reply.body)});
  }
  void on_request(const RequestRecord& request) override {
    records.push_back({request.tag, std::string(request.body)});
    budgets_us.push_back(request.budget_us);
  }
  void on_drain() override { log.push_back("drain"); }
  void on_drained(std::uint64_t last) override { log.push_back("drained " + std::to_string(last)); }

  std::vector<std::string> log;
  std::vector<Record> records;
  std::vector<std::uint32_t> budgets_us;  // of requests
};

class LinkTest : public testing::Test {
 protected:
  void start(Role role, Duration silence_max = 1s) {
    link = std::make_unique<Link>(context,
                                  LinkOptions{.endpoint = balancer->endpoint(),
                                              .role = role,
                                              .name = "p1",
                                              .silence_max = silence_max},
                                  events);
  }

  // Turns both loops until `done` holds; false after 5 s.
  bool until(const std::function<bool()>& done) {
    for (const TimePoint end = steady_now() + 5s; steady_now() < end;) {
      link->receive(steady_now());
      link->tick(steady_now());
      link->flush(steady_now());
      if (balancer) balancer->read();
      if (done()) return true;
      Poller poller;
      poller.add(link->socket());
      if (balancer) poller.add(balancer->socket());
      poller.wait(5ms);
    }
    return false;
  }
  bool until_frame(FrameType type) {
    return until([&] {
      while (!balancer->frames.empty() && balancer->frames.front().header.type != type) {
        balancer->frames.pop_front();
      }
      return !balancer->frames.empty();
    });
  }
  HandMadeBalancer::Got take_frame() {
    HandMadeBalancer::Got got = std::move(balancer->frames.front());
    balancer->frames.pop_front();
    return got;
  }
  void welcome(std::uint32_t session = 7, std::uint32_t limit = 100) {
    ASSERT_TRUE(until_frame(FrameType::hello));
    balancer->send({.type = FrameType::welcome, .session = session, .credit_limit = limit});
    ASSERT_TRUE(until([&] { return link->session() == session; }));
    std::erase_if(balancer->frames,
                  [](const auto& got) { return got.header.type == FrameType::hello; });
  }

  Context context;
  std::unique_ptr<HandMadeBalancer> balancer = std::make_unique<HandMadeBalancer>(context);
  Events events;
  std::unique_ptr<Link> link;
};

TEST_F(LinkTest, HelloNamesRoleAndProcess) {
  start(Role::worker);
  EXPECT_FALSE(link->connected());
  ASSERT_TRUE(until_frame(FrameType::hello));
  const auto hello = take_frame();
  EXPECT_EQ(hello.header.session, 0u);
  EXPECT_NE(hello.header.aux, 0u);
  EXPECT_EQ(hello.frame.substr(kHeaderSize), "\x02p1");
}

TEST_F(LinkTest, RequestsOfOneTurnLeaveAsOneFrameAndRepliesComeBack) {
  start(Role::gateway);
  EXPECT_FALSE(link->send_request({.tag = 1, .body = "too early"}));
  welcome(7, 3);
  EXPECT_EQ(events.log, std::vector<std::string>{"welcome"});
  EXPECT_TRUE(link->connected());
  EXPECT_TRUE(link->send_request({.tag = 1, .body = "a"}));
  EXPECT_TRUE(link->send_request({.tag = 2, .body = "b"}));
  EXPECT_TRUE(link->send_request({.tag = 3, .body = "c"}));
  EXPECT_FALSE(link->send_request({.tag = 4, .body = "no credit"}));
  ASSERT_TRUE(until_frame(FrameType::request));
  EXPECT_EQ(take_frame().header.count, 3);

  balancer->send({.type = FrameType::reply, .count = 1, .session = 7, .credit_limit = 4},
                 [](std::string& frame) { append_reply({.tag = 2, .body = "B"}, frame); });
  ASSERT_TRUE(until([&] { return !events.records.empty(); }));
  EXPECT_EQ(events.records, (std::vector<Record>{{2, "B"}}));
  EXPECT_EQ(link->credit(), 1u);
}

TEST_F(LinkTest, FramesHoldAtMost256RecordsOr32KiB) {
  start(Role::gateway);
  welcome(7, 1'000);
  for (std::uint32_t i = 0; i < 514; ++i) ASSERT_TRUE(link->send_request({.tag = i}));
  ASSERT_TRUE(until([&] { return balancer->frames.size() == 3; }));
  std::uint32_t sent = 0;
  for (const auto count : {std::uint16_t{256}, std::uint16_t{256}, std::uint16_t{2}}) {
    const Header header = take_frame().header;
    EXPECT_EQ(header.count, count);
    EXPECT_EQ(header.credit_limit, sent += count);  // Each frame says how many were sent.
  }

  const std::string large(20'000, 'x');
  const std::string alone(kRecordBytesMax - kRequestRecordHead, 'y');
  link->send_request({.tag = 1, .body = large});
  link->send_request({.tag = 2, .body = large});
  link->send_request({.tag = 3, .body = alone});
  link->send_request({.tag = 4, .body = "small"});
  ASSERT_TRUE(until([&] { return balancer->frames.size() == 4; }));
  for (int i = 0; i < 4; ++i) {
    const auto got = take_frame();
    EXPECT_EQ(got.header.count, 1);
    EXPECT_TRUE(got.frame.size() <= kFrameBytesMax || i == 2) << i;
  }
}

TEST_F(LinkTest, AWorkerGrantsCreditAndSaysWhetherItsBackEndIsThere) {
  start(Role::worker);
  link->set_credit(128, false);
  welcome();
  ASSERT_TRUE(until_frame(FrameType::credit));
  auto credit = take_frame();
  EXPECT_EQ(credit.header.credit_limit, 128u);
  EXPECT_EQ(credit.header.flags, 0);

  balancer->send({.type = FrameType::request, .count = 1, .session = 7, .credit_limit = 1},
                 [](std::string& frame) { append_request({.tag = 9, .body = "order"}, frame); });
  ASSERT_TRUE(until([&] { return events.records.size() == 1; }));
  EXPECT_EQ(link->received(), 1u);
  link->send_reply({.tag = 9, .status = 1, .body = "sold out"});
  link->set_credit(129, true);
  ASSERT_TRUE(until_frame(FrameType::reply));  // The reply carries the credit; no frame for it.
  const auto reply = take_frame();
  EXPECT_EQ(reply.header.credit_limit, 129u);
  EXPECT_EQ(reply.header.flags, kFlagBackendDown);
  EXPECT_TRUE(balancer->frames.empty());
}

TEST_F(LinkTest, RequestsThatCameTwiceOrWereOvertakenAreNotTaken) {
  start(Role::worker);
  link->set_credit(128, false);
  welcome();
  const auto send = [&](FrameType type, std::uint32_t sent) {
    const bool one = type == FrameType::request;
    balancer->send({.type = type,
                    .count = one ? std::uint16_t{1} : std::uint16_t{0},
                    .session = 7,
                    .credit_limit = sent},
                   [&](std::string& frame) {
                     if (one) append_request({.tag = sent}, frame);
                   });
  };
  send(FrameType::request, 1);
  send(FrameType::request, 1);
  send(FrameType::request, 3);
  send(FrameType::request, 2);
  send(FrameType::ping, 5);  // Two were lost, and give their credit back.
  send(FrameType::request, 4);
  send(FrameType::request, 6);
  ASSERT_TRUE(until([&] { return link->received() == 6; }));
  EXPECT_EQ(events.records, (std::vector<Record>{{1, ""}, {3, ""}, {6, ""}}));
}

TEST_F(LinkTest, AWorkerStampsWhatItSaysAndTakesTheAgeOfItsStampOffTheBudget) {
  start(Role::worker);
  link->set_credit(128, false);
  welcome();
  ASSERT_TRUE(until_frame(FrameType::credit));
  const std::uint64_t stamp = take_frame().header.aux;
  EXPECT_LT(age_of(stamp, steady_now()), 5s);
  EXPECT_FALSE(link->timely(steady_now()));
  const TimePoint asked = steady_now() - 2s;
  const Header two{.type = FrameType::request,
                   .count = 2,
                   .session = 7,
                   .credit_limit = 2,
                   .aux = stamp_of(asked)};
  balancer->send(two, [](std::string& frame) {
    append_request({.tag = 1, .budget_us = 60'000'000}, frame);
    append_request({.tag = 2, .budget_us = 1'000'000}, frame);
  });
  ASSERT_TRUE(until([&] { return events.records.size() == 2; }));
  EXPECT_LE(events.budgets_us[0], 58'000'000u);
  EXPECT_GT(events.budgets_us[0], 50'000'000u);
  EXPECT_EQ(events.budgets_us[1], 0u);
  EXPECT_FALSE(link->timely(steady_now()));
}

TEST_F(LinkTest, AGatewaySaysWhatItHeardLast) {
  start(Role::gateway);
  welcome();
  balancer->send({.type = FrameType::credit, .session = 7, .credit_limit = 100, .aux = 4711});
  ASSERT_TRUE(until([&] {
    link->send_request({.tag = 1});
    link->flush(steady_now());
    balancer->read();
    return !balancer->frames.empty() && balancer->frames.back().header.aux == 4711;
  }));
}

TEST_F(LinkTest, AWorkersFirstWordAfterWelcomeIsItsCreditEvenWhenNone) {
  start(Role::worker);
  link->set_credit(0, true);
  welcome();
  ASSERT_TRUE(until_frame(FrameType::credit));
  EXPECT_EQ(take_frame().header.flags, kFlagBackendDown);
}

TEST_F(LinkTest, ResetEndsTheSessionAndHelloFollows) {
  start(Role::gateway);
  welcome();
  balancer->send({.type = FrameType::reset, .session = 7});
  ASSERT_TRUE(until_frame(FrameType::hello));
  EXPECT_EQ(events.log, (std::vector<std::string>{"welcome", "lost"}));
  EXPECT_EQ(link->generation(), 0u);  // The same socket.
}

TEST_F(LinkTest, ASilentBalancerIsLostAndAskedAnewOnAnotherSocket) {
  start(Role::gateway, 100ms);
  welcome();
  ASSERT_TRUE(link->send_request({.tag = 1}));
  ASSERT_TRUE(until([&] { return events.log.back() == "lost"; }));
  EXPECT_EQ(link->generation(), 1u);
  EXPECT_FALSE(link->connected());
  EXPECT_FALSE(link->send_request({.tag = 2}));
  balancer->frames.clear();
  welcome(8);
  EXPECT_TRUE(link->connected());
}

TEST_F(LinkTest, ADeadBalancerIsFoundLongBeforeItsSilenceIs) {
  start(Role::gateway, 1h);
  welcome();
  balancer.reset();
  EXPECT_TRUE(until([&] { return events.log.back() == "lost"; }));
}

TEST_F(LinkTest, ADrainingBalancerIsToldThatNothingMoreComes) {
  start(Role::gateway);
  welcome();
  link->send_request({.tag = 1});
  balancer->send({.type = FrameType::drain, .session = 7, .credit_limit = 100});
  ASSERT_TRUE(until_frame(FrameType::drained));
  EXPECT_EQ(take_frame().header.aux, 1u);
  EXPECT_FALSE(link->connected());
  EXPECT_FALSE(link->send_request({.tag = 2}));
  EXPECT_EQ(events.log.back(), "drain");
}

TEST_F(LinkTest, AWorkerDrainsAndSaysBye) {
  start(Role::worker);
  welcome();
  link->drain();
  ASSERT_TRUE(until_frame(FrameType::drain));
  balancer->send({.type = FrameType::drained, .session = 7, .aux = 42});
  ASSERT_TRUE(until([&] { return events.log.back() == "drained 42"; }));
  link->send_reply({.tag = 1, .body = "last"});
  link->bye();
  link.reset();  // Closing at once must not lose the last words.
  for (const TimePoint end = steady_now() + 5s; steady_now() < end;) {
    balancer->read();
    if (!balancer->frames.empty() && balancer->frames.back().header.type == FrameType::bye) break;
    Poller poller;
    poller.add(balancer->socket());
    poller.wait(5ms);
  }
  ASSERT_GE(balancer->frames.size(), 2u);
  EXPECT_EQ(balancer->frames.back().header.type, FrameType::bye);
  EXPECT_EQ(balancer->frames[balancer->frames.size() - 2].header.type, FrameType::reply);
}

TEST_F(LinkTest, NonsenseIsCountedAndHarmless) {
  start(Role::gateway);
  welcome();
  // Not for a gateway.
  balancer->send({.type = FrameType::request, .count = 1, .session = 7, .credit_limit = 1});
  balancer->send({.type = FrameType::reply, .count = 5, .session = 7},
                 [](std::string& frame) { append_reply({.tag = 3, .body = "x"}, frame); });
  balancer->send({.type = static_cast<FrameType>(99), .session = 7});
  ASSERT_TRUE(until([&] { return link->malformed() == 3; }));
  EXPECT_EQ(events.records, (std::vector<Record>{{3, "x"}}));  // What was whole counts.
  EXPECT_TRUE(link->connected());
}

}  // namespace
}  // namespace depot::messaging
