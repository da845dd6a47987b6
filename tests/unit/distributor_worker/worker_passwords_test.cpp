#include <gtest/gtest.h>

#include "distributor_worker/worker.hpp"
#include "protocol/msgpack.hpp"
#include "tests/unit/distributor_worker/worker_fixture.hpp"

namespace depot::distributor_worker {
namespace {

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
                                                      "127.0.0.1", "10", "100", "200"}));
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
                                      "127.0.0.1", "1", "900000", "86400000", "1209600000",
                                      kRequestId, "2592000000", "10", "100", "200"}));
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
  protocol::encode(
      protocol::CreateAccount{
          {kSession, kCustomer}, "a@b.c", "secret", "A", "B", "10.0.0.1", false},
      body);
  request(RequestKind::create_account, 1, body);
  EXPECT_TRUE(recorder.commands.empty());
  const HashTask task = take_task();
  EXPECT_FALSE(task.verify);
  EXPECT_EQ(task.to_hash, "secret");
  worker.on_hashed({.tag = task.tag, .right = true, .hash = "$hash"});
  const auto create = recorder.take();
  EXPECT_EQ(create.function(), "create_account_v2");
  const auto sent = protocol::decode_create_account(create.arguments[3]);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->password, "$hash");
  EXPECT_EQ(sent->email, "a@b.c");
  EXPECT_EQ(create.arguments[4], "86400000");
  EXPECT_EQ(create.arguments[5], "1209600000");
  EXPECT_EQ(sent->address, "10.0.0.1");
  EXPECT_EQ(std::vector(create.arguments.begin() + 6, create.arguments.end()),
            (std::vector<std::string>{kRequestId, "900000", "100", "2592000000"}));
}

// No hash is made for who may not be told any more.
TEST_F(PasswordTest, CreateAccountOfACountedAddressAsksFirst) {
  std::string body;
  protocol::encode(
      protocol::CreateAccount{{kSession, kCustomer}, "a@b.c", "secret", "A", "B", "10.0.0.1", true},
      body);
  request(RequestKind::create_account, 1, body);
  const auto asked = recorder.take();
  EXPECT_EQ(asked.arguments, (std::vector<std::string>{"FCALL", "check_sign_up_v1", "0", kCustomer,
                                                       "a@b.c", "10.0.0.1", "100"}));
  EXPECT_TRUE(recorder.tasks.empty());
  respond(asked.tag, {"O\xc0"});
  EXPECT_EQ(take_task().to_hash, "secret");

  request(RequestKind::create_account, 2, body);
  respond(recorder.take().tag,
          {protocol::encode_problem(
              {.problem = protocol::Problem::rate_limited, .detail = "", .offers = {}})});
  EXPECT_TRUE(recorder.tasks.empty());
  EXPECT_EQ(recorder.answers.at(0).status, Status::refused);
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
  EXPECT_EQ(find.arguments, (std::vector<std::string>{"FCALL", "find_password_v1", "0", kSession,
                                                      kCustomer, kRequestId, "10"}));
  std::string stored = "O";
  protocol::Writer(stored).string("hash");
  respond(find.tag, {stored});
  const HashTask task = take_task();
  EXPECT_EQ(task.against, "hash");
  EXPECT_EQ(task.password, "old");
  EXPECT_EQ(task.to_hash, "new");
  worker.on_hashed({.tag = task.tag, .right = true, .hash = "$new"});
  const auto command = recorder.take();
  EXPECT_EQ(std::vector(command.arguments.begin() + 4, command.arguments.end()),
            (std::vector<std::string>{kRequestId, "10", "900000", "100"}))
      << "judged again behind the hashing";
  const auto sent = protocol::decode_change_account(command.arguments[3]);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->password, "$new");
  EXPECT_EQ(sent->current_password, std::nullopt);
}

TEST_F(PasswordTest, WhatAnEarlierAttemptDidIsAnsweredAsItWasThen) {
  std::string body;
  protocol::encode(protocol::DeleteAccount{{kSession, kCustomer}, "right"}, body);
  request(RequestKind::delete_account, 1, body);
  respond(recorder.take().tag, {"PO\xc0"});
  EXPECT_TRUE(recorder.tasks.empty());
  EXPECT_EQ(recorder.answers, (std::vector<Recorder::Answer>{{1, Status::ok, 0, "O\xc0"}}));
  EXPECT_TRUE(worker.idle());
}

TEST_F(PasswordTest, AWrongCurrentPasswordIsCountedAndChangesNothing) {
  std::string body;
  protocol::encode(protocol::DeleteAccount{{kSession, kCustomer}, "guess"}, body);
  request(RequestKind::delete_account, 1, body);
  std::string stored = "O";
  protocol::Writer(stored).string("hash");
  respond(recorder.take().tag, {stored});
  worker.on_hashed({.tag = take_task().tag, .right = false, .hash = ""});
  const auto command = recorder.take();
  EXPECT_EQ(command.arguments,
            (std::vector<std::string>{"FCALL", "wrong_password_v1", "0", kSession, kCustomer,
                                      kRequestId, "900000", "10"}));
  respond(command.tag, {"X..."});
  EXPECT_TRUE(recorder.commands.empty());
  ASSERT_EQ(recorder.answers.size(), 1u);
  EXPECT_EQ(recorder.answers[0].status, Status::refused);
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
  std::string caller;
  protocol::encode(protocol::Caller{kSession, kCustomer}, caller);
  EXPECT_EQ(command.arguments,
            (std::vector<std::string>{"FCALL", "delete_account_v1", "0", caller, kRequestId, "10"}))
      << "judged again behind the hashing";
}

TEST_F(PasswordTest, AChangeOfNamesNeedsNoPassword) {
  protocol::ChangeAccount change;
  change.caller = {kSession, kCustomer};
  change.first_name = "New";
  std::string body;
  protocol::encode(change, body);
  request(RequestKind::change_account, 1, body);
  EXPECT_EQ(recorder.take().function(), "change_account_v2");
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

TEST_F(PasswordTest, WhereHashingTakesLongNoMoreWaitThanItDoesInTwoSeconds) {
  const auto hash_each = [&](Duration time) {
    while (!recorder.commands.empty()) respond(recorder.take().tag, {found("hash")});
    while (!recorder.tasks.empty()) {
      now += time;
      worker.turn(now);
      worker.on_hashed({.tag = take_task().tag, .right = true, .hash = ""});
    }
    while (!recorder.commands.empty()) respond(recorder.take().tag, {"Odone"});
    ASSERT_TRUE(worker.idle());
    recorder.answers.clear();
  };
  for (std::uint32_t tag = 1; tag <= 20; ++tag) log_in(tag);
  hash_each(400ms);
  for (std::uint32_t tag = 1; tag <= 20; ++tag) log_in(tag);
  EXPECT_EQ(recorder.answers.size(), 14u) << "all but six are refused at once";
  EXPECT_EQ(recorder.answers[0], (Recorder::Answer{7, Status::overload, 1'000, ""}));
  hash_each(20ms);
  for (int i = 0; i < 20; ++i) {
    log_in(1);
    hash_each(20ms);
  }
  for (std::uint32_t tag = 1; tag <= 20; ++tag) log_in(tag);
  EXPECT_TRUE(recorder.answers.empty()) << "it is as fast as before";
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

TEST_F(PasswordTest, AStopWhileHashingEndsItWithoutEffect) {
  log_in();
  respond(recorder.take().tag, {found("hash")});
  const HashTask task = take_task();
  recorder.is_timely = false;
  worker.on_hashed({.tag = task.tag, .right = true, .hash = ""});
  EXPECT_TRUE(recorder.commands.empty());
  EXPECT_EQ(recorder.answers.at(0).status, Status::unknown);
  EXPECT_TRUE(worker.idle());
}

TEST_F(PasswordTest, WithoutMemoryForAHashItIsOverload) {
  std::string body;
  protocol::encode(
      protocol::CreateAccount{
          {kSession, kCustomer}, "a@b.c", "secret", "A", "B", "10.0.0.1", false},
      body);
  request(RequestKind::create_account, 1, body);
  worker.on_hashed({.tag = take_task().tag, .right = true, .hash = ""});
  EXPECT_EQ(recorder.answers.at(0).status, Status::overload);
}

}  // namespace
}  // namespace depot::distributor_worker
