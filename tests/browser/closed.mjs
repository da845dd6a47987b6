// usage: node closed.mjs URL LANGUAGE
// Between two cycles: one can look around and fill the cart; buying says that the sale is closed.
import { CLOSED, Customer, offer, OPEN, setCycle } from "./cluster.mjs";
import { addToCart, button, expectEqual, expectText, inBrowser, until, words } from "./shop.mjs";

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
  setCycle(CLOSED);
  await until("the catalogue says so", async () => {
    await page.goto("/");
    return (await page.getByText(say("goods.closed")).count()) > 0;
  });
  await addToCart(person, "alder:tea", 1);
  await page.goto("/cart");
  await button(person, say("cart.buy")).click();
  await expectText(page, say("cart.not_bought.cycle_closed"));
  expectEqual(await page.locator(".rows [name=quantity]").inputValue(), "3", "the cart is kept");
  await button({ page: before }, say("order.cancel")).click();
  await expectText(before, say("order.not_cancellable"));
  await page.goto(`/orders/${order.order_id}`);
  expectEqual(await button(person, say("order.cancel")).count(), 0, "buttons that cannot work");

  setCycle(OPEN);
  await until("the catalogue says nothing", async () => {
    await page.goto("/");
    return (await page.getByText(say("goods.closed")).count()) === 0;
  });
  await page.goto("/cart");
  await button(person, say("cart.buy")).click();
  await expectText(page, say("done.placed"));
  expectEqual((await customer.orders()).length, 2, "orders");
});
