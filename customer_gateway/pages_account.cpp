// Signing up, logging in and out, and the account.
#include "customer_gateway/page.hpp"
#include "customer_gateway/session.hpp"
#include "customer_gateway/templates.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;
using protocol::Problem;

// What a person can put right in the form itself; all else is a page of its own.
bool is_for_form(const Failure& failure) {
  return failure.problem == Problem::invalid || failure.problem == Problem::email_taken ||
         failure.problem == Problem::forbidden || failure.problem == Problem::rate_limited;
}

// A stale cookie must not keep a person from logging in, so nothing is asked of the back end.
// Logging in and signing up lead to each other with all that is to come afterwards.
void show_sign_in(const Page& page, const std::string& name, const Failure* failure) {
  const std::string next = local_path(page.text("next"), "");
  Html data;
  if (failure) {
    set_errors(data, page, *failure);
    data.set("failure", std::string(problem_text(page, name + ".", failure->problem)));
  }
  std::string others = with_query("", "next", next);
  for (const char* field : {"offer_id", "quantity"}) {
    const std::string value = page.text(field);
    data.set(field, value);
    if (!value.empty()) others = with_query(std::move(others), field, value);
  }
  set(data, {{"first_name", page.text("first_name")},
             {"last_name", page.text("last_name")},
             {"email", page.text("email")},
             {"next", next},
             {"others", others},
             {"need", !page.text("need").empty()},
             {"adding", !page.text("offer_id").empty()}});
  page.show(name, std::move(data), failure);
}

Done<SignedIn> signed_in(const Page& page, const std::string& name, std::string_view done) {
  return [=](const Answer<SignedIn>& answer) {
    const std::string next = local_path(page.text("next"), "/");
    if (answer) {
      page.sign_in(*answer);
      return page.text("offer_id").empty() ? page.redirect(next, done) : add_to_cart(page, next);
    }
    const Failure& failure = answer.error();
    show_sign_in(page, name, &failure);
  };
}

// One form of the account page: what is stored, or what was typed and what is wrong with it.
Html form_data(const Page& page, const std::string& name, const protocol::Account& account,
               const Failure* failure) {
  const auto value = [&](std::string_view field, const std::string& stored) {
    return failure ? page.optional_text(field).value_or(stored) : stored;
  };
  Html form;
  if (failure) set_errors(form, page, *failure, name + "_");
  set(form, {{"first_name", value("first_name", account.first_name)},
             {"last_name", value("last_name", account.last_name)},
             {"email", value("email", account.email)},
             {"again", failure != nullptr},
             {"exp_month", value("exp_month", "")},
             {"exp_year", value("exp_year", "")}});
  return form;
}

// `form`: the one that failed ("card", "name", "email", "password", "delete"), with its failure.
void show_account(const Page& page, const std::string& form, std::optional<Failure> failure) {
  page.operations().get_account(page.who(), [=](const Answer<AccountView>& answer) {
    if (!answer) return page.fail(answer.error(), "/account");
    const protocol::Account& account = answer->account;
    const Failure* failed = failure ? &*failure : nullptr;
    Html data = page.html(*answer);
    for (const std::string name : {"card", "name", "email", "password", "delete"}) {
      const Failure* own = name == form ? failed : nullptr;
      const Html shown = form_data(page, name, account, own);
      data.set("form_" + name, shown);
      if (own) set(data, {{"errors", *shown.get("errors")}, {"has_errors", true}});
    }
    set(data, {{"next", local_path(page.text("next"), "")},
               {"need_card", !page.text("need").empty()},
               {"form", form}});
    if (failed) {
      data.set("failure", std::string(problem_text(page, "account.", failed->problem)));
    }
    page.show("account", std::move(data), failed);
  });
}

// Continues a change: on with `next`, which says `done`, or the page again with the form that was
// sent.
template <typename T>
Done<T> changed(const Page& page, std::string form, std::string next, std::string_view done) {
  return [=](const Answer<T>& answer) {
    if (answer) return page.redirect(next, done);
    if (!is_for_form(answer.error())) return page.fail(answer.error(), "/account");
    show_account(page, form, answer.error());
  };
}

void get_signup(const Page& page) { show_sign_in(page, "signup", nullptr); }
void get_login(const Page& page) { show_sign_in(page, "login", nullptr); }
void get_account(const Page& page) { show_account(page, "", std::nullopt); }

void post_signup(const Page& page) {
  page.operations().sign_up(page.who(),
                            {.caller = {},
                             .email = page.text("email"),
                             .password = page.text("password"),
                             .first_name = page.text("first_name"),
                             .last_name = page.text("last_name"),
                             .address = {},
                             .counted = {}},
                            signed_in(page, "signup", "welcome"));
}

void post_login(const Page& page) {
  page.operations().log_in(page.who(), page.text("email"), page.text("password"),
                           signed_in(page, "login", ""));
}

void post_logout(const Page& page) {
  page.operations().log_out(page.who(), [page](const Answer<Nothing>& answer) {
    if (!answer && answer.error().problem != Problem::unauthenticated) {
      return page.fail(answer.error(), "/");  // The session lives: do not say that it ended.
    }
    page.set_cookie(ended_session_cookie(page.secure()));
    page.redirect("/", "logged_out");
  });
}

void post_account(const Page& page) {
  page.operations().change_account(
      page.who(),
      {.caller = {},
       .first_name = page.optional_text("first_name"),
       .last_name = page.optional_text("last_name"),
       .email = page.optional_text("email"),
       .password = page.optional_text("password"),
       .current_password = page.optional_text("current_password"),
       .address = {},
       .counted = {}},
      changed<AccountView>(page, page.text("form"), "/account", "saved"));
}

void post_account_delete(const Page& page) {
  const auto deleted = [page](const Answer<Nothing>& answer) {
    if (answer) page.set_cookie(ended_session_cookie(page.secure()));
    changed<Nothing>(page, "delete", "/", "deleted")(answer);
  };
  page.operations().delete_account(page.who(), page.text("current_password"), deleted);
}

void post_card(const Page& page) {
  const CardEntry entry{.number = page.text("number"),
                        .cvc = page.text("cvc"),
                        .exp_month = page.integer("exp_month"),
                        .exp_year = page.integer("exp_year")};
  page.operations().put_card(
      page.who(), entry,
      changed<protocol::Card>(page, "card", local_path(page.text("next"), "/account"), "card"));
}

void post_card_remove(const Page& page) {
  page.operations().delete_card(page.who(),
                                changed<Nothing>(page, "card", "/account", "card_removed"));
}

constexpr Route kAccountPages[] = {
    {Method::get, "/signup", page<get_signup>},
    {Method::post, "/signup", page<post_signup>},
    {Method::get, "/login", page<get_login>},
    {Method::post, "/login", page<post_login>},
    {Method::post, "/logout", page<post_logout>},
    {Method::get, "/account", page<get_account>},
    {Method::post, "/account", page<post_account>},
    {Method::post, "/account/delete", page<post_account_delete>},
    {Method::post, "/account/card", page<post_card>},
    {Method::post, "/account/card/remove", page<post_card_remove>},
};

}  // namespace

std::span<const Route> account_pages() { return kAccountPages; }

}  // namespace depot::customer_gateway
