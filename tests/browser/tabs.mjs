// usage: node tabs.mjs URL LANGUAGE
// Eight tabs of one browser, which has six connections to a host: one stream for all of them.
import { Customer, metric, offer } from "./cluster.mjs";
import {
  addToCart, buyCart, expectEqual, expectText, inBrowser, offerRow,  until, words,
} from "./shop.mjs";

const [locale] = words;
offer("alder", "Alder Mill", [["tea", "Green tea", "1.99", 100]]);
const buyer = await Customer.signUp();

// As if the tab were put behind another one, or shown again: headless Chromium shows them all.
const setHidden = (page, hidden) => page.evaluate((value) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
  document.dispatchEvent(new Event("visibilitychange"));
}, hidden);
const streams = (count) => until(`${count} streams`, async () =>
  (await metric("depot_http_streams")) === count, 15_000);

await inBrowser({ locale }, async (person) => {
  const { context, say } = person;
  await (await Customer.signUp()).takeOver(context);
  const tabs = [person.page];
  while (tabs.length < 8) tabs.push(await context.newPage());
  for (const page of tabs) await page.goto("/");
  for (const page of tabs) await page.locator("#live").waitFor();
  await streams(1);

  let left = 100;
  const expectNews = async (pages) => {
    await buyer.buy("alder:tea");
    left -= 1;
    for (const page of pages) {
      await until(`${left} are left`, async () =>
        (await offerRow({ page }, "alder:tea").locator(".stock").innerText())
          === say("goods.left", { n: left }), 2000);
    }
  };
  await expectNews(tabs);
  await addToCart({ page: tabs[7], say }, "alder:tea", 2);
  await buyCart({ page: tabs[7], say });
  await expectText(tabs[7], say("done.placed"));
  left -= 2;
  await tabs[7].goto("/");
  await streams(1);
  await expectNews(tabs);

  // The tab that holds the stream is hidden: another takes over. All hidden: nobody holds one.
  for (const page of tabs.slice(0, 7)) await setHidden(page, true);
  await streams(1);
  await expectNews([tabs[7]]);
  await setHidden(tabs[7], true);
  await streams(0);
  for (const page of tabs.slice(0, 3)) await setHidden(page, false);
  await streams(1);
  await expectNews(tabs.slice(0, 3));
  // So it is when a tab is closed.
  for (const page of tabs.slice(0, 2)) await page.close();
  await expectNews([tabs[2]]);
  await streams(1);
  expectEqual(await metric("depot_http_streams"), 1, "streams");
});
