// The pages as a browser without scripts uses them: links, forms, cookies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Form = std::vector<std::pair<std::string, std::string>>;

std::string encoded(const Form& form) {
  std::string out;
  char escape[4];
  for (const auto& [name, value] : form) {
    (out += out.empty() ? "" : "&") += name + "=";
    for (const unsigned char c : value) {
      std::snprintf(escape, sizeof(escape), "%%%02X", c);
      out += escape;
    }
  }
  return out;
}

// Keeps the session's cookie and the last page.
class Browser {
 public:
  explicit Browser(int port) : client_(port) {}

  HttpReply get(const std::string& path) { return keep(client_.request("GET", path, "", head())); }
  HttpReply post(const std::string& path, const Form& form) {
    Headers headers = head();
    headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    headers.emplace_back("Sec-Fetch-Site", "same-origin");
    return keep(client_.request("POST", path, encoded(form), headers));
  }
  // The value of the first field of that name in the last page.
  std::string field(const std::string& name) const {
    return behind("name=\"" + name + "\" value=\"");
  }
  std::string behind(const std::string& mark) const {
    const std::size_t at = page_.find(mark);
    if (at == std::string::npos) return "";
    return page_.substr(at + mark.size(), page_.find('"', at + mark.size()) - at - mark.size());
  }
  void sign_up(bool with_card = true) {
    email_ = unique("page") + "@example.test";
    const auto reply = post("/signup", {{"email", email_},
                                        {"password", kPassword},
                                        {"first_name", "Ada"},
                                        {"last_name", "Lovelace"},
                                        {"next", field("next")},
                                        {"offer_id", field("offer_id")},
                                        {"quantity", field("quantity")}});
    ASSERT_EQ(reply.status, 303) << reply.body;
    if (with_card) attach_card();
  }
  HttpReply attach_card(const std::string& number = "4242 4242 4242 4242") {
    return post("/account/card", {{"number", number},
                                  {"exp_month", "12"},
                                  {"exp_year", "2035"},
                                  {"cvc", "737"},
                                  {"next", field("next")}});
  }
  HttpReply add(const std::string& offer, int quantity) {
    return post("/cart/add", {{"offer_id", offer}, {"quantity", std::to_string(quantity)}});
  }
  // Presses the button of the cart that the last page shows.
  HttpReply buy(const std::string& mode = "all_or_nothing") {
    return post("/cart/buy",
                {{"key", field("key")}, {"cart_version", field("cart_version")}, {"mode", mode}});
  }
  const std::string& email() const { return email_; }
  Headers head() const {
    Headers headers{{"Accept", "text/html"}};
    if (!cookie_.empty()) headers.emplace_back("Cookie", cookie_);
    return headers;
  }

 private:
  HttpReply keep(HttpReply reply) {
    const std::string cookie = reply.header("set-cookie");
    if (!cookie.empty()) cookie_ = cookie.substr(0, cookie.find(';'));
    if (!reply.body.empty()) page_ = reply.body;
    return reply;
  }
  HttpClient client_;
  std::string cookie_, page_, email_;
};

class PagesTest : public testing::Test {
 protected:
  void start() {
    cluster_.start();
    cluster_.import({{.manufacturer = "alder",
                      .sku = "mug",
                      .offered = 10,
                      .unit_price = "5.00",
                      .name = "Mug"},
                     {.manufacturer = "alder", .sku = "lamp", .offered = 1, .name = "Lamp <b>&'x'"},
                     {.manufacturer = "beech",
                      .sku = "mug",
                      .offered = 50,
                      .unit_price = "6.00",
                      .name = "Mug"}});
  }
  std::int64_t left(const std::string& offer) { return available(cluster_.port(), offer); }

  Cluster cluster_{{"gateway.request_budget", "1500ms"}};
};

TEST_F(PagesTest, EveryPageComesWithAStrictPolicyAndWithoutScriptsOrStylesWithinIt) {
  start();
  Browser browser(cluster_.port());
  browser.sign_up();
  browser.add("alder:mug", 1);
  for (const std::string path :
       {"/", "/dashboard", "/signup", "/login", "/account", "/cart", "/orders", "/problems/invalid",
        "/nowhere", "/orders/AAAAAAAAAAAAAAAA"}) {
    const HttpReply page = browser.get(path);
    EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8") << path;
    EXPECT_EQ(page.header("content-security-policy"),
              "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
              "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
              "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'");
    EXPECT_EQ(page.header("x-content-type-options"), "nosniff") << path;
    EXPECT_EQ(page.header("referrer-policy"), "same-origin") << path;
    EXPECT_EQ(page.header("cross-origin-opener-policy"), "same-origin") << path;
    EXPECT_EQ(page.header("cache-control"), "no-store") << path;
    EXPECT_THAT(page.body,
                Not(testing::AnyOf(HasSubstr("<script>"), HasSubstr(" style="), HasSubstr("[["),
                                   HasSubstr(" onclick="), HasSubstr("{{"))));
  }
  const HttpReply css = browser.get(browser.behind("<link rel=\"stylesheet\" href=\""));
  EXPECT_EQ(css.header("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(css.header("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(browser.get("/assets/00000000/depot.css").header("cache-control"), "no-cache");
}

TEST_F(PagesTest, TheCatalogueIsSearchedFilteredSortedAndPaged) {
  start();
  std::vector<Offer> many;
  for (int i = 0; i < 120; ++i) {
    many.push_back({.manufacturer = "cedar", .sku = "s" + std::to_string(i), .offered = 1});
  }
  cluster_.import(many);
  Browser browser(cluster_.port());
  std::set<std::string> seen;
  std::string path = "/?manufacturer=cedar&sort=-price";
  for (int pages = 0; !path.empty() && pages < 5; ++pages) {
    const std::string page = browser.get(path).body;
    for (std::size_t at = 0; (at = page.find("value=\"cedar:", at)) != std::string::npos; ++at) {
      EXPECT_TRUE(seen.insert(page.substr(at + 7, page.find('"', at + 7) - at - 7)).second);
    }
    const std::size_t next = page.find("<p class=\"more\"><a href=\"");
    path = next == std::string::npos
               ? ""
               : page.substr(next + 25, page.find('"', next + 25) - next - 25);
    while (path.find("&amp;") != std::string::npos) path.replace(path.find("&amp;"), 5, "&");
  }
  EXPECT_EQ(seen.size(), 120u);

  const std::string found = browser.get("/?q=LAMP&sort=price&include_sold_out=true").body;
  EXPECT_THAT(found, HasSubstr("<h2>Lamp &lt;b&gt;&amp;&apos;x&apos;</h2>"));
  EXPECT_THAT(found, Not(HasSubstr("<h2>Mug</h2>")));
  EXPECT_THAT(browser.get("/?q=%22%3E%3Cx%3E").body, HasSubstr("value=\"&quot;&gt;&lt;x&gt;\""));
  EXPECT_THAT(browser.get("/?q=nothingofthesort").body, HasSubstr("Nothing on sale fits"));
  EXPECT_EQ(browser.get("/?cursor=none-of-ours&sort=mood&other=1").status, 200);
}

TEST_F(PagesTest, OneProductOfSeveralManufacturersStandsTogetherCheapestFirst) {
  start();
  Browser browser(cluster_.port());
  const std::string page = browser.get("/").body;
  const std::size_t mug = page.find("<h2>Mug</h2>"), next = page.find("<h2>", mug + 1);
  EXPECT_EQ(page.find("<h2>Mug</h2>", mug + 1), std::string::npos);
  const std::size_t alder = page.find("data-offer=\"alder:mug\"");
  const std::size_t beech = page.find("data-offer=\"beech:mug\"");
  EXPECT_LT(mug, alder);
  EXPECT_LT(alder, beech);
  EXPECT_LT(beech, next);
  EXPECT_THAT(page, HasSubstr("max=\"50\""));
}

TEST_F(PagesTest, TheLanguageIsTheBrowsersOrTheOneChosen) {
  start();
  Browser browser(cluster_.port());
  HttpClient client(cluster_.port());
  const auto page = [&](const std::string& path, Headers headers) {
    headers.emplace_back("Accept", "text/html");
    return client.request("GET", path, "", headers);
  };
  const HttpReply polish = page("/", {{"Accept-Language", "pl-PL,pl;q=0.9,en;q=0.5"}});
  EXPECT_EQ(polish.header("content-language"), "pl");
  EXPECT_THAT(polish.body, HasSubstr("<html lang=\"pl\""));
  EXPECT_THAT(polish.body, HasSubstr("zostało 10 sztuk"));
  EXPECT_THAT(polish.body, HasSubstr("została 1 sztuka"));
  EXPECT_THAT(polish.body, HasSubstr("5,00\u00a0€"));
  EXPECT_THAT(page("/", {{"Accept-Language", "pl"}, {"Cookie", "lang=en; theme=dark"}}).body,
              HasSubstr("<html lang=\"en\" data-theme=\"dark\""));
  EXPECT_THAT(page("/problems/cycle_closed", {{"Cookie", "lang=pl"}}).body,
              HasSubstr("Cykl sprzedaży jest zamknięty"));

  const HttpReply chosen =
      browser.post("/preferences", {{"lang", "pl"}, {"back", "/login?next=%2Fcart"}});
  EXPECT_EQ(chosen.status, 303);
  EXPECT_EQ(chosen.header("location"), "/login?next=%2Fcart");
  EXPECT_EQ(chosen.header("set-cookie"),
            "lang=pl; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
  EXPECT_THAT(browser.get("/login").body, HasSubstr("Zaloguj się"));
  const HttpReply odd = browser.post("/preferences", {{"theme", "x; Domain=e"}, {"back", "//e"}});
  EXPECT_EQ(odd.header("set-cookie"), "");
  EXPECT_EQ(odd.header("location"), "/");
}

TEST_F(PagesTest, LogInLeadsBackAndNeverAway) {
  start();
  Browser browser(cluster_.port());
  browser.sign_up();
  const Form login = {{"email", browser.email()}, {"password", kPassword}};
  EXPECT_EQ(browser.post("/logout", {}).header("location"), "/?done=logged_out");
  EXPECT_EQ(browser.get("/orders?cursor=1").header("location"),
            "/login?need=1&next=%2Forders%3Fcursor%3D1");
  browser.get("/login?need=1&next=%2Forders%3Fcursor%3D1");
  EXPECT_EQ(browser.field("next"), "/orders?cursor=1");
  for (const auto& [next, location] :
       std::vector<std::pair<std::string, std::string>>{{"/orders?cursor=1", "/orders?cursor=1"},
                                                        {"", "/"},
                                                        {"//evil.example/", "/"},
                                                        {"https://evil.example/", "/"},
                                                        {"/\\evil.example/", "/"},
                                                        {"/a\r\nSet-Cookie: sid=1", "/"},
                                                        {"javascript:alert(1)", "/"}}) {
    Form form = login;
    form.emplace_back("next", next);
    const HttpReply reply = browser.post("/login", form);
    EXPECT_EQ(reply.status, 303);
    EXPECT_EQ(reply.header("location"), location);
    EXPECT_THAT(reply.header("set-cookie"), HasSubstr("HttpOnly; SameSite=Lax"));
  }
  const HttpReply wrong = browser.post("/login", {{"email", browser.email()}, {"password", "no"}});
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(wrong.body, HasSubstr("do not go together"));
  EXPECT_THAT(wrong.body, HasSubstr("value=\"" + browser.email() + "\""));
}

TEST_F(PagesTest, FormsComeBackWithWhatWasTypedSaveSecrets) {
  start();
  Browser browser(cluster_.port());
  const HttpReply refused = browser.post("/signup", {{"email", "not an e-mail"},
                                                     {"password", "s3cret"},
                                                     {"first_name", "<b>\"Ada\"&"},
                                                     {"last_name", ""}});
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("value=\"&lt;b&gt;&quot;Ada&quot;&amp;\""));
  EXPECT_THAT(refused.body, HasSubstr("This is not an e-mail address."));
  EXPECT_THAT(refused.body, HasSubstr("A password has 8 to 128 characters."));
  EXPECT_THAT(refused.body, HasSubstr("Write your last name"));
  EXPECT_THAT(refused.body, Not(HasSubstr("Write your first name")));
  EXPECT_THAT(refused.body, Not(HasSubstr("s3cret")));

  browser.sign_up(false);
  const HttpReply card = browser.attach_card("4242 4242 4242 4241");
  EXPECT_EQ(card.status, 422);
  EXPECT_THAT(card.body, HasSubstr("This is not a card number."));
  EXPECT_THAT(card.body, HasSubstr("value=\"2035\""));
  EXPECT_THAT(card.body, Not(testing::AnyOf(HasSubstr("4241"), HasSubstr("737"))));
  EXPECT_EQ(browser.attach_card().status, 303);
  EXPECT_THAT(browser.get("/account").body, HasSubstr("ending in 4242"));
  EXPECT_EQ(browser.post("/account/card/remove", {}).status, 303);
  EXPECT_THAT(browser.get("/account").body, HasSubstr("No card is attached."));
}

TEST_F(PagesTest, TheAccountIsChangedAndDeletedWithThePasswordOnly) {
  start();
  Browser other(cluster_.port());
  other.sign_up();
  Browser browser(cluster_.port());
  browser.sign_up();
  EXPECT_EQ(
      browser.post("/account", {{"form", "name"}, {"first_name", "Grace"}, {"last_name", "Hopper"}})
          .status,
      303);
  const HttpReply taken = browser.post(
      "/account", {{"form", "email"}, {"email", other.email()}, {"current_password", kPassword}});
  EXPECT_EQ(taken.status, 409);
  EXPECT_THAT(taken.body, HasSubstr("There is an account with this e-mail."));
  EXPECT_THAT(taken.body, HasSubstr("value=\"Grace\""));
  const HttpReply wrong = browser.post(
      "/account",
      {{"form", "password"}, {"password", "another password"}, {"current_password", "wrong"}});
  EXPECT_EQ(wrong.status, 403);
  EXPECT_THAT(wrong.body, HasSubstr("This is not your password."));
  EXPECT_EQ(browser
                .post("/account", {{"form", "password"},
                                   {"password", "another password"},
                                   {"current_password", kPassword}})
                .status,
            303);
  EXPECT_EQ(browser.post("/account/delete", {{"current_password", kPassword}}).status, 403);
  EXPECT_EQ(browser.post("/account/delete", {{"current_password", "another password"}})
                .header("location"),
            "/?done=deleted");
  EXPECT_EQ(
      browser.post("/login", {{"email", browser.email()}, {"password", "another password"}}).status,
      401);
}

TEST_F(PagesTest, BuyingNeedsLogInAndCardAndHappensOnce) {
  start();
  Browser browser(cluster_.port());
  const HttpReply stranger_adds = browser.add("alder:mug", 3);
  EXPECT_EQ(stranger_adds.header("location"),
            "/login?need=1&next=%2Fcart&offer_id=alder%3Amug&quantity=3");
  browser.get(stranger_adds.header("location"));
  browser.sign_up(false);  // What was to be added is in the cart.
  EXPECT_THAT(browser.get("/cart?done=added").body, HasSubstr("Added to your cart."));
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("€15.00"));
  const HttpReply no_card = browser.buy();
  EXPECT_EQ(no_card.header("location"), "/account?need=card&next=%2Fcart");
  browser.get(no_card.header("location"));
  EXPECT_EQ(browser.attach_card().header("location"), "/cart");

  browser.get("/cart");
  const HttpReply bought = browser.buy();
  EXPECT_EQ(bought.status, 303);
  EXPECT_THAT(bought.header("location"),
              testing::MatchesRegex("/orders/[A-Za-z0-9_-]+.done=placed"));
  EXPECT_EQ(browser.buy().header("location"), bought.header("location"));  // The form again.
  const HttpReply order = browser.get(bought.header("location"));
  EXPECT_THAT(order.body, HasSubstr("Your order is placed"));
  EXPECT_THAT(order.body, HasSubstr("3 × €5.00"));
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("There is nothing in it."));
  EXPECT_TRUE(wait_until(
      5s, [&] { return left("alder:mug") == 7; }, "7 are left"));

  const std::string path = bought.header("location").substr(0, 24);
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(browser.post(path + "/cancel", {}).header("location"), path + "?done=cancelled");
  }
  EXPECT_TRUE(wait_until(
      5s, [&] { return left("alder:mug") == 10; }, "10 are left again"));
  Browser stranger(cluster_.port());
  stranger.sign_up(false);
  EXPECT_EQ(stranger.get(path).status, 404);
  EXPECT_EQ(stranger.post(path + "/cancel", {}).status, 404);
  cluster_.expect_clean_audit();
}

TEST_F(PagesTest, GoodsThatRanOutLeaveTheCartAndTheRestIsKept) {
  start();
  Browser browser(cluster_.port());
  browser.sign_up();
  browser.add("alder:lamp", 1);
  browser.add("alder:mug", 9);
  browser.get("/cart");
  Customer faster(cluster_.port());
  ASSERT_EQ(faster.buy({{"alder:lamp", 1}, {"alder:mug", 4}}, "k").status, 201);

  const HttpReply refused = browser.buy();
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("Not bought: there is not enough in stock."));
  EXPECT_THAT(refused.body, HasSubstr("Sold out. It was taken out of your cart."));
  EXPECT_THAT(refused.body, HasSubstr("you asked for 9: Only 6 left."));
  EXPECT_THAT(refused.body, HasSubstr("value=\"beech:mug\""));  // The other manufacturer's.
  EXPECT_THAT(refused.body, HasSubstr("Buy what there is"));
  const HttpReply part = browser.buy("available");
  EXPECT_EQ(part.status, 303) << part.body;
  EXPECT_THAT(browser.get(part.header("location")).body, HasSubstr("6 × €5.00"));

  const HttpReply too_much = browser.add("beech:mug", 51);
  EXPECT_EQ(too_much.status, 409);
  EXPECT_THAT(too_much.body, HasSubstr("you asked for 51: Only 50 left."));
  for (const std::string quantity : {"0", "-1", "1.5", "1e3", "many", "9223372036854775808"}) {
    const HttpReply bad =
        browser.post("/cart/add", {{"offer_id", "beech:mug"}, {"quantity", quantity}});
    EXPECT_EQ(bad.status, 422) << quantity;
    EXPECT_THAT(bad.body, HasSubstr("This quantity is not possible"));
  }
}

TEST_F(PagesTest, WhenNoAnswerComesTheSameKeyIsOfferedAgain) {
  start();
  Browser browser(cluster_.port());
  browser.sign_up();
  browser.add("alder:mug", 2);
  browser.get("/cart");
  const std::string key = browser.field("key");
  const std::vector<pid_t> workers = cluster_.pids("depot-worker");
  ASSERT_FALSE(workers.empty());
  for (const pid_t worker : workers) ::kill(worker, SIGSTOP);
  const HttpReply nothing = browser.buy();
  for (const pid_t worker : workers) ::kill(worker, SIGCONT);

  EXPECT_THAT(nothing.status, testing::AnyOf(503, 504));
  EXPECT_THAT(nothing.body, HasSubstr("Try again"));
  EXPECT_EQ(browser.field("key"), key);
  HttpReply bought;
  EXPECT_TRUE(wait_until(
      20s, [&] { return (bought = browser.buy()).status == 303; }, "the purchase goes through",
      [&] { return bought.body; }));
  EXPECT_TRUE(wait_until(
      5s, [&] { return left("alder:mug") == 8; }, "2 were bought, once"));
  cluster_.expect_clean_audit();
}

TEST_F(PagesTest, FormsOfOtherSitesAndOfOtherKindsAreRefused) {
  start();
  Browser browser(cluster_.port());
  browser.sign_up();
  HttpClient client(cluster_.port());
  const auto post = [&](const std::string& body, const Headers& more) {
    Headers headers = browser.head();
    headers.insert(headers.end(), more.begin(), more.end());
    return client.request("POST", "/cart/add", body, headers);
  };
  const std::string kind = "application/x-www-form-urlencoded",
                    body = "offer_id=alder:mug&quantity=1";
  EXPECT_EQ(post(body, {{"Content-Type", kind}, {"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(post(body, {{"Content-Type", kind}, {"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(post("{}", {{"Content-Type", "application/json"}}).status, 415);
  EXPECT_EQ(post("offer_id=%zz", {{"Content-Type", kind}}).status, 400);
  EXPECT_EQ(post("offer_id=%ff&quantity=1", {{"Content-Type", kind}}).status, 400);
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("There is nothing in it."));
  // The API speaks JSON to browsers too.
  EXPECT_EQ(browser.get("/v1/nothing").header("content-type"), "application/problem+json");
}

}  // namespace
}  // namespace depot::test
