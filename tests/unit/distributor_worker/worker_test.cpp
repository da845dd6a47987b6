#include "distributor_worker/worker.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "protocol/msgpack.hpp"

namespace depot::distributor_worker {
namespace {

using namespace std::chrono_literals;
using protocol::RequestKind;
using protocol::Status;

constexpr TimePoint kStart{1h};  // Tests own the clock; nothing here sleeps.
const std::string kSession(16, 's');
const std::string kCustomer(16, 'c');

// Keeps what the worker asks for.
class Recorder final : public WorkerActions {
 public:
  struct Command {
    std::uint32_t tag;
    std::vector<std::string> arguments;
    const std::string& function() const { return arguments.at(1); }
    std::vector<std::string> bodies() const {  // of a batch
      return {arguments.begin() + 4, arguments.end()};
    }
  };
  struct Answer {
    std::uint32_t tag;
    Status status;
    std::uint16_t retry_after_ms;
    std::string body;
    bool operator==(const Answer&) const = default;
  };
  void call(std::uint32_t tag, std::span<const std::string_view> arguments) override {
    commands.push_back({tag, {arguments.begin(), arguments.end()}});
  }
  void hash(HashTask task) override { tasks.push_back(std::move(task)); }
  void answer(const Origin& origin, Status status, std::uint16_t retry_after_ms,
              std::string_view body) override {
    answers.push_back({origin.tag, status, retry_after_ms, std::string(body)});
  }
  Command take() {
    Command command = commands.at(0);
    commands.erase(commands.begin());
    return command;
  }

  std::vector<Command> commands;
  std::vector<HashTask> tasks;
  std::vector<Answer> answers;
};

class WorkerTest : public testing::Test {
 protected:
  explicit WorkerTest(const Config& config = {}) : worker(config, recorder) {
    worker.on_redis(true);
  }

  void request(RequestKind kind, std::uint32_t tag, std::string_view body, std::uint8_t flags = 0,
               Duration budget = 5s) {
    worker.on_request({.link = 0, .session = 1, .tag = tag},
                      {.tag = tag,
                       .budget_us = static_cast<std::uint32_t>(budget / 1us),
                       .kind = static_cast<std::uint8_t>(kind),
                       .flags = flags,
                       .body = body},
                      now);
    ++received;
  }
  void order(std::uint32_t tag, std::uint8_t flags = 0, Duration budget = 5s) {
    request(RequestKind::place_order, tag, "order " + std::to_string(tag), flags, budget);
  }
  void orders(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t tag = first; tag <= last; ++tag) order(tag);
  }
  void respond(std::uint32_t call, std::vector<std::string_view> answers) {
    worker.on_answers(call, answers);
  }
  // Answers a batch, the first `count` of its orders only.
  void place(const Recorder::Command& batch, std::size_t count) {
    respond(batch.tag, std::vector<std::string_view>(count, "P..."));
  }
  void place(const Recorder::Command& batch) { place(batch, batch.bodies().size()); }

  Recorder recorder;
  Worker worker;
  TimePoint now = kStart;
  std::uint64_t received = 0;
};

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

TEST_F(WorkerTest, EveryOtherKindIsACallOfItsOwnSentAsItComes) {
  const struct {
    RequestKind kind;
    std::vector<std::string> arguments;
  } table[] = {
      {RequestKind::list_orders, {"list_orders_v1", "0", "body"}},
      {RequestKind::get_order, {"get_order_v1", "0", "body"}},
      {RequestKind::cancel_order, {"cancel_order_v1", "0", "body", "10000"}},
      {RequestKind::log_out, {"log_out_v1", "0", "body"}},
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
  for (const int kind : {0, 20, 255}) {
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
  EXPECT_EQ(worker.counts().batches, (std::array<std::uint64_t, 7>{1, 1, 2, 1, 0, 0, 1}));
  EXPECT_EQ(worker.counts().batches_total(), 6u);
  EXPECT_EQ(worker.counts().orders, 79u);
  EXPECT_EQ(worker.counts().requests[1], 79u);
}

// Passwords.

class PasswordTest : public WorkerTest {
 protected:
  explicit PasswordTest(const Config& config = {}) : WorkerTest(config) {}

  void log_in(std::uint32_t tag = 1) {
    std::string body;
    protocol::encode(protocol::LogIn{kSession, "a@b.c", "secret", "127.0.0.1"}, body);
    request(RequestKind::log_in, tag, body);
  }
  std::string found(const std::string& hash) {
    std::string answer = "O";
    protocol::Writer(answer).array(2).string(kCustomer).string(hash);
    return answer;
  }
  HashTask take_task() {
    HashTask task = recorder.tasks.at(0);
    recorder.tasks.erase(recorder.tasks.begin());
    return task;
  }
};

TEST_F(PasswordTest, LogInFindsVerifiesAndLogsIn) {
  log_in();
  const auto find = recorder.take();
  EXPECT_EQ(find.arguments, (std::vector<std::string>{"FCALL", "find_login_v1", "0", "a@b.c",
                                                      "127.0.0.1", "10", "100", "900000"}));
  respond(find.tag, {found("hash")});
  const HashTask task = take_task();
  EXPECT_TRUE(task.verify);
  EXPECT_EQ(task.against, "hash");
  EXPECT_EQ(task.password, "secret");
  EXPECT_EQ(task.to_hash, "");
  worker.on_hashed({.tag = task.tag, .right = true, .hash = ""});
  const auto enter = recorder.take();
  EXPECT_EQ(enter.arguments,
            (std::vector<std::string>{"FCALL", "log_in_v1", "0", kSession, kCustomer, "a@b.c",
                                      "127.0.0.1", "1", "900000", "86400000", "1209600000"}));
  respond(enter.tag, {"Odone"});
  EXPECT_EQ(recorder.answers, (std::vector<Recorder::Answer>{{1, Status::ok, 0, "Odone"}}));
  EXPECT_TRUE(worker.idle());
}

TEST_F(PasswordTest, AWrongPasswordIsSaidToTheFunctionThatCountsIt) {
  log_in();
  respond(recorder.take().tag, {found("hash")});
  worker.on_hashed({.tag = take_task().tag, .right = false, .hash = ""});
  EXPECT_EQ(recorder.take().arguments[7], "0");
}

TEST_F(PasswordTest, AnUnknownEMailIsVerifiedAllTheSame) {
  log_in();
  respond(recorder.take().tag, {"O\xc0"});
  const HashTask task = take_task();
  EXPECT_TRUE(task.verify);
  EXPECT_EQ(task.against, "");
  worker.on_hashed({.tag = task.tag, .right = false, .hash = ""});
  const auto enter = recorder.take();
  EXPECT_EQ(enter.arguments[4], "");
  EXPECT_EQ(enter.arguments[7], "0");
}

TEST_F(PasswordTest, AThrottledLogInIsAnsweredWithoutHashing) {
  log_in();
  const std::string limited = protocol::encode_problem(
      {.problem = protocol::Problem::rate_limited, .detail = "", .offers = {}});
  respond(recorder.take().tag, {limited});
  EXPECT_TRUE(recorder.tasks.empty());
  EXPECT_EQ(recorder.answers.at(0).status, Status::refused);
  EXPECT_EQ(recorder.answers.at(0).body, limited);
}

TEST_F(PasswordTest, CreateAccountHashesFirstAndPassesNoPasswordOn) {
  std::string body;
  protocol::encode(protocol::CreateAccount{{kSession, kCustomer}, "a@b.c", "secret", "A", "B"},
                   body);
  request(RequestKind::create_account, 1, body);
  EXPECT_TRUE(recorder.commands.empty());
  const HashTask task = take_task();
  EXPECT_FALSE(task.verify);
  EXPECT_EQ(task.to_hash, "secret");
  worker.on_hashed({.tag = task.tag, .right = true, .hash = "$hash"});
  const auto create = recorder.take();
  EXPECT_EQ(create.function(), "create_account_v1");
  const auto sent = protocol::decode_create_account(create.arguments[3]);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->password, "$hash");
  EXPECT_EQ(sent->email, "a@b.c");
  EXPECT_EQ(create.arguments[4], "86400000");
  EXPECT_EQ(create.arguments[5], "1209600000");
}

TEST_F(PasswordTest, ANewPasswordNeedsTheCurrentOne) {
  protocol::ChangeAccount change;
  change.caller = {kSession, kCustomer};
  change.password = "new";
  change.current_password = "old";
  std::string body;
  protocol::encode(change, body);
  request(RequestKind::change_account, 1, body);
  const auto find = recorder.take();
  EXPECT_EQ(find.arguments,
            (std::vector<std::string>{"FCALL", "find_password_v1", "0", kSession, kCustomer}));
  std::string stored = "O";
  protocol::Writer(stored).string("hash");
  respond(find.tag, {stored});
  const HashTask task = take_task();
  EXPECT_EQ(task.against, "hash");
  EXPECT_EQ(task.password, "old");
  EXPECT_EQ(task.to_hash, "new");
  worker.on_hashed({.tag = task.tag, .right = true, .hash = "$new"});
  const auto sent = protocol::decode_change_account(recorder.take().arguments[3]);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->password, "$new");
  EXPECT_EQ(sent->current_password, std::nullopt);
}

TEST_F(PasswordTest, AWrongCurrentPasswordIsForbiddenAndChangesNothing) {
  std::string body;
  protocol::encode(protocol::DeleteAccount{{kSession, kCustomer}, "guess"}, body);
  request(RequestKind::delete_account, 1, body);
  std::string stored = "O";
  protocol::Writer(stored).string("hash");
  respond(recorder.take().tag, {stored});
  worker.on_hashed({.tag = take_task().tag, .right = false, .hash = ""});
  EXPECT_TRUE(recorder.commands.empty());
  ASSERT_EQ(recorder.answers.size(), 1u);
  EXPECT_EQ(recorder.answers[0].status, Status::refused);
  const auto problem = protocol::decode_problem(recorder.answers[0].body);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->problem, protocol::Problem::forbidden);
  EXPECT_TRUE(worker.idle());
}

TEST_F(PasswordTest, TheRightCurrentPasswordDeletesTheAccount) {
  std::string body;
  protocol::encode(protocol::DeleteAccount{{kSession, kCustomer}, "right"}, body);
  request(RequestKind::delete_account, 1, body);
  std::string stored = "O";
  protocol::Writer(stored).string("hash");
  respond(recorder.take().tag, {stored});
  worker.on_hashed({.tag = take_task().tag, .right = true, .hash = ""});
  const auto command = recorder.take();
  EXPECT_EQ(command.function(), "delete_account_v1");
  EXPECT_TRUE(protocol::decode_caller(command.arguments[3]));
}

TEST_F(PasswordTest, AChangeOfNamesNeedsNoPassword) {
  protocol::ChangeAccount change;
  change.caller = {kSession, kCustomer};
  change.first_name = "New";
  std::string body;
  protocol::encode(change, body);
  request(RequestKind::change_account, 1, body);
  EXPECT_EQ(recorder.take().function(), "change_account_v1");
  EXPECT_TRUE(recorder.tasks.empty());
}

TEST_F(PasswordTest, ANewPasswordOrEMailWithoutTheCurrentOneIsABadRequest) {
  protocol::ChangeAccount change;
  change.caller = {kSession, kCustomer};
  change.email = "x@y.z";
  std::string body;
  protocol::encode(change, body);
  request(RequestKind::change_account, 1, body);
  EXPECT_EQ(recorder.answers.at(0).status, Status::bad_request);
  EXPECT_TRUE(recorder.commands.empty());
}

TEST_F(PasswordTest, BodiesThatAreNotOfTheirFormAreBadRequests) {
  for (const RequestKind kind : {RequestKind::create_account, RequestKind::log_in,
                                 RequestKind::change_account, RequestKind::delete_account}) {
    request(kind, 1, "nonsense");
    EXPECT_EQ(recorder.answers.back().status, Status::bad_request) << protocol::name_of(kind);
  }
  EXPECT_TRUE(worker.idle());
}

TEST_F(PasswordTest, BeyondTheQueueOfHashingsItIsOverloadAndOrdersKeepTheirWindow) {
  for (std::uint32_t tag = 1; tag <= 40; ++tag) log_in(tag);
  ASSERT_EQ(recorder.answers.size(), 8u);
  EXPECT_EQ(recorder.answers[0], (Recorder::Answer{33, Status::overload, 1'000, ""}));
  EXPECT_EQ(worker.credit(0, received), received + 128u);
  for (int i = 0; i < 32; ++i) respond(recorder.take().tag, {found("hash")});
  for (const HashTask& task : recorder.tasks)
    worker.on_hashed({.tag = task.tag, .right = true, .hash = ""});
  while (!recorder.commands.empty()) respond(recorder.take().tag, {"Odone"});
  EXPECT_EQ(recorder.answers.size(), 40u);
  EXPECT_TRUE(worker.idle());
  log_in(41);  // There is room again.
  EXPECT_EQ(recorder.commands.size(), 1u);
}

TEST_F(PasswordTest, ALookUpThatFailedIsNeverUnknown) {
  log_in();
  worker.on_failed(recorder.take().tag, ErrorCode::unknown);  // It only read.
  EXPECT_EQ(recorder.answers.at(0).status, Status::backend_down);
  log_in();
  respond(recorder.take().tag, {found("hash")});
  worker.on_hashed({.tag = take_task().tag, .right = true, .hash = ""});
  worker.on_failed(recorder.take().tag, ErrorCode::unknown);
  EXPECT_EQ(recorder.answers.at(1).status, Status::unknown);
}

TEST_F(PasswordTest, WithoutMemoryForAHashItIsOverload) {
  std::string body;
  protocol::encode(protocol::CreateAccount{{kSession, kCustomer}, "a@b.c", "secret", "A", "B"},
                   body);
  request(RequestKind::create_account, 1, body);
  worker.on_hashed({.tag = take_task().tag, .right = true, .hash = ""});
  EXPECT_EQ(recorder.answers.at(0).status, Status::overload);
}

// Whatever the function takes, Redis loses and balancers do: one answer each, in batches that obey
// the limits, orders of a batch in the order they came.
RC_GTEST_PROP(WorkerPropertyTest, AnswersEachRequestOnce, ()) {
  Config config;
  config.workers.batch_orders_max = *rc::gen::inRange(1, 9);
  config.workers.batches_in_flight_max = *rc::gen::inRange(1, 4);
  Recorder recorder;
  Worker worker(config, recorder);
  TimePoint now = kStart;
  std::set<std::uint32_t> asked;
  std::uint32_t next = 1;
  worker.on_redis(true);
  const auto answer_one = [&] {
    if (recorder.commands.empty()) return;
    const auto index = *rc::gen::inRange<std::size_t>(0, recorder.commands.size());
    const auto command = recorder.commands[index];
    recorder.commands.erase(recorder.commands.begin() + static_cast<long>(index));
    const auto outcome = *rc::gen::inRange(0, 8);
    if (outcome == 0) return worker.on_failed(command.tag, ErrorCode::unknown);
    if (outcome == 1) return worker.on_failed(command.tag, ErrorCode::not_executed);
    const bool batch = command.function() == "place_orders_v1";
    const std::size_t orders = batch ? command.bodies().size() : 1;
    const auto taken = *rc::gen::inRange<std::size_t>(1, orders + 1);
    worker.on_answers(command.tag, std::vector<std::string_view>(taken, "P"));
  };
  const int steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {3, 2}, {3, 3}, {1, 4}, {1, 5}})) {
      case 0:
        asked.insert(next);
        worker.on_request({.link = next % 2, .session = 1, .tag = next},
                          {.budget_us = *rc::gen::inRange(0u, 1'000'000u),
                           .kind = 1,
                           .flags = static_cast<std::uint8_t>(next % 7 == 0),
                           .body = std::to_string(next)},
                          now);
        ++next;
        break;
      case 1:
        asked.insert(next);
        worker.on_request({.link = 0, .session = 1, .tag = next},
                          {.budget_us = 1'000'000, .kind = 14}, now);
        ++next;
        break;
      case 2:
        answer_one();
        break;
      case 3:
        now += std::chrono::milliseconds(*rc::gen::inRange(0, 300));
        break;
      case 4:
        worker.on_redis(*rc::gen::arbitrary<bool>());
        break;
      case 5:
        worker.turn(now);
        break;
    }
    int batches = 0;
    for (const auto& command : recorder.commands) {
      if (command.function() != "place_orders_v1") continue;
      ++batches;
      const auto bodies = command.bodies();
      RC_ASSERT(bodies.size() <= static_cast<std::size_t>(config.workers.batch_orders_max));
      for (const std::string& body : bodies) {
        RC_ASSERT(std::stoul(body) % 7 != 0 || bodies.size() == 1);
      }
    }
    RC_ASSERT(batches <= config.workers.batches_in_flight_max);
    RC_ASSERT(worker.batches_in_flight() == static_cast<std::size_t>(batches));
  }
  worker.on_redis(true);
  for (int i = 0; i < 2'000 && !worker.idle(); ++i) {
    worker.turn(now);
    answer_one();
  }
  RC_ASSERT(worker.idle());
  std::multiset<std::uint32_t> answered;
  for (const auto& answer : recorder.answers) answered.insert(answer.tag);
  RC_ASSERT(answered == std::multiset<std::uint32_t>(asked.begin(), asked.end()));
  RC_ASSERT(worker.credit(0, 0) ==
            static_cast<std::uint32_t>(config.workers.batch_orders_max *
                                       config.workers.batches_in_flight_max));
}

}  // namespace
}  // namespace depot::distributor_worker
