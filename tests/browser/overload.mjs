// usage: node overload.mjs URL LANGUAGE
// No worker answers: a purchase says so, tries again by itself, and happens once.
import { Customer, offer, signal } from "./cluster.mjs";
import {
  button, expect, expectEqual, expectText, inBrowser, offerRow, until, words,
} from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 100]]);

await inBrowser({ locale, tolerate: /50[34]/ }, async (person) => {
  const { page, say, context } = person;
  const customer = await Customer.signUp();
  await customer.takeOver(context);
  await customer.add("alder:tea", 2);
  await page.goto("/cart");
  signal("depot-worker", "SIGSTOP");
  try {
    await button(person, say("cart.buy")).click();
    await button(person, say("retry.again")).waitFor();
    const text = await page.locator("main").innerText();
    const known = ["unavailable", "timeout"].some((name) =>
      text.includes(say(`cart.not_bought.${name}`)));
    expect(known, `why it was not bought, not: ${text}`);
    const says = page.locator("[data-retry] [role=status]");
    const shown = say("retry.waiting", { n: "N" }).split("N")[0];
    await until("it says when it tries again", async () =>
      (await says.innerText()).startsWith(shown));
    await button(person, say("retry.again")).click();  // By hand, too, and still nothing.
    await button(person, say("retry.again")).waitFor();

    expectEqual(await page.evaluate(() => sessionStorage.getItem("attempts")), "2",
      "attempts that the next wait is longer by");

    // Goods that were not put into the cart are not said to be.
    const third = await context.newPage();
    await third.goto("/");
    await offerRow({ page: third }, "alder:tea").getByRole("button").click();
    await third.getByRole("link", { name: say("problem.back") }).click();
    await third.getByRole("heading", { name: say("goods.heading") }).waitFor();
    expectEqual(await third.locator(".note").count(), 0, "words that it was added");

    // A page that cannot be had either says so and comes back by itself.
    const other = await context.newPage();
    await other.goto("/orders");
    await other.getByRole("link", { name: say("retry.again") }).waitFor();
    signal("depot-worker", "SIGCONT");
    await expectText(page, say("done.placed"));
    await other.getByRole("heading", { name: say("orders.title") }).waitFor();
  } finally {
    signal("depot-worker", "SIGCONT");
  }
  const orders = await customer.orders();
  expectEqual(orders.length, 1, "orders");
  expectEqual(orders[0].lines[0].quantity, 2, "teas");
});
