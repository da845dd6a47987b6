// usage: node once.mjs URL LANGUAGE
// A purchase happens once, however often it is sent.
import { Customer, offer } from "./cluster.mjs";
import { button, buyCart, expectEqual, expectText, inBrowser, words } from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 1000]]);

for (const javaScriptEnabled of [true, false]) {
  await inBrowser({ locale, javaScriptEnabled }, async (person) => {
    const { page, say, context } = person;
    const customer = await Customer.signUp();
    await customer.takeOver(context);
    const expectOrders = async (count) =>
      expectEqual((await customer.orders()).length, count, "orders");

    await customer.add("alder:tea", 1);
    await page.goto("/cart");
    await button(person, say("cart.buy")).dblclick({ noWaitAfter: true });
    await expectText(page, say("done.placed"));
    await expectOrders(1);
    const order = page.url();
    await page.reload();
    await expectText(page, say("order.all"));
    expectEqual(await page.getByText(say("done.placed")).count(), 0, "thanks said twice");
    await expectOrders(1);
    // The cart as it was, from the browser's store or the server, and its button again.
    await page.goBack();
    const again = button(person, say("cart.buy"));
    if (await again.isVisible()) {
      await again.click();
      await page.waitForURL(order);
    }
    await expectOrders(1);

    // Two tabs show the same cart: what the one has bought the other does not buy again.
    await customer.add("alder:tea", 2);
    await page.goto("/cart");
    const tab = await context.newPage();
    await buyCart({ page: tab, say });
    await expectText(tab, say("done.placed"));
    await button(person, say("cart.buy")).click();
    await expectText(page, say("cart.not_bought.cart_changed"));
    await expectText(page, say("cart.empty"));
    await expectOrders(2);

    // Both at the same time.
    await customer.add("alder:tea", 3);
    await Promise.all([page, tab].map((each) => each.goto("/cart")));
    await Promise.all([page, tab].map((each) => button({ page: each }, say("cart.buy")).click()));
    await Promise.all([page, tab].map((each) =>
      each.locator(".facts, [role=alert]").first().waitFor()));
    await expectOrders(3);
  });
}
