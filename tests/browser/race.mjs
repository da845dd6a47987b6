// usage: node race.mjs URL LANGUAGE
// Two browsers and the last unit: one buys, the other is told why, with who else has the same, and
// keeps the rest of its cart.
import { Customer, offer } from "./cluster.mjs";
import { button, expect, expectEqual, expectText, inBrowser, words } from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["mug", "Enamel mug", "5.00", 1],
  ["tea", "Green tea", "1.99", 1000]]);
offer("beech", "Beech & Sons", [["mug", "Enamel mug", "6.00", 1000]]);

await inBrowser({ locale }, async (first) => {
  const second = await first.enter();
  const rivals = await Promise.all([first, second].map(async (person) => {
    const customer = await Customer.signUp();
    await customer.add("alder:mug", 1);
    await customer.add("alder:tea", 2);
    await customer.takeOver(person.context);
    await person.page.goto("/cart");
    return { ...person, customer };
  }));
  await Promise.all(rivals.map((rival) => button(rival, rival.say("cart.buy")).click()));
  for (const { page } of rivals) await page.locator(".note, [role=alert]").first().waitFor();

  const orders = await Promise.all(rivals.map(({ customer }) => customer.orders()));
  expectEqual(orders.map((each) => each.length).sort(), [0, 1], "orders of the two");
  const loser = rivals[orders.findIndex((each) => each.length === 0)];
  const winner = rivals.find((rival) => rival !== loser);
  await expectText(winner.page, winner.say("done.placed"));

  const { page, say } = loser;
  await expectText(page, say("cart.not_bought.insufficient_stock"));
  const told = await page.locator("[role=alert]").innerText();
  for (const part of ["Enamel mug", say("line.sold_out"), say("fault.removed"), "Beech & Sons"]) {
    expect(told.includes(part), `"${part}" in: ${told}`);
  }
  expectEqual(await page.locator(".rows > li h2").allInnerTexts(), ["Green tea"], "what is kept");
  await page.locator("[role=alert] .offers").getByRole("button").click();
  await expectText(page, say("done.added"));
  await button(loser, say("cart.buy")).click();
  await expectText(page, say("done.placed"));
  const [order] = await loser.customer.orders();
  expectEqual(order.lines.map((line) => line.manufacturer_name).sort(),
    ["Alder Mill", "Beech & Sons"], "whose goods they are");
});
