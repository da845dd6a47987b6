// The pages as a browser without scripts uses them: what they show, and logging in.
#include "tests/integration/pages.hpp"

#include <boost/json.hpp>
#include <set>

#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

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
  EXPECT_THAT(polish.body, HasSubstr("10 sztuk"));
  EXPECT_THAT(polish.body, HasSubstr("1 sztuka"));
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
            "lang=pl; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000");
  EXPECT_THAT(browser.get("/login").body, HasSubstr("Zaloguj się"));
  const HttpReply odd = browser.post("/preferences", {{"theme", "x; Domain=e"}, {"back", "//e"}});
  EXPECT_EQ(odd.header("set-cookie"), "");
  EXPECT_EQ(odd.header("location"), "/");
}

TEST_F(PagesTest, AManufacturerSignsInByTokenAndSeesItsOwnOnly) {
  start();
  const auto added = cluster_.depot({"manufacturer", "add", "alder", "--name", "Alder", "--json"});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  const std::string token(boost::json::parse(added.out).at("token").as_string());
  Customer customer(cluster_.port());
  ASSERT_EQ(customer.buy({{"alder:mug", 3}}, "k").status, 201);
  Browser browser(cluster_.port());
  EXPECT_THAT(browser.get("/manufacturer").body, HasSubstr("name=\"token\""));
  for (const std::string& wrong :
       std::vector<std::string>{"", "alder", "alder~" + std::string(43, 'A'), token + "x"}) {
    const HttpReply refused = browser.post("/manufacturer/login", {{"token", wrong}});
    EXPECT_EQ(refused.status, 401) << wrong;
    EXPECT_THAT(refused.body, HasSubstr("This is not a token"));
    EXPECT_EQ(refused.header("set-cookie"), "");
  }
  const HttpReply in = browser.post("/manufacturer/login", {{"token", token + " "}});
  EXPECT_EQ(in.status, 303);
  EXPECT_THAT(in.header("set-cookie"), HasSubstr("HttpOnly; SameSite=Lax"));
  const std::string page = browser.get("/manufacturer").body;
  EXPECT_THAT(page, HasSubstr("<td>€5.00</td><td>10</td><td>3</td><td>0</td><td class=\"low\">7"));
  EXPECT_THAT(page, HasSubstr("<td class=\"text\">Sold</td><td>3</td>"));
  EXPECT_THAT(page, Not(HasSubstr("€6.00")));  // The other's mug.
  EXPECT_EQ(browser.post("/manufacturer/logout", {}).header("location"), "/manufacturer");
  EXPECT_THAT(browser.get("/manufacturer").body, HasSubstr("name=\"token\""));
}

TEST_F(PagesTest, LogInLeadsBackAndNeverAway) {
  start();
  Browser browser(cluster_.port());
  browser.sign_up();
  const Form login = {{"email", browser.email()}, {"password", kPassword}};
  EXPECT_EQ(browser.post("/logout", {}).header("location"), "/");
  EXPECT_THAT(browser.get("/").body, HasSubstr("You are logged out."));
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

}  // namespace
}  // namespace depot::test
