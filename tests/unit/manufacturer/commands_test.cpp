#include "manufacturer/commands.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "manufacturer/agent_status.hpp"
#include "protocol/fields.hpp"
#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOrder = "ABCDEFGHIJKLMNOP";

class CommandsTest : public AgentTest {
 protected:
  void SetUp() override {
    begin();
    sent_.clear();
  }
  void put(const std::string& path) {
    commands_.put(path, [this](const http::Response& response) {
      answers_.push_back(std::to_string(response.status) + " " + response.body);
    });
  }
  void turn(Duration step = 1ms) {
    now_ += step;
    hub_says({.type = SyncType::head, .epoch = 1});  // It is alive.
    commands_.on_tick(now_);
    agent_->on_tick(now_);
  }
  void answer(const Frame& ask, const std::string& bytes) {
    hub_says({SyncType::answer, 0, 0, ask.header.from, 1}, bytes);
  }
  std::vector<std::string> answers_;
  Commands commands_{*agent_};
};

TEST_F(CommandsTest, StepsOfAnOrderAreTheHubsToAnswer) {
  put(std::string("/ship/") + kOrder);
  put(std::string("/delivered/") + kOrder);
  turn();
  const auto asks = sent(SyncType::ask);
  ASSERT_EQ(asks.size(), 2u);
  std::string verb, order;
  std::int64_t status = 0;
  protocol::Reader reader(asks[0].body);
  EXPECT_EQ(reader.array(), 3u);
  read(reader, verb, order, status);
  EXPECT_EQ(verb + " " + order + " " + std::to_string(status), "step ABCDEFGHIJKLMNOP 2");
  answer(asks[0], "O\xC0");
  answer(asks[1], protocol::encode_problem(
                      {protocol::Problem::not_cancellable, "It is not shipped yet.", {}, 0}));
  EXPECT_THAT(answers_, ElementsAre(R"(200 {"order_id":"ABCDEFGHIJKLMNOP","status":"shipped"})",
                                    HasSubstr("It is not shipped yet.")));
}

TEST_F(CommandsTest, AcceptIsAnsweredOnceTheHubHasWrittenIt) {
  ledger_entry(1, offered("a", 1));
  put("/accept");
  turn();
  turn(1s);
  EXPECT_THAT(answers_, IsEmpty());
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 1});
  turn();
  EXPECT_THAT(answers_, ElementsAre(R"(200 {"accepted":"1-1"})"));
}

TEST_F(CommandsTest, WhatIsNoCommandIsRefused) {
  for (const char* path : {"/ship", "/ship/", "/ship/short", "/dance", "/", "/dance/x"}) put(path);
  turn();
  EXPECT_THAT(answers_, ElementsAre(HasSubstr("404 "), HasSubstr("400 "), HasSubstr("400 "),
                                    HasSubstr("404 "), HasSubstr("404 "), HasSubstr("404 ")));
  EXPECT_THAT(sent(SyncType::ask), IsEmpty());
}

TEST_F(CommandsTest, NobodyWaitsForEver) {
  put(std::string("/ship/") + kOrder);
  turn();
  const auto asks = sent(SyncType::ask);
  turn(9s);
  EXPECT_THAT(answers_, IsEmpty());
  turn(1s);
  EXPECT_THAT(answers_, ElementsAre(HasSubstr("503 ")));
  answer(asks[0], "O\xC0");  // Late.
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(CommandsTest, HaveALimit) {
  for (std::size_t i = 0; i <= Commands::kUnderWayMax; ++i) put(std::string("/ship/") + kOrder);
  EXPECT_THAT(answers_, ElementsAre(HasSubstr("503 ")));
  turn();
  put(std::string("/ship/") + kOrder);
  turn();
  EXPECT_THAT(answers_, ElementsAre(HasSubstr("503 "), HasSubstr("503 ")));
}

TEST_F(CommandsTest, StatusHasWhatAPersonAsksFor) {
  agent_->set_offers({{"a", "Apple", 5, 3}});
  ledger_entry(1, offered("a", 10));
  hub_says({.type = SyncType::head, .epoch = 1, .from = 8, .to = 7});
  hub_says({.type = SyncType::accept, .epoch = 1, .to = 1});
  const AgentFile file{
      .path = "", .id = "m1", .name = "First", .catalogue = "", .offers = {}, .production = {}};
  const std::string text = status_of(file, *agent_, Production({}),
                                     {cycle_, protocol::CycleState::open, 0, 1}, {{"a", 4}});
  const boost::json::value status = boost::json::parse(text);
  EXPECT_EQ(boost::json::serialize(status.at("skus")),
            R"([{"sku":"a","name":"Apple","unit_price":5,"wanted":10,"offered":10,"sold":0,)"
            R"("cut":0,"available":10,"shortage":0,"refused":4}])");
  EXPECT_EQ(boost::json::serialize(status.at("head")), R"({"epoch":1,"number":7})");
  EXPECT_EQ(status.at("behind").as_int64(), 6);
  EXPECT_EQ(boost::json::serialize(status.at("cycle")), R"({"id":"2026-11","state":"open"})");
  EXPECT_EQ(boost::json::serialize(status.at("accepted")), R"({"epoch":1,"number":1})");
  EXPECT_EQ(status.at("unacknowledged").as_int64(), 2);
  EXPECT_THAT(table_of_status(text), HasSubstr("newest entry 1-1, 6 behind; accepted up to 1-1"));
  EXPECT_THAT(table_of_status(status_of(file, *agent_, Production({}), {}, {})),
              HasSubstr("no hub has answered yet"));
}

}  // namespace
}  // namespace depot::manufacturer
