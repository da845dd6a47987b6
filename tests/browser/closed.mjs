// usage: node closed.mjs URL LANGUAGE
// Between two cycles: one can look around and fill the cart; buying says that the sale is closed.
import { CLOSED, Customer, offer, OPEN, setCycle } from "./cluster.mjs";
import {
  addToCart, button, expect, expectEqual, expectText, inBrowser, sure, until, words,
} from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 1000]]);

await inBrowser({ locale }, async (person) => {
  const { page, say, context } = person;
  const customer = await Customer.signUp();
  await customer.takeOver(context);
  await customer.add("alder:tea", 2);
  const order = await customer.buy("alder:tea");
  const before = await context.newPage();
  await before.goto(`/orders/${order.order_id}`);
  await page.goto("/");
  await page.locator("#live").waitFor();
  setCycle(CLOSED);
  await page.locator("#closed").waitFor();  // The open page hears of it.
  await page.reload();
  expect(await page.locator("#closed").isVisible(), "so says a page that is asked for");
  await addToCart(person, "alder:tea", 1);
  await page.goto("/cart");
  await button(person, say("cart.buy")).click();
  await expectText(page, say("cart.not_bought.cycle_closed"));
  expectEqual(await page.locator(".rows [name=quantity]").inputValue(), "3", "the cart is kept");
  await sure({ page: before, say }, "order.cancel");
  await expectText(before, say("order.not_cancellable"));
  await page.goto(`/orders/${order.order_id}`);
  expectEqual(await page.locator("summary").count(), 0, "buttons that cannot work");

  await page.goto("/");
  setCycle(OPEN);
  await page.locator("#closed").waitFor({ state: "hidden" });
  await page.goto("/cart");
  await button(person, say("cart.buy")).click();
  await expectText(page, say("done.placed"));
  expectEqual((await customer.orders()).length, 2, "orders");
});
