// Bodies of account, session and card requests. A card's number and CVC are not among them: the
// gateway validates the card and passes on only what may be kept.
//
// Every answer is 'O' + the reply named here, or 'X' + a problem (protocol/orders.hpp).
//
// Threads: values.
// Errors:  decode_* return nullopt for anything not exactly of this form.
// Source:  docs/PROTOCOL.md, "Bodies".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/orders.hpp"

namespace depot::protocol {

// body: [customer, session, email, password, first_name, last_name, address,
//        counted]
// The gateway makes customer and session, so that a retried attempt makes the same account. The
// worker replaces the password by its hash before the function sees it. Reply: nil.
struct CreateAccount {
  Caller caller;
  std::string email;  // as typed; uniqueness folds ASCII case
  std::string password;
  std::string first_name;
  std::string last_name;
  std::string address;   // of the client, for throttling
  bool counted = false;  // Is it, where it is told that an e-mail is taken?
  friend bool operator==(const CreateAccount&, const CreateAccount&) = default;
};
void encode(const CreateAccount& request, std::string& out);
std::optional<CreateAccount> decode_create_account(std::string_view body);

// body: [session, email, password, address]. Reply: customer.
struct LogIn {
  SessionHash session;  // of a secret that the gateway made
  std::string email;
  std::string password;
  std::string address;
  friend bool operator==(const LogIn&, const LogIn&) = default;
};
void encode(const LogIn& request, std::string& out);
std::optional<LogIn> decode_log_in(std::string_view body);
std::optional<std::string> decode_logged_in(std::string_view body);

// body of log_out, check_session (or an OrderRequest, which may find its key reused), get_account,
// delete_card, get_cart: [session, customer]
void encode(const Caller& caller, std::string& out);

struct Card {
  std::string brand;  // "visa", "mastercard", "amex", ...
  std::string last4;
  int exp_month = 0;
  int exp_year = 0;
};

// Reply of get_account, change_account: [email, first, last, nil | [brand, last4, month, year]]
struct Account {
  std::string email;
  std::string first_name;
  std::string last_name;
  std::optional<Card> card;
};
std::optional<Account> decode_account(std::string_view body);

// body: [session, customer, first | nil, last | nil, email | nil, password | nil, current | nil,
//        address, counted]
// The worker verifies `current` and replaces `password` by its hash.
struct ChangeAccount {
  Caller caller;
  std::optional<std::string> first_name, last_name, email, password, current_password;
  std::string address;  // this and the next as of CreateAccount
  bool counted = false;
  friend bool operator==(const ChangeAccount&, const ChangeAccount&) = default;
};
void encode(const ChangeAccount& request, std::string& out);
std::optional<ChangeAccount> decode_change_account(std::string_view body);

// body: [session, customer, password]. Reply: nil.
struct DeleteAccount {
  Caller caller;
  std::string password;
  friend bool operator==(const DeleteAccount&, const DeleteAccount&) = default;
};
void encode(const DeleteAccount& request, std::string& out);
std::optional<DeleteAccount> decode_delete_account(std::string_view body);

// body: [session, customer, brand, last4, exp_month, exp_year, made-up token]. Reply: nil.
struct PutCard {
  Caller caller;
  Card card;
  std::string token;
};
void encode(const PutCard& request, std::string& out);

}  // namespace depot::protocol
