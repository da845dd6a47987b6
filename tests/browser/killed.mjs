// usage: node killed.mjs URL LANGUAGE
// The gateway is killed under an open page, and started again: its numbers go on, its form works.
import { available, Customer, offer, pids, signal } from "./cluster.mjs";
import {
  addToCart, buyCart, expect, expectText, inBrowser, offerRow, until, url, words,
} from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 100]]);
const buyer = await Customer.signUp();

await inBrowser({ locale, tolerate: /./ }, async (person) => {
  const { page, context, say } = person;
  await (await Customer.signUp()).takeOver(context);
  await page.goto("/");
  await page.locator("#live").waitFor();
  const left = () => offerRow(person, "alder:tea").locator(".stock").innerText();
  const [before] = pids("depot-gateway");
  signal("depot-gateway", "SIGKILL");
  await page.locator("#live").waitFor({ state: "hidden" });  // It no longer says that it is live.
  await until("another gateway is ready", async () =>
    (await fetch(`${url}/readyz`).catch(() => ({ ok: false }))).ok, 30_000);
  expect(!pids("depot-gateway").includes(before), "another process");
  await buyer.buy("alder:tea", 5);
  await until("95 are left", async () => (await left()) === say("goods.left", { n: 95 }), 15_000);
  await page.locator("#live").waitFor();
  await addToCart(person, "alder:tea", 2);
  await buyCart(person);
  await expectText(page, say("done.placed"));
  await until("93 are left", async () => (await available("alder:tea")) === 93);
});
