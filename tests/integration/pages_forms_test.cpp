// The pages' forms, sent as a browser without scripts does: accounts, carts, purchases.
#include <csignal>

#include "tests/integration/pages.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

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
  EXPECT_THAT(card.body, Not(testing::ContainsRegex("[^0-9a-f](4241|737)[^0-9a-f]")));
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
            "/");
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
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("Added to your cart."));
  EXPECT_THAT(browser.get("/cart?done=added").body, Not(HasSubstr("Added"))) << "said once";
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("€15.00"));
  const HttpReply no_card = browser.buy();
  EXPECT_EQ(no_card.header("location"), "/account?need=card&next=%2Fcart");
  browser.get(no_card.header("location"));
  EXPECT_EQ(browser.attach_card().header("location"), "/cart");

  browser.get("/cart");
  const HttpReply bought = browser.buy();
  EXPECT_EQ(bought.status, 303);
  EXPECT_THAT(bought.header("location"), testing::MatchesRegex("/orders/[A-Za-z0-9_-]+"));
  EXPECT_EQ(browser.buy().header("location"), bought.header("location"));  // The form again.
  const HttpReply order = browser.get(bought.header("location"));
  EXPECT_THAT(order.body, HasSubstr("Your order is placed"));
  EXPECT_THAT(order.body, HasSubstr("3 × €5.00"));
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("Your cart is empty."));
  EXPECT_TRUE(wait_until(
      5s, [&] { return left("alder:mug") == 7; }, "7 are left"));

  const std::string path = bought.header("location");
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(browser.post(path + "/cancel", {}).header("location"), path);
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
  const Headers::value_type ours{"Sec-Fetch-Site", "same-origin"};
  EXPECT_EQ(post(body, {{"Content-Type", kind}, {"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(post(body, {{"Content-Type", kind}, {"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(post("{}", {{"Content-Type", "application/json"}, ours}).status, 415);
  EXPECT_EQ(post("offer_id=%zz", {{"Content-Type", kind}, ours}).status, 400);
  EXPECT_EQ(post("offer_id=%ff&quantity=1", {{"Content-Type", kind}, ours}).status, 400);
  EXPECT_THAT(browser.get("/cart").body, HasSubstr("Your cart is empty."));
  // The address of a form, from the address bar, leads to its page.
  for (const auto& [form, page] :
       std::vector<std::pair<std::string, std::string>>{{"/cart/buy", "/cart"},
                                                        {"/logout", "/"},
                                                        {"/account/card/remove", "/account/card"},
                                                        {"/account/card", "/account"},
                                                        {"/manufacturer/login", "/manufacturer"}}) {
    const HttpReply reply = browser.get(form);
    EXPECT_EQ(reply.status, 303) << form;
    EXPECT_EQ(reply.header("location"), page) << form;
  }
  EXPECT_EQ(client.request("GET", "/cart/buy").header("allow"), "POST");
  EXPECT_THAT(browser.get("/?q=%ff%00").body, HasSubstr("name=\"q\" type=\"search\" value=\"\""));
  // The API speaks JSON to browsers too.
  EXPECT_EQ(browser.get("/v1/nothing").header("content-type"), "application/problem+json");
}

}  // namespace
}  // namespace depot::test
