// usage: node session.mjs URL LANGUAGE
// The session ends while the cart is on the screen: what is pressed leads to the log-in and back.
import { Customer, offer, redis } from "./cluster.mjs";
import {
  button, expect, expectEqual, expectText, inBrowser, logIn, offerRow, words,
} from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 1000]]);

await inBrowser({ locale }, async (person) => {
  const { page, say, context } = person;
  const customer = await Customer.signUp();
  await customer.takeOver(context);
  await customer.add("alder:tea", 2);
  const line = page.locator(".rows > li");
  const press = [
    async () => {
      await page.locator(".rows [name=quantity]").fill("5");
      await line.getByRole("button", { name: say("cart.change") }).click();
    },
    async () => line.getByRole("button", { name: say("cart.remove") }).click(),
    async () => button(person, say("cart.buy")).click(),
  ];
  const endSessions = () => redis("EVAL",
    `for _, key in ipairs(redis.call('KEYS', 'session:*')) do redis.call('DEL', key) end`, "0");
  for (const pressed of press) {
    await page.goto("/cart");
    endSessions();
    await pressed();
    await expectText(page, say("login.need"));
    await logIn(person, customer.email);
    await page.waitForURL(/\/cart/);
    expectEqual(await page.locator(".rows [name=quantity]").inputValue(), "2", "the cart is kept");
  }
  // What was to be added is added behind the log-in.
  await page.goto("/");
  endSessions();
  await offerRow(person, "alder:tea").getByRole("button").click();
  await expectText(page, say("login.need_to_add"));
  await logIn(person, customer.email);
  await expectText(page, say("done.added"));
  await page.goto("/cart");
  expectEqual(await page.locator(".rows [name=quantity]").inputValue(), "3", "teas in the cart");
  await button(person, say("cart.buy")).click();
  await expectText(page, say("done.placed"));

  // A stale cookie keeps nobody from looking around or logging in.
  await context.addCookies([{ name: "sid", value: "AAAAAAAAAAAAAAAA.x", url: page.url() }]);
  for (const path of ["/", "/login", "/signup"]) {
    expect((await page.goto(path)).ok(), `${path} with a stale cookie`);
  }
});
