#include "distributor_worker/worker.hpp"

#include <gtest/gtest.h>

#include "protocol/msgpack.hpp"
#include "tests/unit/distributor_worker/worker_fixture.hpp"

namespace depot::distributor_worker {
namespace {

TEST_F(WorkerTest, OrdersThatAreReadyTravelAsOneCall) {
  orders(1, 3);
  EXPECT_TRUE(recorder.commands.empty());
  worker.turn(now);
  const auto batch = recorder.take();
  EXPECT_EQ(batch.arguments[0], "FCALL");
  EXPECT_EQ(batch.arguments[1], "place_orders_v1");
  EXPECT_EQ(batch.arguments[2], "0");
  EXPECT_EQ(batch.bodies(), (std::vector<std::string>{"order 1", "order 2", "order 3"}));

  respond(batch.tag, {"P1", "N2", "X\x94\x03"});
  EXPECT_EQ(recorder.answers,
            (std::vector<Recorder::Answer>{{1, Status::ok, 0, "P1"},
                                           {2, Status::refused, 0, "N2"},
                                           {3, Status::refused, 0, "X\x94\x03"}}));
  EXPECT_TRUE(worker.idle());
}

TEST_F(WorkerTest, CountsOrdersByTheirVerdict) {
  orders(1, 7);
  worker.turn(now);
  respond(recorder.take().tag, {"P1", "P2", "p1", "N3", "n3", "X\x94\x03", ""});
  EXPECT_EQ(worker.counts().placed.value(), 2u);
  EXPECT_EQ(worker.counts().refused.value(), 1u);
  EXPECT_EQ(worker.counts().repeated.value(), 2u);
  EXPECT_EQ(worker.counts().not_judged.value(), 2u);
  EXPECT_EQ(worker.counts().orders_total(), 7u);
}

TEST_F(WorkerTest, TheOptionsSayWhatTheConfigSays) {
  order(1);
  worker.turn(now);
  const std::string options = recorder.take().arguments[3];
  protocol::Reader reader(options);
  ASSERT_EQ(reader.array(), 6u);
  EXPECT_EQ(reader.integer(), 512);        // batch_lines_max
  EXPECT_EQ(reader.integer(), 0);          // refusals_per_minute_max
  EXPECT_EQ(reader.integer(), 2'000'000);  // refusals_max
  EXPECT_EQ(reader.integer(), 0);          // units_per_customer_and_offer_max
  EXPECT_EQ(reader.integer(), 10'000);     // feed_entries_max
  EXPECT_EQ(reader.integer(), 0);          // stop_new
  EXPECT_TRUE(reader.done());
}

TEST_F(WorkerTest, ABatchHasAtMost64OrdersAndTwoAreInFlight) {
  orders(1, 200);
  worker.turn(now);
  ASSERT_EQ(recorder.commands.size(), 2u);
  const auto first = recorder.take();
  const auto second = recorder.take();
  EXPECT_EQ(first.bodies().size(), 64u);
  EXPECT_EQ(second.bodies().size(), 64u);
  EXPECT_EQ(second.bodies().front(), "order 65");
  worker.turn(now);
  EXPECT_TRUE(recorder.commands.empty());
  place(first);
  worker.turn(now);
  EXPECT_EQ(recorder.take().bodies().front(), "order 129");
}

TEST_F(WorkerTest, WhatTheFunctionDidNotTakeOpensTheNextBatchInOrder) {
  orders(1, 10);
  worker.turn(now);
  const auto first = recorder.take();
  orders(11, 12);
  place(first, 7);
  EXPECT_EQ(recorder.answers.size(), 7u);
  worker.turn(now);
  EXPECT_EQ(recorder.take().bodies(),
            (std::vector<std::string>{"order 8", "order 9", "order 10", "order 11", "order 12"}));
}

TEST_F(WorkerTest, AnOrderFlaggedAloneHasABatchOfItsOwn) {
  order(1);
  order(2, messaging::kRecordAlone);
  order(3);
  worker.turn(now);
  ASSERT_EQ(recorder.commands.size(), 2u);
  const auto first = recorder.take();
  EXPECT_EQ(first.bodies(), std::vector<std::string>{"order 1"});
  EXPECT_EQ(recorder.take().bodies(), std::vector<std::string>{"order 2"});
  place(first);
  worker.turn(now);
  EXPECT_EQ(recorder.take().bodies(), std::vector<std::string>{"order 3"});
}

TEST_F(WorkerTest, ABatchOfLargeOrdersEndsEarly) {
  const std::string large(250'000, 'x');
  for (std::uint32_t tag = 1; tag <= 6; ++tag) request(RequestKind::place_order, tag, large);
  worker.turn(now);
  EXPECT_EQ(recorder.take().bodies().size(), 4u);  // 1 MiB
  EXPECT_EQ(recorder.take().bodies().size(), 2u);
}

TEST_F(WorkerTest, AnOrderWhoseTimeIsOverIsNotSent) {
  order(1, 0, 100ms);
  order(2);
  now += 100ms;
  worker.turn(now);
  EXPECT_EQ(recorder.answers, (std::vector<Recorder::Answer>{{1, Status::expired, 0, ""}}));
  EXPECT_EQ(recorder.take().bodies(), std::vector<std::string>{"order 2"});
}

TEST_F(WorkerTest, NothingIsRunThatTheBalancerMayHaveGivenUp) {
  orders(1, 2);
  recorder.is_timely = false;
  request(RequestKind::put_card, 3, "body");
  worker.turn(now);
  EXPECT_TRUE(recorder.commands.empty());
  EXPECT_EQ(recorder.answers, (std::vector<Recorder::Answer>{{3, Status::unknown, 0, ""},
                                                             {1, Status::unknown, 0, ""},
                                                             {2, Status::unknown, 0, ""}}));
  EXPECT_EQ(worker.credit(0, received), received + 128u);
}

TEST_F(WorkerTest, NoKindIsRunBehindItsDeadline) {
  request(RequestKind::put_card, 1, "body", 0, 0s);
  EXPECT_EQ(recorder.answers, (std::vector<Recorder::Answer>{{1, Status::expired, 0, ""}}));
  EXPECT_TRUE(recorder.commands.empty());
}

TEST_F(WorkerTest, EveryOtherKindIsACallOfItsOwnSentAsItComes) {
  const struct {
    RequestKind kind;
    std::vector<std::string> arguments;
  } table[] = {
      {RequestKind::list_orders, {"list_orders_v1", "0", "body"}},
      {RequestKind::get_order, {"get_order_v1", "0", "body"}},
      {RequestKind::cancel_order, {"cancel_order_v1", "0", "body", "10000"}},
      {RequestKind::log_out, {"log_out_v1", "0", "body", kRequestId}},
      {RequestKind::check_session, {"check_session_v1", "0", "body"}},
      {RequestKind::get_account, {"get_account_v1", "0", "body"}},
      {RequestKind::put_card, {"put_card_v1", "0", "body"}},
      {RequestKind::delete_card, {"delete_card_v1", "0", "body"}},
      {RequestKind::get_cart, {"get_cart_v1", "0", "body"}},
      {RequestKind::add_cart_line, {"add_cart_line_v1", "0", "body", "1024", "1000000"}},
      {RequestKind::set_cart_line, {"set_cart_line_v1", "0", "body", "1024", "1000000"}},
      {RequestKind::remove_cart_line, {"remove_cart_line_v1", "0", "body", "1024", "1000000"}},
      {RequestKind::get_cycle, {"get_cycle_v1", "0"}},
      {RequestKind::ready, {"readiness_v1", "0"}},
      {RequestKind::manufacturer_offers, {"manufacturer_offers_v1", "0", "body"}},
      {RequestKind::manufacturer_sales, {"manufacturer_sales_v1", "0", "body"}},
  };
  std::uint32_t tag = 0;
  for (const auto& row : table) {
    request(row.kind, ++tag, "body");
    auto expected = row.arguments;
    expected.insert(expected.begin(), "FCALL");
    ASSERT_EQ(recorder.commands.size(), 1u) << protocol::name_of(row.kind);
    const auto command = recorder.take();
    EXPECT_EQ(command.arguments, expected);
    respond(command.tag, {"O\xc0"});
    EXPECT_EQ(recorder.answers.back(), (Recorder::Answer{tag, Status::ok, 0, "O\xc0"}));
  }
}

TEST_F(WorkerTest, KindsThatAreNoneAreBadRequests) {
  for (const int kind : {0, protocol::kRequestKindMax + 1, 255}) {
    request(static_cast<RequestKind>(kind), 1, "body");
    EXPECT_EQ(recorder.answers.back().status, Status::bad_request) << kind;
  }
  EXPECT_TRUE(recorder.commands.empty());
}

TEST_F(WorkerTest, TheLetterOfAnAnswerIsItsStatus) {
  const std::string malformed = protocol::encode_problem(
      {.problem = protocol::Problem::malformed, .detail = "", .offers = {}});
  const std::string other = protocol::encode_problem(
      {.problem = protocol::Problem::card_required, .detail = "", .offers = {}});
  const struct {
    std::string answer;
    Status status;
  } table[] = {{"O", Status::ok},
               {"P", Status::ok},
               {"p", Status::ok},
               {"N", Status::refused},
               {"n", Status::refused},
               {other, Status::refused},
               {malformed, Status::bad_request},
               {"", Status::unknown},
               {"?", Status::unknown}};
  for (const auto& row : table) {
    request(RequestKind::get_cart, 1, "body");
    respond(recorder.take().tag, {row.answer});
    EXPECT_EQ(recorder.answers.back().status, row.status) << row.answer;
    EXPECT_EQ(recorder.answers.back().body, row.answer);
  }
}

TEST_F(WorkerTest, AnAnswerOfTheWrongShapeIsUnknownForAll) {
  for (const std::size_t count : {0u, 4u}) {
    recorder.answers.clear();
    orders(1, 3);
    worker.turn(now);
    place(recorder.take(), count);
    ASSERT_EQ(recorder.answers.size(), 3u);
    for (const auto& answer : recorder.answers) EXPECT_EQ(answer.status, Status::unknown);
    EXPECT_TRUE(worker.idle());
  }
}

TEST_F(WorkerTest, AnAnswerThatNoRecordHoldsIsUnknown) {
  const std::string largest(messaging::kRecordBytesMax - messaging::kReplyRecordHead, 'O');
  request(RequestKind::list_orders, 1, "body");
  respond(recorder.take().tag, {largest});
  EXPECT_EQ(recorder.answers.back().status, Status::ok);
  request(RequestKind::list_orders, 2, "body");
  respond(recorder.take().tag, {largest + "O"});
  EXPECT_EQ(recorder.answers.back(), (Recorder::Answer{2, Status::unknown, 0, ""}));
}

TEST_F(WorkerTest, ErrorsAreBackEndDownWhereNothingHappenedElseUnknown) {
  orders(1, 2);
  worker.turn(now);
  worker.on_failed(recorder.take().tag, ErrorCode::not_executed);
  orders(3, 3);
  worker.turn(now);
  worker.on_failed(recorder.take().tag, ErrorCode::unknown);
  EXPECT_EQ(recorder.answers, (std::vector<Recorder::Answer>{{1, Status::backend_down, 1'000, ""},
                                                             {2, Status::backend_down, 1'000, ""},
                                                             {3, Status::unknown, 0, ""}}));
  EXPECT_EQ(worker.batches_in_flight(), 0u);
}

TEST_F(WorkerTest, WithoutRedisItGrantsNothingAndRefusesWhatWaits) {
  orders(1, 130);
  worker.turn(now);  // 128 are on their way, 2 wait
  EXPECT_EQ(worker.credit(0, received), 128u);
  worker.on_redis(false);
  EXPECT_TRUE(worker.backend_down());
  ASSERT_EQ(recorder.answers.size(), 2u);
  EXPECT_EQ(recorder.answers[0], (Recorder::Answer{129, Status::backend_down, 1'000, ""}));
  EXPECT_EQ(worker.credit(0, received), 130u - 128u);  // No more than is answered: none.
  order(131);
  EXPECT_EQ(recorder.answers.back().tag, 131u);
  EXPECT_EQ(recorder.answers.back().status, Status::backend_down);
  worker.on_redis(true);
  EXPECT_EQ(worker.credit(0, received), 131u - 128u + 128u);
}

TEST_F(WorkerTest, CreditIsAWindowOfTwoBatchesBeyondWhatIsAnswered) {
  EXPECT_EQ(worker.credit(0, 0), 128u);
  orders(1, 10);
  EXPECT_EQ(worker.credit(0, received), 128u);
  worker.turn(now);
  place(recorder.take());
  EXPECT_EQ(worker.credit(0, received), 138u);
  EXPECT_EQ(worker.credit(0, (std::uint64_t{1} << 32) + 5), 5u + 128u);  // Modulo 2^32.
}

TEST_F(WorkerTest, ALostBalancersWaitingOrdersAreDroppedAndItsWindowIsFresh) {
  orders(1, 130);
  worker.turn(now);
  worker.on_lost(0);
  EXPECT_EQ(worker.credit(0, 0), 128u);
  const auto first = recorder.take();
  const auto second = recorder.take();
  place(first);
  worker.turn(now);
  EXPECT_TRUE(recorder.commands.empty());  // 129 and 130 are gone.
  // A new session, while answers of the old one still come: they do not count here.
  worker.on_request({.link = 0, .session = 2, .tag = 7}, {.budget_us = 1'000'000, .kind = 1}, now);
  place(second);
  EXPECT_EQ(worker.credit(0, 1), 128u);
}

TEST_F(WorkerTest, ShortOfMemoryItStopsNewPurchasesOnly) {
  worker.on_memory("# Memory\r\nused_memory:850\r\nused_memory_human:1K\r\nmaxmemory:100000\r\n");
  EXPECT_FALSE(worker.purchases_stopped());
  worker.on_memory("# Memory\r\nused_memory:84999\r\nmaxmemory:100000\r\n");
  EXPECT_FALSE(worker.purchases_stopped());
  worker.on_memory("# Memory\r\nused_memory:85000\r\nmaxmemory:100000\r\n");
  EXPECT_TRUE(worker.purchases_stopped());
  order(1);
  worker.turn(now);
  EXPECT_EQ(recorder.take().arguments[3].back(), '\1');
  worker.on_memory("# Memory\r\nused_memory:99999\r\nmaxmemory:0\r\n");
  EXPECT_FALSE(worker.purchases_stopped());  // No limit set.
}

TEST_F(WorkerTest, CountsBatchesByTheirSize) {
  for (const std::uint32_t size : {1u, 2u, 3u, 4u, 5u, 64u}) {
    orders(1, size);
    worker.turn(now);
    place(recorder.take());
  }
  std::vector<std::uint64_t> batches;
  for (const Counter* count : worker.counts().batches) batches.push_back(count->value());
  EXPECT_EQ(batches, (std::vector<std::uint64_t>{1, 1, 2, 1, 0, 0, 1}));
  EXPECT_EQ(worker.counts().batches_total(), 6u);
  EXPECT_EQ(worker.counts().orders_total(), 79u);
  EXPECT_EQ(worker.counts().requests[0]->value(), 79u);
}

}  // namespace
}  // namespace depot::distributor_worker
