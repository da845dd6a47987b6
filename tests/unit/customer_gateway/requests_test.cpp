// The gateway's decider alone, with a balancer written out by hand and a clock of the test's.
#include "customer_gateway/requests.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using messaging::FrameType;
using messaging::Header;
using protocol::Status;

class RequestsTest : public testing::Test, public messaging::Wire, public messaging::LinkEvents {
 protected:
  RequestsTest() {
    requests.add(session);
    session.tick(now);  // HELLO
    frame_of({.type = FrameType::welcome, .session = 7, .credit_limit = 100});
  }

  bool send(std::string_view frame) override {
    Header header;
    EXPECT_TRUE(messaging::read_header(frame, header));
    messaging::RequestReader reader(frame, header);
    if (header.type != FrameType::request) return true;
    for (messaging::RequestRecord record; reader.next(record);) tags.push_back(record.tag);
    return true;
  }
  void reopen() override {}
  void on_reply(const messaging::ReplyRecord& record) override { requests.on_reply(record, now); }

  void frame_of(const Header& header, const std::string& records = {}) {
    std::string frame;
    messaging::write_header(header, frame);
    session.on_frame(frame + records, now);
  }
  void reply(std::uint32_t tag, Status status) {
    std::string record;
    messaging::append_reply({.tag = tag, .status = static_cast<std::uint16_t>(status)}, record);
    frame_of({.type = FrameType::reply, .count = 1, .session = 7, .credit_limit = 100}, record);
    session.flush(now);
  }
  void call() {
    Call call;
    call.kind = protocol::RequestKind::place_order;
    requests.call(
        std::move(call), 5s, [this](const Outcome& outcome) { outcomes.push_back(outcome.kind); },
        now);
    session.flush(now);
  }
  void pass(Duration time) {
    now += time;
    requests.tick(now);
    session.flush(now);
  }

  TimePoint now{1h};
  Metrics metrics;
  BackendMetrics counters{metrics, {}};
  Log log{{.level = LogLevel::off}, "gateway"};
  messaging::Session session{{.name = "gateway-1", .instance = 1}, *this, *this};
  Requests requests{{}, counters, log, [] { return 0; }};
  std::vector<std::uint32_t> tags;  // of what was sent
  std::vector<Outcome::Kind> outcomes;
};

TEST_F(RequestsTest, ALateDuplicateOfARefusalThatWasWaitedOutMeansNothing) {
  call();
  reply(tags.at(0), Status::unknown);
  reply(tags.at(1), Status::backend_down);  // Waited out, since it may have happened.
  pass(20ms);
  ASSERT_EQ(tags.size(), 3u);
  reply(tags.at(1), Status::backend_down);  // The same once more, late.
  EXPECT_EQ(counters.late.value(), 1u);
  pass(20ms);
  EXPECT_EQ(tags.size(), 3u) << "sent again while it is under way";
  reply(tags.at(2), Status::ok);
  EXPECT_EQ(outcomes, std::vector{Outcome::Kind::answered});
  EXPECT_EQ(requests.size(), 0u);
}

}  // namespace
}  // namespace depot::customer_gateway
