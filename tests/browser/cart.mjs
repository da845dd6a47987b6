// usage: node cart.mjs URL LANGUAGE
// The cart: changed, emptied, with lines that became short, dearer or unavailable, and bought.
import { available, Customer, offer } from "./cluster.mjs";
import { button, buyCart, expect, expectEqual, expectText, inBrowser, until, words } from
  "./shop.mjs";

const [locale] = words;
const alder = (price, tea, lamp) => offer("alder", "Alder Mill", [
  ["tea", "Green tea", price, tea], ["lamp", "Brass lamp", "25.00", lamp],
  ["mug", "Enamel mug", "5.00", 1000], ["candle", "Candle", "2.00", 1000]]);
offer("beech", "Beech & Sons", [["lamp", "Brass lamp", "29.00", 1000],
  ["mug", "Enamel mug", "4.50", 1000]]);
alder("1.99", 1000, 1000);

await inBrowser({ locale }, async (person) => {
  const { page, say, context } = person;
  const customer = await Customer.signUp();
  await customer.takeOver(context);
  await customer.add("alder:mug", 2);
  await customer.add("alder:candle", 1);
  await page.goto("/cart");
  await expectText(page, say("cart.count", { n: 2 }));
  const row = (name) => page.locator(".rows > li", { has: page.getByText(name, { exact: true }) });
  const euro = new Intl.NumberFormat(locale, { style: "currency", currency: "EUR" });

  await row("Enamel mug").locator("[name=quantity]").fill("3");
  await row("Enamel mug").getByRole("button", { name: say("cart.change") }).click();
  await until("3 mugs", async () =>
    (await row("Enamel mug").locator(".sum").innerText()) === euro.format(15));
  expectEqual(await page.locator(".total strong").innerText(), euro.format(17), "the total");
  await row("Enamel mug").locator("[name=quantity]").evaluate((input) => { input.max = ""; });
  await row("Enamel mug").locator("[name=quantity]").fill("1001");
  await row("Enamel mug").getByRole("button", { name: say("cart.change") }).click();
  await expectText(page, say("cart.not_changed.insufficient_stock"));
  const wrong = row("Enamel mug").locator("[aria-invalid=true]");
  expectEqual(await wrong.inputValue(), "1001", "what was typed");
  const why = await row("Enamel mug").locator(".error").innerText();
  expectEqual(why.replaceAll(/\D/g, ""), "1000", "how many there are");
  await page.goto("/cart");
  await row("Candle").getByRole("button", { name: say("cart.remove") }).click();
  await until("no candle", async () => (await row("Candle").count()) === 0);
  await row("Enamel mug").getByRole("button", { name: say("cart.remove") }).click();
  await expectText(page, say("cart.empty"));

  await customer.add("alder:tea", 5);
  await customer.add("alder:lamp", 2);
  await customer.add("alder:mug", 2);
  await customer.add("alder:candle", 1);
  await linesAtFault({ ...person, row, euro });
  await notBought({ ...person, row, customer });
});

// Each line is looked at anew by every view, marked and explained.
async function linesAtFault({ page, say, row, euro }) {
  const withoutLamps = (price) => offer("alder", "Alder Mill", [["tea", "Green tea", price, 3],
    ["mug", "Enamel mug", "5.50", 1000], ["candle", "Candle", "2.00", 1000]]);
  withoutLamps("2.49");
  await until("the lamp is withdrawn", async () => (await available("alder:lamp")) === 0);
  await page.reload();
  const why = (name) => row(name).locator(".why").innerText();
  expectEqual(await why("Brass lamp"), say("line.withdrawn"), "withdrawn");
  const dearer = await why("Enamel mug");
  expect(dearer.includes(euro.format(5)), `what it cost, not "${dearer}"`);
  expectEqual(await row("Candle").locator(".why").count(), 0, "the candle is fine");
  const others = row("Brass lamp").locator(".offers li");
  expectEqual(await others.locator(".by").allInnerTexts(), ["Beech & Sons"], "who else has it");
  await others.getByRole("button").click();
  await expectText(page, euro.format(29));

  withoutLamps("1.99");
  await until("3 are left", async () => {
    await page.goto("/cart");
    return (await why("Green tea")).includes("3");
  });
  await row("Green tea").getByRole("button", { name: say("cart.take", { available: 3 }) }).click();
  await until("3 teas are wanted", async () =>
    (await row("Green tea").locator("[name=quantity]").inputValue()) === "3");
  expectEqual(await row("Green tea").locator(".why").count(), 0, "the tea is fine");
  await (await Customer.signUp()).buy("alder:tea", 1);
  await page.goto("/cart");
  expect((await why("Green tea")).includes("2"), "there is one less");
}

async function notBought({ page, say, row, customer }) {
  await button({ page }, say("cart.buy")).click();
  await page.locator("[role=alert]").waitFor();
  const told = await page.locator("[role=alert]").innerText();
  for (const part of ["Brass lamp", "Green tea", say("line.withdrawn"), say("fault.removed")]) {
    expect(told.includes(part), `"${part}" in: ${told}`);
  }
  const kept = page.locator(".rows > li h2");
  expectEqual((await kept.allInnerTexts()).sort(),
    ["Brass lamp", "Candle", "Enamel mug", "Green tea"], "the rest, and the other's lamp");
  expectEqual(await row("Brass lamp").locator(".by").first().innerText(), "Beech & Sons", "whose");
  expectEqual((await customer.orders()).length, 0, "orders");

  await page.goto("/cart");
  await button({ page }, say("cart.buy_available")).click();
  await expectText(page, say("done.placed"));
  await expectText(page, say("order.not_all"));
  const [order] = await customer.orders();
  expectEqual(order.lines.find((line) => line.name === "Green tea").quantity, 2, "teas");
  await page.goto("/cart");
  await expectText(page, say("cart.empty"));

  // Gone altogether: taken out, and said so.
  await customer.add("alder:candle", 1000 - 1);
  await (await Customer.signUp()).buy("alder:candle", await available("alder:candle"));
  await buyCart({ page, say });
  await page.locator("[role=alert]", { hasText: say("fault.removed") }).waitFor();
  await expectText(page, say("line.sold_out"));
  await expectText(page, say("cart.empty"));
}
