// Accounts and log-ins of a store, by the real functions in a real Redis.
//
// Threads: one.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "protocol/accounts.hpp"
#include "protocol/msgpack.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {

inline const std::string kDone = "O\xc0";

inline std::string account_body(const std::string& customer, const std::string& session,
                                const std::string& email, const std::string& address = "10.0.0.1",
                                bool counted = true) {
  std::string body;
  encode(protocol::CreateAccount{.caller = {.session = id(session), .customer = id(customer)},
                                 .email = email,
                                 .password = "hash of " + customer,
                                 .first_name = "First",
                                 .last_name = "Last",
                                 .address = address,
                                 .counted = counted},
         body);
  return body;
}

class AccountsTest : public testing::Test {
 protected:
  AccountsTest() { shop_.start_cycle(); }

  std::string create(const std::string& customer, const std::string& email,
                     std::int64_t idle = kSessionIdle, std::int64_t longest = 14 * kSessionIdle) {
    return shop_.call("create_account_v2",
                      {account_body(customer, "session " + customer, email), std::to_string(idle),
                       std::to_string(longest), "", "60000", "5", "60000"});
  }
  std::string sign_up(const std::string& customer, const std::string& email,
                      const std::string& address, const std::string& request, bool counted = true) {
    const std::string answer =
        shop_.call("create_account_v2",
                   {account_body(customer, "session " + customer, email, address, counted),
                    "1000000", "1000000", id(request), "60000", "3", "60000"});
    return answer == kDone ? answer : text_of(answer);
  }
  std::string check(const protocol::Caller& who) { return with_caller("check_session_v1", who); }
  std::string with_caller(const std::string& function, const protocol::Caller& who) {
    std::string body;
    encode(who, body);
    return shop_.call(function, {body});
  }
  std::string log_in(const std::string& session, const std::string& customer,
                     const std::string& email, bool right, const std::string& address = "10.0.0.1",
                     std::int64_t idle = kSessionIdle, std::int64_t longest = 14 * kSessionIdle) {
    return shop_.call("log_in_v1",
                      {id(session), id(customer), email, address, right ? "1" : "0", "60000",
                       std::to_string(idle), std::to_string(longest), "", "60000", "3", "5", "8"});
  }
  std::string find_login(const std::string& email, const std::string& address = "10.0.0.1") {
    return shop_.call("find_login_v1", {email, address, "3", "5", "8"});
  }
  std::string change(const protocol::Caller& who, std::optional<std::string> email,
                     std::optional<std::string> password, const std::string& request = "",
                     const std::string& address = "10.0.0.1") {
    std::string body;
    protocol::Writer writer(body);
    writer.array(9).string(who.session).string(who.customer).nil().string("Changed");
    email ? writer.string(*email) : writer.nil();
    password ? writer.string(*password) : writer.nil();
    writer.nil().string(address).boolean(true);
    return shop_.call("change_account_v2", {body, request, "3", "60000", "3"});
  }
  std::int64_t time_to_live(const protocol::Caller& who) {
    return shop_.redis({"PTTL", "session:{s0}:" + who.session}).integer;
  }

  Shop shop_;
};

}  // namespace depot::store::test
