// Signing up, logging in and out, and the account.
#include "customer_gateway/pages.hpp"
#include "customer_gateway/pages_html.hpp"
#include "customer_gateway/session.hpp"

namespace depot::customer_gateway::pages {
namespace {

using protocol::Problem;

// What a person can put right in the form itself; all else is a page of its own.
bool is_for_form(const Failure& failure) {
  switch (failure.problem) {
    case Problem::invalid:
    case Problem::email_taken:
    case Problem::forbidden:
    case Problem::rate_limited:
      return true;
    default:
      return false;
  }
}

void show_sign_in(const Page& page, std::string_view name, const Fields& typed,
                  const Failure* failure) {
  constexpr std::string_view kFields[] = {"first_name", "last_name", "email", "password"};
  Html data;
  set_errors(data, failure, kFields);
  data.set("has_errors", failure != nullptr);
  for (const std::string_view field : {"first_name", "last_name", "email"}) {
    data.set(std::string(field), typed.text(field));
  }
  const std::string next = local_path(typed.text("next"), "");
  data.set("next", next);
  data.set("next_query", next.empty() ? "" : with_query("", "next", next));
  data.set("need", page.query().has("need") && !failure);
  page.show(name, std::move(data), failure);
}

// A stale cookie must not keep a person from the log-in page, so nothing is asked of the back end.
Done<SignedIn> signed_in(const Page& page, std::string_view name,
                         std::shared_ptr<const Fields> form, std::string_view next) {
  return [page, name, form, next](Answer<SignedIn> answer) {
    if (answer) {
      return page.redirect(local_path(form->text("next"), next), session_cookie(answer->token));
    }
    const Failure& failure = answer.error();
    const bool wrong = failure.problem == Problem::unauthenticated;
    if (!wrong && !is_for_form(failure)) return page.fail(failure);
    show_sign_in(page, name, *form, &failure);
  };
}

struct FormOfAccount {
  std::string name;  // "card", "name", "email", "password", "delete"; "" when none was sent
  std::shared_ptr<const Fields> fields;
  Failure failure;
};

// One form of the account page: what is stored, or what was typed and what is wrong with it.
Html form_data(const FormOfAccount& sent, std::string_view name, const protocol::Account& account) {
  constexpr std::string_view kFields[] = {"first_name", "last_name", "email",    "password",
                                          "number",     "exp_month", "exp_year", "cvc"};
  const bool ours = sent.name == name;
  const auto value = [&](std::string_view field, const std::string& stored) {
    return ours && sent.fields->has(field) ? sent.fields->text(field) : stored;
  };
  Html form;
  set_errors(form, ours ? &sent.failure : nullptr, kFields);
  form.set("first_name", value("first_name", account.first_name));
  form.set("last_name", value("last_name", account.last_name));
  form.set("email", value("email", account.email));
  form.set("exp_month", value("exp_month", ""));
  form.set("exp_year", value("exp_year", ""));
  return form;
}

void show_account(const Page& page, FormOfAccount sent) {
  page.operations().get_account(page.who(), [page,
                                             sent = std::move(sent)](Answer<AccountView> answer) {
    if (!answer) return page.fail(answer.error(), "/account");
    const protocol::Account& account = answer->account;
    Html data;
    set_done(data, page.query());
    for (const std::string_view name : {"card", "name", "email", "password", "delete"}) {
      data.set("form_" + std::string(name), form_data(sent, name, account));
    }
    const std::string next = sent.fields ? sent.fields->text("next") : page.query().text("next");
    data.set("next", local_path(next, ""));
    data.set("need_card", page.query().has("need"));
    data.set("has_errors", !sent.name.empty());
    data.set("card", false);
    if (account.card) {
      Html card;
      card.set("brand", account.card->brand);
      card.set("last4", account.card->last4);
      card.set("exp_month", std::to_string(account.card->exp_month));
      card.set("exp_year", std::to_string(account.card->exp_year));
      data.set("card", card);
    }
    page.show("account", std::move(data), sent.name.empty() ? nullptr : &sent.failure);
  });
}

// Continues a change: on with `next`, or the page again with the form that was sent.
template <typename T>
Done<T> changed(const Page& page, std::string name, std::shared_ptr<const Fields> form,
                std::string next, std::string cookie = {}) {
  return [=](Answer<T> answer) {
    if (answer) return page.redirect(next, cookie);
    const bool known = !name.empty() && is_for_form(answer.error());
    if (!known) return page.fail(answer.error(), "/account");
    show_account(page, {name, form, answer.error()});
  };
}

}  // namespace

void get_signup(const Visit& visit) {
  const Page page(visit);
  show_sign_in(page, "signup", page.query(), nullptr);
}

void get_login(const Visit& visit) {
  const Page page(visit);
  show_sign_in(page, "login", page.query(), nullptr);
}

void post_signup(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  protocol::CreateAccount account;
  account.email = form->text("email");
  account.password = form->text("password");
  account.first_name = form->text("first_name");
  account.last_name = form->text("last_name");
  const Page page(visit);
  page.operations().sign_up(page.who(), std::move(account),
                            signed_in(page, "signup", form, "/?done=welcome"));
}

void post_login(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const Page page(visit);
  page.operations().log_in(page.who(), form->text("email"), form->text("password"),
                           signed_in(page, "login", form, "/"));
}

void post_logout(const Visit& visit) {
  const Page page(visit);
  page.operations().log_out(page.who(), [page](const Answer<Nothing>& answer) {
    if (!answer && answer.error().problem != Problem::unauthenticated) {
      return page.fail(answer.error(), "/");  // The session lives: do not say that it ended.
    }
    page.redirect("/?done=logged_out", ended_session_cookie());
  });
}

void get_account(const Visit& visit) { show_account(Page(visit), {}); }

void post_account(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const auto field = [&](std::string_view name) {
    return form->has(name) ? std::optional(form->text(name)) : std::nullopt;
  };
  protocol::ChangeAccount change;
  change.first_name = field("first_name");
  change.last_name = field("last_name");
  change.email = field("email");
  change.password = field("password");
  change.current_password = field("current_password");
  const Page page(visit);
  page.operations().change_account(
      page.who(), std::move(change),
      changed<AccountView>(page, form->text("form"), form, "/account?done=saved"));
}

void post_account_delete(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const Page page(visit);
  page.operations().delete_account(
      page.who(), form->text("password"),
      changed<Nothing>(page, "delete", form, "/?done=deleted", ended_session_cookie()));
}

void post_card(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  CardEntry entry;
  entry.number = form->text("number");
  entry.cvc = form->text("cvc");
  entry.exp_month = form->integer("exp_month");
  entry.exp_year = form->integer("exp_year");
  const Page page(visit);
  page.operations().put_card(
      page.who(), entry,
      changed<protocol::Card>(page, "card", form,
                              local_path(form->text("next"), "/account?done=card")));
}

void post_card_remove(const Visit& visit) {
  const Page page(visit);
  page.operations().delete_card(
      page.who(), changed<Nothing>(page, "card", std::make_shared<const Fields>(Form{}),
                                   "/account?done=card_removed"));
}

}  // namespace depot::customer_gateway::pages
