// A manufacturer's own page: what it offers, what was sold of it.
#include "customer_gateway/page.hpp"
#include "customer_gateway/session.hpp"
#include "customer_gateway/templates.hpp"
#include "protocol/statement_text.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;
using protocol::Problem;

constexpr std::size_t kOffersPerPage = 100;
constexpr std::size_t kSalesShown = 20;
constexpr std::size_t kStatementsShown = 24;
constexpr std::size_t kRowsShown = 200;  // of each table of a statement; the CSV has all
constexpr int kSalesCallsMax = 5;

void show_sign_in(const Page& page, const Failure* failure) {
  Html data;
  data.set("for_makers", true);
  if (failure) {
    data.set("failure", std::string(problem_text(page, "maker.", failure->problem)));
  }
  page.show("maker_login", std::move(data), failure);
}

std::string cookie_of(const Page& page, std::string_view token) {
  return token.empty() ? ended_session_cookie(page.secure(), kManufacturerCookie)
                       : session_cookie(token, page.secure(), kManufacturerCookie);
}

void show_offers(const Page& page, const OwnOfferList& own, const SaleList& sales,
                 const StatementList& statements) {
  Html data = page.html([&](JsonWriter& json) {
    json.object("maker", own.manufacturer, "offers", own.offers, "sales", sales.sales, "statements",
                statements);
  });
  data.set("for_makers", true);
  const auto link = [&](const char* name, std::string_view query, const std::string& cursor,
                        const char* table) {
    if (!cursor.empty()) data.set(name, with_query("/manufacturer", query, cursor) + table);
  };
  link("next", "cursor", own.next_cursor, "");
  link("older_sales", "sales", sales.next_cursor, "#own_sales");
  link("older_statements", "statements", statements.next_cursor, "#own_statements");
  page.show("maker", std::move(data));
}

// Between two sales there may be more offers than Redis looks at in one call; so it is asked on.
void list_sales(const Page& page, const OwnOfferList& own, const std::string& cursor, int calls) {
  page.operations().list_sales(page.who(), kSalesShown, cursor, [=](const Answer<SaleList>& sales) {
    if (!sales) return page.fail(sales.error());
    const bool goes_on = sales->sales.empty() && !sales->next_cursor.empty();
    if (goes_on && calls > 1) return list_sales(page, own, sales->next_cursor, calls - 1);
    page.operations().list_statements(page.who(), kStatementsShown, page.text("statements"),
                                      [=, sales = *sales](const Answer<StatementList>& list) {
                                        list ? show_offers(page, own, sales, *list)
                                             : page.fail(list.error());
                                      });
  });
}

void get_manufacturer(const Page& page) {
  if (!page.who().is_manufacturer()) return show_sign_in(page, nullptr);
  const auto listed = [page](const Answer<OwnOfferList>& own) {
    if (own) return list_sales(page, *own, page.text("sales"), kSalesCallsMax);
    const bool ended = own.error().problem == Problem::unauthenticated;
    ended ? show_sign_in(page, &own.error()) : page.fail(own.error());
  };
  page.operations().list_own_offers(page.who(), kOffersPerPage, page.text("cursor"), listed);
}

void post_sign_in(const Page& page) {
  const std::string text = page.text("token");
  const auto token = parse_manufacturer_token(text.substr(0, text.find_last_not_of(" \t") + 1));
  Requester who = page.who();
  who.manufacturer = {};
  if (token) who.manufacturer = {token->manufacturer, token->hash()};
  page.operations().get_manufacturer(who, [=](const Answer<ManufacturerView>& answer) {
    if (answer) {
      page.set_cookie(cookie_of(page, token->text()));
      return page.redirect("/manufacturer");
    }
    const bool wrong = answer.error().problem == Problem::unauthenticated;
    wrong ? show_sign_in(page, &answer.error()) : page.fail(answer.error(), "/manufacturer");
  });
}

void get_statement(const Page& page) {
  if (!page.who().is_manufacturer()) return show_sign_in(page, nullptr);
  const auto shown = [page](const Answer<StatementView>& answer) {
    if (!answer) {
      const bool ended = answer.error().problem == Problem::unauthenticated;
      return ended ? show_sign_in(page, &answer.error()) : page.fail(answer.error());
    }
    const protocol::Statement& pack = answer->answered.statement;
    if (page.text("format") == "csv") {
      return page.download(to_csv(pack), "text/csv; charset=utf-8",
                           "statement-" + page.parameter() + ".csv");
    }
    Html data = page.html([&](JsonWriter& json) { write(json, *answer, kRowsShown); });
    const auto set_left = [&](const char* name, std::size_t rows) {
      if (rows <= kRowsShown) return;
      page.set_number(data, name, static_cast<std::int64_t>(rows - kRowsShown));
    };
    set_left("offers_left", pack.offers.size());
    set_left("sales_left", pack.sales.size());
    set(data,
        {{"for_makers", true},
         {"maker", true},
         {"maker_page", "/manufacturer"},
         {"fee_percent", decimal_text(page.language(), protocol::fee_percent_of(pack.fee_rate))}});
    page.show("statement", std::move(data));
  };
  page.operations().get_statement(page.who(), page.parameter(), shown);
}

void post_sign_out(const Page& page) {
  page.set_cookie(cookie_of(page, ""));
  page.redirect("/manufacturer");
}

constexpr Route kManufacturerPages[] = {
    {Method::get, "/manufacturer", page<get_manufacturer>},
    {Method::get, "/manufacturer/statements/{cycle_id}", page<get_statement>},
    {Method::post, "/manufacturer/login", page<post_sign_in>},
    {Method::post, "/manufacturer/logout", page<post_sign_out>},
};

}  // namespace

std::span<const Route> manufacturer_pages() { return kManufacturerPages; }

}  // namespace depot::customer_gateway
