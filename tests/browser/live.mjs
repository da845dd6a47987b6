// usage: node live.mjs URL LANGUAGE
// The open catalogue follows the stock: by the stream, and by asking where there is none.
import { available, Customer, metric, offer } from "./cluster.mjs";
import { expect, expectEqual, inBrowser, offerRow, until, words } from "./shop.mjs";

const [locale] = words;
const QUICK = 2000;  // ms from a purchase to the pages
const alder = (mugs) => offer("alder", "Alder Mill", [["mug", "Enamel mug", "5.00", mugs],
  ["tea", "Green tea", "1.99", 100], ["lamp", "Brass lamp", "25.00", 1]]);
alder(3);
offer("beech", "Beech & Sons", [["mug", "Enamel mug", "6.00", 50]]);
const buyer = await Customer.signUp();

// What a product says, on the list and with what is sold out.
async function open(person, path) {
  await person.page.goto(path);
  await person.page.locator("#live").waitFor();
  const row = (id) => offerRow(person, id);
  const left = (id) => row(id).locator(".stock").innerText();
  return { ...person, row, left };
}

// What a reload would take away.
const mark = ({ page }) => page.evaluate(() => { window.neverReloaded = true; });
const expectMark = async ({ page }) =>
  expect(await page.evaluate(() => window.neverReloaded), "no reload");

// The stream that is refused on purpose.
const tolerate = /ERR_FAILED|\/v1\/catalogue\/stream/;
await inBrowser({ locale, tolerate }, async (person) => {
  const { say } = person;
  const list = await open(person, "/");
  const all = await open(await person.enter(), "/?include_sold_out=true");
  await Promise.all([list, all].map(mark));
  await until("the streams are open", async () => (await metric("depot_http_streams")) === 2);

  await buyer.buy("alder:tea", 3);
  for (const each of [list, all]) {
    await until("97 are left", async () =>
      (await each.left("alder:tea")) === say("goods.left", { n: 97 }), QUICK);
  }
  const box = list.row("alder:tea").locator("[name=quantity]");
  expectEqual(await box.getAttribute("max"), "97", "the most that can be put into the cart");

  await sellOutAndRestock(list, all, box);
  await withoutStream(person, list);
  await Promise.all([list, all].map(expectMark));
  await pauseAndGoOn(list);
});

// Whoever wants the numbers to stand still may have it so.
async function pauseAndGoOn({ page, left, say }) {
  const live = page.getByRole("button", { name: say("goods.live") });
  const streams = (count) => until(`${count} streams`, async () =>
    (await metric("depot_http_streams")) === count);
  await live.click();
  expectEqual(await live.getAttribute("aria-pressed"), "false", "paused");
  await streams(1);
  await buyer.buy("alder:tea", 1);
  await until("88 in truth", async () => (await available("alder:tea")) === 88);
  expectEqual(await left("alder:tea"), say("goods.left", { n: 89 }), "the number stands still");
  await live.click();
  await until("88 are left", async () =>
    (await left("alder:tea")) === say("goods.left", { n: 88 }), 10_000);
}

async function sellOutAndRestock(list, all, box) {
  const { page, say } = list;
  const mine = list.row("alder:mug").locator("[name=quantity]");
  await mine.focus();
  await buyer.buy("alder:mug", 3);
  await buyer.buy("alder:lamp", 1);
  await until("sold out", async () =>
    (await all.left("alder:mug")) === say("goods.sold_out"), QUICK);
  await until("what nobody is in has left the list", () => list.row("alder:lamp").isHidden(), 5000);
  expect(await mine.evaluate((field) => field === document.activeElement), "the reader stays");
  await box.focus();
  await until("both have left the list", async () =>
    (await list.row("alder:mug").isHidden()) && (await list.row("alder:lamp").isHidden()), 5000);
  expect(await page.getByRole("heading", { name: "Brass lamp" }).isHidden(), "nor is its name");
  expect(await list.row("beech:mug").isVisible(), "the other's mug stays");
  expect(await all.row("alder:lamp").isVisible(), "what is sold out stays where it is asked for");
  expect(await all.row("alder:mug").getByRole("button").isHidden(), "without a button");
  expectEqual(await page.locator("#news").count(), 1, "one line that is read out");
  await until("the news are told", async () =>
    (await page.locator("#news").innerText()).includes("2"), 8000);

  // The reader is typing beside it, in the same product and in another.
  await box.fill("42");
  const mugs = list.row("beech:mug").locator("[name=quantity]");
  await mugs.fill("7");
  alder(5);
  offer("cedar", "Cedar", [["mug", "Enamel mug", "5.50", 9], ["cup", "Paper cup", "0.10", 5000]]);
  await until("the mugs are back", async () => (await list.row("alder:mug").isVisible()) &&
    (await list.left("alder:mug")) === say("goods.left", { n: 2 }));
  await until("a new maker's are there", async () =>
    (await list.row("cedar:mug").count()) === 1, 20_000);
  expectEqual(await list.row("cedar:cup").locator(".stock").innerText(),
    say("goods.left", { n: 5000 }).replace("5000", new Intl.NumberFormat(locale).format(5000)),
    "a new product");
  expectEqual(await mugs.inputValue(), "7", "what was typed");
  expectEqual(await box.inputValue(), "42", "what was typed elsewhere");
  expect(await mugs.evaluate((field) => field === document.activeElement), "the focus stays");
  const order = await page.locator(".product", { hasText: "Enamel mug" }).locator(".by")
    .allInnerTexts();
  expectEqual(order, ["Alder Mill", "Cedar", "Beech & Sons"], "the cheapest first");
}

async function withoutStream(person, list) {
  const stream = "**/v1/catalogue/stream";
  await list.context.route(stream, (route) => route.abort());
  const blocked = await open({ ...list, page: await list.context.newPage() }, "/");
  await list.page.close();  // It held the stream; now the new tab would.
  await buyer.buy("alder:tea", 7);
  await until("90 are left, by asking", async () =>
    (await blocked.left("alder:tea")) === list.say("goods.left", { n: 90 }), 15_000);
  await list.context.unroute(stream);
  await until("the stream is back", async () => (await metric("depot_http_streams")) === 2, 20_000);
  await buyer.buy("alder:tea", 1);
  await until("89 are left, by the stream", async () =>
    (await blocked.left("alder:tea")) === list.say("goods.left", { n: 89 }), QUICK);
  expectEqual(await available("alder:tea"), 89, "teas");
  Object.assign(list, blocked);
  await mark(list);
}
