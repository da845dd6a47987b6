// usage: node buying.mjs URL LANGUAGE [--without-javascript]
// A stranger fills the cart and meets each step that is missing, there and back; then the history.
import { Customer, offer } from "./cluster.mjs";
import {
  attachCard, button, expect, expectEqual, expectText, inBrowser, logIn, offerRow, signUp, sure,
  until, words,
} from "./shop.mjs";

const [locale, flag] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 100]]);
offer("beech", "Beech & Sons", [["mug", "Enamel mug", "4.50", 100]]);

await inBrowser({ locale, javaScriptEnabled: flag === undefined }, async (person) => {
  const { page, say } = person;
  const want = async (offered, quantity) => {
    await page.goto("/");
    await offerRow(person, offered).locator("[name=quantity]").fill(String(quantity));
    await offerRow(person, offered).getByRole("button").click();
    await expectText(page, say("login.need_to_add"));
  };
  await want("alder:tea", 4);
  await page.locator("main").getByRole("link", { name: say("layout.sign_up") }).click();
  const email = await signUp(person);
  await expectText(page, say("done.added"));
  await page.getByRole("link", { name: say("layout.cart"), exact: true }).click();
  expectEqual(await page.locator(".rows [name=quantity]").inputValue(), "4", "teas in the cart");

  await button(person, say("cart.buy")).click();
  await expectText(page, say("account.need_card"));
  await attachCard(person);
  await page.waitForURL(/\/cart/);
  await button(person, say("cart.buy")).click();
  await expectText(page, say("done.placed"));
  const first = page.url().split("?")[0];

  await page.getByRole("button", { name: say("layout.log_out") }).click();
  await expectText(page, say("done.logged_out"));
  await want("beech:mug", 2);
  await logIn(person, email, "not the password");
  await expectText(page, say("login.unauthenticated"));
  await logIn(person, email);
  await expectText(page, say("done.added"));
  await page.goto("/cart");
  expectEqual(await page.locator(".rows [name=quantity]").inputValue(), "2", "mugs in the cart");
  await button(person, say("cart.buy")).click();
  await expectText(page, say("done.placed"));

  await history(person, first);
});

async function history({ page, say }, first) {
  const euro = new Intl.NumberFormat(locale, { style: "currency", currency: "EUR" });
  await page.getByRole("link", { name: say("layout.orders"), exact: true }).click();
  const rows = page.locator("ul.rows > li");
  expectEqual(await rows.locator(".price").allInnerTexts(), [euro.format(9), euro.format(7.96)],
    "the newest first");
  await rows.nth(1).getByRole("link").click();
  expectEqual(page.url(), first, "the order's address");
  await expectText(page, say("status.paid"));
  await expectText(page, "Green tea");
  await sure({ page, say }, "order.cancel");
  await expectText(page, say("done.cancelled"));
  expect((await page.locator("main").innerText()).includes(say("status.cancelled")), "its status");
  expectEqual(await page.locator("summary").count(), 0, "buttons to cancel again");
  await page.goto("/orders");
  expectEqual(await rows.locator(".tag").allInnerTexts(),
    [say("status.paid"), say("status.cancelled")], "statuses");

  await until("the teas are on sale again", async () => {
    const reply = await new Customer().ask("GET", "/v1/catalogue/alder:tea");
    return reply.body.available === 100;
  });
  await page.goto("/orders/AAAAAAAAAAAAAAAA");
  await expectText(page, say("problem.not_found.title"));
}
