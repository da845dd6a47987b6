// usage: node catalogue.mjs URL LANGUAGE
// Looking around: groups, search, filter, sort, sold out, quantities, language and theme.
import { Customer, offer } from "./cluster.mjs";
import {
  addToCart, button, expect, expectEqual, expectText, inBrowser, offerRow, words,
} from "./shop.mjs";

const [locale] = words;

offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 10],
  ["mug", "Enamel mug", "5.00", 12345], ["lamp", "Brass lamp", "25.00", 1]]);
offer("beech", "Beech & Sons", [["mug", "Enamel mug", "4.50", 7], ["candle", "Candle", "2.00", 1]]);
const other = await Customer.signUp();
await other.buy("beech:candle");

await inBrowser({ locale }, async (person) => {
  const { page, say, context } = person;
  const products = () => page.locator(".goods > .product:not([hidden]) h2").allInnerTexts();
  const search = page.getByLabel(say("goods.search"));
  const maker = page.getByLabel(say("goods.manufacturer"));
  const sort = page.getByLabel(say("goods.sort"));
  const soldOutToo = page.getByLabel(say("goods.sold_out_too"));
  const showGoods = () => button(person, say("goods.show")).click();
  const settled = (part) => page.waitForURL((address) => address.search.includes(part));

  await page.goto("/");
  expectEqual(await products(), ["Brass lamp", "Enamel mug", "Green tea"], "the goods by name");
  const mugs = page.locator(".product", { hasText: "Enamel mug" }).locator(".offer .by");
  expectEqual(await mugs.allInnerTexts(), ["Beech & Sons", "Alder Mill"], "the cheapest mug first");
  const left = await offerRow(person, "alder:mug").locator(".stock").innerText();
  const many = new Intl.NumberFormat(locale).format(12345);
  expectEqual(left, say("goods.left", { n: 12345 }).replace("12345", many), "what is left");

  await sort.selectOption({ label: say("goods.sort_price") });
  await showGoods();
  await settled("sort=price");
  expectEqual(await products(), ["Green tea", "Enamel mug", "Brass lamp"], "by price");
  await sort.selectOption({ label: say("goods.sort_price_down") });
  await showGoods();
  await settled("sort=-price");
  expectEqual(await products(), ["Brass lamp", "Enamel mug", "Green tea"], "dearest first");
  await sort.selectOption({ label: say("goods.sort_available") });
  await showGoods();
  await settled("sort=-available");
  expectEqual(await products(), ["Enamel mug", "Green tea", "Brass lamp"], "most available first");

  await soldOutToo.check();
  await showGoods();
  await settled("include_sold_out");
  expect((await products()).includes("Candle"), "what is sold out, too");
  const candle = offerRow(person, "beech:candle");
  expectEqual(await candle.locator(".stock").innerText(), say("goods.sold_out"), "it says so");
  expect(await candle.getByRole("button").isHidden(), "nothing to buy there");

  await maker.selectOption({ label: "Beech & Sons" });
  await showGoods();
  await settled("manufacturer=beech");
  expectEqual((await products()).sort(), ["Candle", "Enamel mug"], "the goods of one");
  await search.fill("MUG");
  await search.press("Enter");
  await settled("q=MUG");
  expectEqual(await products(), ["Enamel mug"], "what fits");
  expectEqual(await search.inputValue(), "MUG", "the search is still there");
  await search.fill("nothing of the sort");
  await showGoods();
  await page.locator(".empty a").click();
  expectEqual((await products()).length, 3, "all again");

  const tea = offerRow(person, "alder:tea");
  const quantity = tea.locator("[name=quantity]");
  await quantity.fill("11");
  await tea.getByRole("button").click();
  expect(await quantity.evaluate((box) => box.validity.rangeOverflow), "11 of 10 is too many");
  expect(!page.url().includes("login"), "the form was not sent");
  await (await Customer.signUp()).takeOver(context);
  await page.goto("/?sort=price");
  await addToCart(person, "alder:tea", 10);
  expect(page.url().includes("sort=price"), `the same list, not ${page.url()}`);

  await switchLanguageAndTheme(person);
});

async function switchLanguageAndTheme({ page, say, context }) {
  const other = locale === "en" ? "pl" : "en";
  await page.getByRole("button", { name: say("layout.theme_dark"), exact: true }).click();
  const root = page.locator("html");
  const isDark = async () => {
    expectEqual(await root.getAttribute("data-theme"), "dark", "the theme");
    // In the document as the server sends it: no flash of the other one.
    expect((await page.document.text()).includes("data-theme=\"dark\""), "a dark document");
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expectEqual(ground, "rgb(18, 22, 20)", "the ground");
  };
  await page.waitForURL(/sort=price/);
  await isDark();
  await page.goto("/login");
  await isDark();
  await page.getByRole("button", { name: other === "pl" ? "Polski" : "English" }).click();
  await page.locator(`html[lang=${other}]`).waitFor();
  await page.goto("/problems/cycle_closed");
  expectEqual(await root.getAttribute("lang"), other, "the language");
  await isDark();
  const cookies = await context.cookies();
  for (const [name, value] of [["lang", other], ["theme", "dark"]]) {
    const cookie = cookies.find((each) => each.name === name);
    expectEqual(cookie?.value, value, `the cookie ${name}`);
    expect(cookie.expires > Date.now() / 1000 + 300 * 86400, "it lasts");
  }
  await page.locator("button[name=theme][value=auto]").click();
  await page.waitForLoadState();
  expectEqual(await root.getAttribute("data-theme"), null, "the theme of the system");
}
