// usage: node money.mjs URL LANGUAGE CURRENCY
// What the server writes and what a live update writes look the same: amounts and quantities as
// Intl has them, so that a number that changes keeps its form.
import { Customer, offer } from "./cluster.mjs";
import { expectEqual, inBrowser, offerRow, until, words } from "./shop.mjs";

const [locale, currency] = words;
const PRICES = ["0.01", "0.99", "1.00", "9.90", "999.99", "1000.00", "1234.56", "9999.99",
  "10000.00", "99999.90", "100000.00", "1000000.00"];
const LEFT = [2, 3, 5, 6, 12, 13, 22, 23, 26, 1000, 1235, 10001, 123457, 1000000];
const rows = [...PRICES.map((price, i) => [`p${i}`, `Price ${i}`, price, 2]),
  ...LEFT.map((count, i) => [`q${i}`, `Quantity ${i}`, "1.00", count])];
offer("alder", "Alder Mill", rows);

await inBrowser({ locale }, async (person) => {
  const { page, say } = person;
  const shown = () => page.locator(".goods .offer").evaluateAll((offers) => Object.fromEntries(
    offers.map((row) => [row.dataset.offer, [".price", ".stock"].map(
      (part) => row.querySelector(part).textContent)])));
  const wanted = (sold) => page.evaluate(([all, lang, code, less]) => {
    const money = new Intl.NumberFormat(lang, { style: "currency", currency: code });
    const number = new Intl.NumberFormat(lang);
    return all.map(([sku, , price, count]) =>
      [`alder:${sku}`, money.format(price), number.format(count - less), count - less]);
  }, [rows, locale, currency, sold]);
  const expectShown = async (sold) => {
    const found = await shown();
    for (const [id, price, number, count] of await wanted(sold)) {
      const left = say("goods.left", { n: count }).replace(String(count), number);
      expectEqual(found[id], [price, left], `${id} after ${sold} were sold`);
    }
  };
  await page.goto("/");
  await page.locator("#live").waitFor();
  await expectShown(0);
  const buyer = await Customer.signUp();
  for (const [sku] of rows) await buyer.buy(`alder:${sku}`, 1);
  const last = offerRow(person, `alder:${rows.at(-1)[0]}`).locator(".stock");
  const number = new Intl.NumberFormat(locale).format(LEFT.at(-1) - 1);
  await until("the last purchase is shown", async () => (await last.innerText()).includes(number));
  await expectShown(1);  // As the script writes it,
  await page.goto("/login");
  await page.route("**/live.js", (route) => route.fulfill({ contentType: "text/javascript" }));
  await page.goto("/");
  await expectShown(1);  // and as the server does.
});
