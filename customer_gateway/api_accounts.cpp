// Accounts, sessions and cards as JSON.
#include "customer_gateway/routes.hpp"
#include "customer_gateway/session.hpp"

namespace depot::customer_gateway::api {
namespace {

// 201 with the token, in the body and as a cookie.
Done<SignedIn> signed_in_reply(const Visit& visit) {
  return [exchange = visit.exchange](Answer<SignedIn> answer) {
    if (!answer) return exchange->fail(answer.error());
    exchange->send_json(201, *answer, {{"Set-Cookie", session_cookie(answer->token)}});
  };
}

Done<Nothing> no_content(const Visit& visit, bool end_session = false) {
  return [exchange = visit.exchange, end_session](Answer<Nothing> answer) {
    if (!answer) return exchange->fail(answer.error());
    http::Response response;
    response.status = 204;
    if (end_session) response.headers.emplace_back("Set-Cookie", ended_session_cookie());
    exchange->send(std::move(response));
  };
}

}  // namespace

void post_account(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  protocol::CreateAccount account;
  account.email = fields.text("email");
  account.password = fields.text("password");
  account.first_name = fields.text("first_name");
  account.last_name = fields.text("last_name");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.sign_up(visit.who(), std::move(account), signed_in_reply(visit));
}

void post_session(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  std::string email = fields.text("email");
  std::string password = fields.text("password");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.log_in(visit.who(), std::move(email), std::move(password),
                          signed_in_reply(visit));
}

void delete_session(const Visit& visit) {
  visit.operations.log_out(visit.who(), no_content(visit, true));
}

void get_account(const Visit& visit) {
  visit.operations.get_account(visit.who(), json_reply<AccountView>(visit));
}

void patch_account(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  protocol::ChangeAccount change;
  change.first_name = fields.optional_text("first_name");
  change.last_name = fields.optional_text("last_name");
  change.email = fields.optional_text("email");
  change.password = fields.optional_text("password");
  change.current_password = fields.optional_text("current_password");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.change_account(visit.who(), std::move(change), json_reply<AccountView>(visit));
}

void delete_account(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  std::string password = fields.text("password");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.delete_account(visit.who(), std::move(password), no_content(visit, true));
}

void put_card(const Visit& visit) {
  JsonBody body(visit.request.body);
  JsonFields fields = body.fields();
  CardEntry entry;
  entry.number = fields.text("number");
  entry.exp_month = fields.integer("exp_month");
  entry.exp_year = fields.integer("exp_year");
  entry.cvc = fields.text("cvc");
  if (!accept_json(visit, body, fields)) return;
  visit.operations.put_card(visit.who(), entry, json_reply<protocol::Card>(visit));
}

void delete_card(const Visit& visit) {
  visit.operations.delete_card(visit.who(), no_content(visit));
}

}  // namespace depot::customer_gateway::api
