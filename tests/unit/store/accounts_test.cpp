// Accounts, log-ins, sessions, throttling: the real functions in a real Redis.

#include <gtest/gtest.h>

#include "tests/support/wait.hpp"
#include "tests/unit/store/accounts_fixture.hpp"

namespace depot::store::test {
namespace {

using namespace std::chrono_literals;
using depot::test::wait_until;

TEST_F(AccountsTest, ARetriedAttemptMakesOneAccount) {
  EXPECT_EQ(create("anna", "anna@example.org"), kDone);
  EXPECT_EQ(create("anna", "anna@example.org"), kDone);
  EXPECT_EQ(shop_.redis({"HLEN", "emails:{s0}"}).integer, 1);
  EXPECT_EQ(check(caller("anna")), kDone);
}

TEST_F(AccountsTest, WrongCurrentPasswordsAreCountedByTheSession) {
  create("anna", "anna@example.org");
  const auto with_session = [&](const std::string& function, const std::string& request,
                                const std::string& last) {
    return text_of(
        shop_.call(function, {caller("anna").session, id("anna"), id(request), last, "3"}));
  };
  EXPECT_EQ(with_session("wrong_password_v1", "r1", "60000"), "X forbidden");
  EXPECT_EQ(with_session("wrong_password_v1", "r1", "60000"), "X forbidden");  // A retry.
  EXPECT_EQ(with_session("wrong_password_v1", "r2", "60000"), "X forbidden");
  EXPECT_NE(with_session("find_password_v1", "r3", "3"), "X rate_limited");
  for (int i = 0; i < 3; ++i) log_in("new", "anna", "Anna@example.org", false);
  EXPECT_NE(with_session("find_password_v1", "r3", "3"), "X rate_limited") << "the door is another";
  EXPECT_EQ(with_session("wrong_password_v1", "r4", "60000"), "X forbidden");
  EXPECT_EQ(with_session("find_password_v1", "r5", "3"), "X rate_limited");

  // Of guesses at once, which all found the hash, those behind the maximum learn nothing.
  EXPECT_EQ(with_session("wrong_password_v1", "r6", "60000"), "X rate_limited");
  std::string who;
  encode(caller("anna"), who);
  EXPECT_EQ(text_of(shop_.call("delete_account_v1", {who, id("r7"), "3"})), "X rate_limited");
  EXPECT_EQ(text_of(change(caller("anna"), {}, "right")), "X rate_limited");
  EXPECT_EQ(text_of(change(caller("anna"), "new@example.org", {})), "X rate_limited");
  EXPECT_EQ(change(caller("anna"), {}, {})[0], 'O') << "a name needs no password";

  // It was not Anna, who has a session of her own and ends that one.
  log_in("hers", "anna", "anna@example.org", true, "10.0.0.2");
  const protocol::Caller hers{.session = id("hers"), .customer = id("anna")};
  EXPECT_EQ(change(hers, {}, "right")[0], 'O');
  EXPECT_EQ(text_of(check(caller("anna"))), "X unauthenticated");
}

TEST_F(AccountsTest, AnEmailIsTakenWhateverItsCase) {
  create("anna", "Anna@Example.org");
  EXPECT_EQ(text_of(create("bert", "anna@example.ORG")), "X email_taken");
  EXPECT_EQ(text_of(check(caller("bert"))), "X unauthenticated");
}

TEST_F(AccountsTest, WhoAsksWhichEmailsAreTakenIsCountedByTheAddress) {
  create("anna", "anna@example.org");
  create("bert", "bert@example.org");
  EXPECT_EQ(sign_up("c1", "anna@example.org", "10.0.0.9", "r1"), "X email_taken");
  EXPECT_EQ(sign_up("c1", "anna@example.org", "10.0.0.9", "r1"), "X email_taken");  // A retry.
  EXPECT_EQ(sign_up("free", "free@example.org", "10.0.0.9", "r2"), kDone) << "is not counted";
  // Whoever is signed in asks by changing the e-mail.
  EXPECT_EQ(text_of(change(caller("bert"), "anna@example.org", {}, id("r3"), "10.0.0.9")),
            "X email_taken");
  EXPECT_EQ(text_of(change(caller("bert"), "anna@example.org", {}, id("r3"), "10.0.0.9")),
            "X email_taken");
  EXPECT_EQ(sign_up("c2", "bert@example.org", "10.0.0.9", "r4"), "X email_taken");
  // From now on neither what is taken nor what is free is told there.
  EXPECT_EQ(sign_up("c3", "anna@example.org", "10.0.0.9", "r5"), "X rate_limited");
  EXPECT_EQ(sign_up("c4", "nobody@example.org", "10.0.0.9", "r6"), "X rate_limited");
  EXPECT_EQ(text_of(change(caller("bert"), "anna@example.org", {}, id("r7"), "10.0.0.9")),
            "X rate_limited");
  EXPECT_EQ(text_of(change(caller("bert"), "new@example.org", {}, id("r8"), "10.0.0.9")),
            "X rate_limited");
  EXPECT_EQ(change(caller("bert"), "Bert@example.org", {}, id("r9"), "10.0.0.9")[0], 'O')
      << "the own one in other letters tells nothing";
  EXPECT_EQ(sign_up("free", "free@example.org", "10.0.0.9", "r2"), kDone) << "a retry";
  EXPECT_EQ(sign_up("c5", "nobody@example.org", "10.0.0.8", "r10"), kDone) << "from elsewhere";

  // Asked before a hash is made; a log-in from there is another matter.
  const auto may_ask = [&](const std::string& customer, const std::string& address) {
    return text_of(
        shop_.call("check_sign_up_v1", {id(customer), "free@example.org", address, "3"}));
  };
  EXPECT_EQ(may_ask("c6", "10.0.0.9"), "X rate_limited");
  EXPECT_NE(may_ask("c6", "10.0.0.8"), "X rate_limited");
  EXPECT_NE(may_ask("free", "10.0.0.9"), "X rate_limited") << "a retry";
  EXPECT_NE(text_of(find_login("anna@example.org", "10.0.0.9")), "X rate_limited");
}

TEST_F(AccountsTest, FailedLogInsKeepNobodyFromSigningUp) {
  create("anna", "anna@example.org");
  for (int i = 0; i < 5; ++i) log_in("s", "anna", "anna@example.org", false, "10.0.0.9");
  EXPECT_EQ(text_of(find_login("anna@example.org", "10.0.0.9")), "X rate_limited");
  EXPECT_EQ(sign_up("bert", "bert@example.org", "10.0.0.9", "r1"), kDone);
}

TEST_F(AccountsTest, WhoIsNotCountedIsToldAlways) {
  create("anna", "anna@example.org");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(sign_up("bert", "anna@example.org", "127.0.0.1", "r" + std::to_string(i), false),
              "X email_taken");
  }
  EXPECT_EQ(sign_up("bert", "bert@example.org", "127.0.0.1", "free", false), kDone);
}

TEST_F(AccountsTest, AnAccountIsReadAsItWasMade) {
  create("anna", "Anna@Example.org");
  auto account = protocol::decode_account(with_caller("get_account_v1", caller("anna")));
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->email, "Anna@Example.org");
  EXPECT_EQ(account->first_name, "First");
  EXPECT_FALSE(account->card.has_value());
  std::string card;
  encode(
      protocol::PutCard{
          .caller = caller("anna"),
          .card = {.brand = "visa", .last4 = "0042", .exp_month = 12, .exp_year = 2031},
          .token = "tok"},
      card);
  EXPECT_EQ(shop_.call("put_card_v1", {card}), kDone);
  account = protocol::decode_account(with_caller("get_account_v1", caller("anna")));
  ASSERT_TRUE(account && account->card);
  EXPECT_EQ(account->card->last4, "0042");  // Its zeros are kept.
  EXPECT_EQ(account->card->exp_year, 2031);
  EXPECT_EQ(with_caller("delete_card_v1", caller("anna")), kDone);
  account = protocol::decode_account(with_caller("get_account_v1", caller("anna")));
  EXPECT_FALSE(account->card.has_value());
}

TEST_F(AccountsTest, ASessionIsOfItsCustomerOnly) {
  create("anna", "anna@example.org");
  create("bert", "bert@example.org");
  EXPECT_EQ(text_of(check({.session = caller("anna").session, .customer = id("bert")})),
            "X unauthenticated");
  EXPECT_EQ(text_of(check({.session = id("made up"), .customer = id("anna")})),
            "X unauthenticated");
}

TEST_F(AccountsTest, LoggingOutKillsTheSessionAtOnce) {
  create("anna", "anna@example.org");
  EXPECT_EQ(with_caller("log_out_v1", caller("anna")), kDone);
  EXPECT_EQ(text_of(check(caller("anna"))), "X unauthenticated");
}

TEST_F(AccountsTest, AnIdleSessionExpires) {
  create("anna", "anna@example.org", 100);
  EXPECT_TRUE(wait_until(
      10s, [&] { return time_to_live(caller("anna")) < 0; }, "the session expires"));
  EXPECT_EQ(text_of(check(caller("anna"))), "X unauthenticated");
}

TEST_F(AccountsTest, UseKeepsASessionAlive) {
  create("anna", "anna@example.org", 20'000);
  EXPECT_TRUE(wait_until(
      10s, [&] { return time_to_live(caller("anna")) < 14'900; }, "over a quarter has passed"));
  EXPECT_EQ(check(caller("anna")), kDone);
  EXPECT_GT(time_to_live(caller("anna")), 19'000);
  const Value before = shop_.redis({"GET", "session:{s0}:" + caller("anna").session});
  EXPECT_EQ(check(caller("anna")), kDone);  // Soon after: not written again.
  EXPECT_EQ(shop_.redis({"GET", "session:{s0}:" + caller("anna").session}).text, before.text);
}

TEST_F(AccountsTest, UseDoesNotCarryASessionPastItsEnd) {
  create("anna", "anna@example.org", 1'000, 400);
  EXPECT_LE(time_to_live(caller("anna")), 400);
  EXPECT_TRUE(wait_until(
      10s, [&] { return text_of(check(caller("anna"))) == "X unauthenticated"; },
      "the session ends in spite of being used"));
}

TEST_F(AccountsTest, ANewPasswordEndsEveryOtherSession) {
  create("anna", "anna@example.org");
  const protocol::Caller other{.session = id("second"), .customer = id("anna")};
  log_in("second", "anna", "anna@example.org", true);
  EXPECT_EQ(check(other), kDone);
  const auto account =
      protocol::decode_account(change(caller("anna"), std::nullopt, "another hash"));
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->last_name, "Changed");
  EXPECT_EQ(check(caller("anna")), kDone);
  EXPECT_EQ(text_of(check(other)), "X unauthenticated");
  EXPECT_EQ(shop_.call("find_password_v1", {caller("anna").session, id("anna"), "", "3"}).substr(2),
            "another hash");
  EXPECT_EQ(text_of(shop_.call("find_password_v1", {other.session, id("anna"), "", "3"})),
            "X unauthenticated");
}

// The first attempt takes away what the second would be judged by: password, session, account.
TEST_F(AccountsTest, ARetriedAttemptIsAnsweredAsTheFirstWas) {
  create("anna", "anna@example.org");
  const auto find_password = [&](const std::string& request) {
    return shop_.call("find_password_v1", {caller("anna").session, id("anna"), id(request), "3"});
  };
  const std::string changed = change(caller("anna"), std::nullopt, "another hash", id("change"));
  EXPECT_EQ(find_password("change"), "P" + changed);
  EXPECT_EQ(change(caller("anna"), std::nullopt, "salted anew", id("change")), changed);
  EXPECT_EQ(find_password("another").substr(2), "another hash");
  EXPECT_GT(shop_.redis({"PTTL", "done:{s0}:" + id("change")}).integer, 100'000);

  std::string who;
  encode(caller("anna"), who);
  const protocol::Caller second{.session = id("second"), .customer = id("anna")};
  std::string second_body;
  encode(second, second_body);
  log_in("second", "anna", "anna@example.org", true);
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(shop_.call("log_out_v1", {second_body, id("log out")}), kDone);
  }
  EXPECT_EQ(text_of(shop_.call("log_out_v1", {second_body, id("later")})), "X unauthenticated");
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(shop_.call("delete_account_v1", {who, id("delete"), "3"}), kDone);
  }
  EXPECT_EQ(find_password("delete"), "P" + kDone);
  EXPECT_EQ(text_of(shop_.call("delete_account_v1", {who, id("later"), "3"})), "X unauthenticated");
}

TEST_F(AccountsTest, AChangedEmailFreesTheOldOne) {
  create("anna", "anna@example.org");
  create("bert", "bert@example.org");
  EXPECT_EQ(text_of(change(caller("anna"), "BERT@example.org", {})), "X email_taken");
  EXPECT_TRUE(protocol::decode_account(change(caller("anna"), "new@example.org", {})).has_value());
  EXPECT_EQ(find_login("anna@example.org"), kDone);  // Nobody's.
  EXPECT_NE(find_login("NEW@example.org"), kDone);
  EXPECT_EQ(create("cara", "anna@example.org"), kDone);
}

TEST_F(AccountsTest, ADeletedAccountLeavesItsOrders) {
  create("anna", "anna@example.org");
  shop_.hello("m");
  shop_.offer("m", 1, 1, {{.sku = "x", .name = "X", .unit_price = 5, .offered = 10}});
  std::string card, body;
  encode(
      protocol::PutCard{
          .caller = caller("anna"), .card = {"visa", "4242", 1, 2030}, .token = "tok"},
      card);
  shop_.call("put_card_v1", {card});
  const auto bought = order("anna", "k", {{.offer = "m:x", .quantity = 1, .seen_price = {}}});
  ASSERT_EQ(shop_.place({bought})[0][0], 'P');
  encode(protocol::DeleteAccount{.caller = caller("anna"), .password = "checked"}, body);
  EXPECT_EQ(shop_.call("delete_account_v1", {body, "", "3"}), kDone);
  EXPECT_EQ(text_of(check(caller("anna"))), "X unauthenticated");
  EXPECT_EQ(find_login("anna@example.org"), kDone);
  EXPECT_EQ(shop_.redis({"EXISTS", "order:{s0}:" + bought.order_id}).integer, 1);
  EXPECT_EQ(shop_.redis({"EXISTS", "account:{s0}:" + id("anna")}).integer, 0);
  EXPECT_EQ(text_of(shop_.place({bought})[0]), "X unauthenticated");
}

TEST_F(AccountsTest, FailedLogInsAreThrottledByAccount) {
  create("anna", "anna@example.org");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(find_login("anna@example.org")[0], 'O');
    EXPECT_EQ(text_of(log_in("s", "anna", "anna@example.org", false)), "X unauthenticated");
  }
  const auto refused = protocol::decode_problem(find_login("Anna@example.org"));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->problem, protocol::Problem::rate_limited);
  EXPECT_GT(refused->retry_after_ms, 0);
  EXPECT_LE(refused->retry_after_ms, 60'000);
  EXPECT_EQ(find_login("anna@example.org", "10.9.9.9")[0], 'O') << "the owner, from elsewhere";
}

TEST_F(AccountsTest, OfManyGuessesAtOnceThoseBeyondTheMaximumLearnNothing) {
  create("anna", "anna@example.org");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(find_login("anna@example.org")[0], 'O') << "all at once";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(text_of(log_in("s", "anna", "anna@example.org", false)), "X unauthenticated");
  }
  EXPECT_EQ(text_of(log_in("s", "anna", "anna@example.org", false)), "X rate_limited");
  EXPECT_EQ(text_of(log_in("s", "anna", "anna@example.org", true)), "X rate_limited");
  EXPECT_EQ(text_of(check({.session = id("s"), .customer = id("anna")})), "X unauthenticated");
  EXPECT_EQ(shop_.redis({"GET", "attempts:{s0}:e:anna@example.org"}).text, "3");
}

TEST_F(AccountsTest, GuessesFromManyAddressesKeepOutStrangersAndNotTheOwner) {
  create("anna", "anna@example.org");
  log_in("s", "anna", "anna@example.org", true, "10.0.0.7");
  for (int i = 0; i < 8; ++i) {
    log_in("s", "anna", "anna@example.org", false, "10.1.0." + std::to_string(i));
  }
  EXPECT_EQ(text_of(find_login("anna@example.org", "10.2.0.1")), "X rate_limited");
  EXPECT_EQ(find_login("anna@example.org", "10.0.0.7")[0], 'O');
  EXPECT_EQ(find_login("anna@example.org", "10.0.0.1")[0], 'O') << "where she has signed up";
  for (int i = 0; i < 3; ++i) log_in("s", "anna", "anna@example.org", false, "10.0.0.7");
  EXPECT_EQ(text_of(find_login("anna@example.org", "10.0.0.7")), "X rate_limited");
}

TEST_F(AccountsTest, AFailedLogInCountsOnceHoweverOftenItIsTried) {
  create("anna", "anna@example.org");
  for (int attempt = 0; attempt < 5; ++attempt) {
    EXPECT_EQ(
        text_of(shop_.call("log_in_v1", {id("s"), id("anna"), "anna@example.org", "10.0.0.1", "0",
                                         "60000", "1", "1", id("log in"), "1", "3", "5", "8"})),
        "X unauthenticated");
  }
  EXPECT_EQ(shop_.redis({"GET", "attempts:{s0}:e:anna@example.org"}).text, "1");
}

TEST_F(AccountsTest, FailedLogInsAreThrottledByAddress) {
  for (int i = 0; i < 5; ++i) {
    const std::string email = "nobody" + std::to_string(i) + "@example.org";
    EXPECT_EQ(find_login(email), kDone);
    EXPECT_EQ(text_of(log_in("s", "", email, false)), "X unauthenticated");
  }
  EXPECT_EQ(text_of(find_login("fresh@example.org")), "X rate_limited");
  EXPECT_EQ(find_login("fresh@example.org", "10.0.0.2"), kDone);
}

TEST_F(AccountsTest, ASuccessfulLogInClearsTheAccountsFailures) {
  create("anna", "anna@example.org");
  for (int i = 0; i < 2; ++i) log_in("s", "anna", "anna@example.org", false);
  EXPECT_EQ(protocol::decode_logged_in(log_in("s2", "anna", "anna@example.org", true)), id("anna"));
  for (int i = 0; i < 2; ++i) log_in("s", "anna", "anna@example.org", false);
  EXPECT_EQ(find_login("anna@example.org")[0], 'O');
  EXPECT_EQ(check({.session = id("s2"), .customer = id("anna")}), kDone);
}

TEST_F(AccountsTest, AttemptsAreForgottenAfterTheWindow) {
  shop_.call("log_in_v1", {id("s"), "", "x@example.org", "10.0.0.1", "0", "80", "1", "1", "", "1",
                           "3", "5", "8"});
  EXPECT_GT(shop_.redis({"PTTL", "attempts:{s0}:e:x@example.org"}).integer, 0);
  EXPECT_TRUE(wait_until(
      10s,
      [&] {
        return shop_.redis({"KEYS", "attempts:*"}).items.empty();
      },
      "they expire"));
}

}  // namespace
}  // namespace depot::store::test
