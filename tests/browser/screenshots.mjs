// usage: node screenshots.mjs URL FOLDER
// The pictures of the documents: the demo's catalogue, a cart of which a part is gone, and the
// operator's page while a crowd buys.
import { readFileSync, statSync } from "node:fs";

import { admin, available, crowd, Customer, offer } from "./cluster.mjs";
import { expect, expectText, inBrowser, until, words } from "./shop.mjs";

const [folder] = words;
const BYTES_MAX = 200_000;

// A manufacturer of the demo, as its agent would offer.
function demo(id) {
  const demos = new URL("../../demo/", import.meta.url);
  const read = (file) => readFileSync(new URL(file, demos), "utf8");
  const name = read(`${id}.yml`).match(/^name: (.*)$/m)[1];
  const rows = [...read(`${id}.csv`).matchAll(/^([^,]+),("[^"]*"|[^,]*),([\d.]+),(\d+)$/gm)].map(
    ([, sku, product, price, count]) => [sku, product.replaceAll('"', ""), price, Number(count)]);
  expect(rows.length > 5, `the goods of ${id}`);
  offer(id, name, rows);
}
for (const id of ["alder-mill", "northlight", "tidewater"]) demo(id);

async function shoot(page, name) {
  const path = `${folder}/${name}.png`;
  await page.screenshot({ path, animations: "disabled" });
  const { size } = statSync(path);
  expect(size > 10_000 && size < BYTES_MAX, `${name}.png of a size to be shown, not ${size}`);
}

const viewport = { width: 1280, height: 800 };
await inBrowser({ locale: "en", viewport, colorScheme: "light" }, async (person) => {
  const { page, context, say } = person;
  const customer = await Customer.signUp();
  await customer.takeOver(context);
  for (const [id, count] of [["northlight:NL-05", 6], ["tidewater:TW.CANDLE", 4],
    ["alder-mill:AM-102", 1]]) await customer.add(id, count);
  const others = await Customer.signUp();
  const leave = async (id, left) => others.buy(id, (await available(id)) - left);
  await leave("northlight:NL-05", 2);
  await leave("alder-mill:AM-108", 3);
  await page.goto("/");
  await page.locator("#live").waitFor();
  await shoot(page, "catalogue");

  await leave("tidewater:TW.CANDLE", 0);
  await until("sold out", async () => (await available("tidewater:TW.CANDLE")) === 0);
  await page.goto("/cart");
  await expectText(page, say("cart.others"));
  await expectText(page, say("line.sold_out"));
  await shoot(page, "cart");
});

await inBrowser({ locale: "en", viewport: { width: 1280, height: 900 } }, async ({ page }) => {
  const gone = crowd("--rate", "40", "--customers", "60", "--seconds", "30", "--burst", "150@15");
  await until("half a minute on the charts", async () => {
    await page.goto(`${admin}/ops`);
    const [, seconds] = (await page.locator("#lately").innerText()).match(/(\d+) s/) ?? [];
    return seconds >= 28;
  }, 60_000);
  await shoot(page, "ops");
  expect((await gone) === 0, "books that are right behind the crowd");
});
