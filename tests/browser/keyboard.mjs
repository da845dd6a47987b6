// usage: node keyboard.mjs URL LANGUAGE
// Every page under its real content policy and by keyboard: Tab reaches all that can be pressed or
// filled in, in the order of the text, and one sees where one is. A violation of the policy, an
// error in the console or a failed request fails it (shop.mjs).
import { visitAll } from "./pages.mjs";
import { expect, expectEqual, inBrowser, words } from "./shop.mjs";

const [locale] = words;

// What can be focused, numbered in the order of the document.
const number = (page) => page.evaluate(() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
    .filter((each) => each.type !== "hidden" && !each.disabled && each.checkVisibility());
  all.forEach((each, i) => { each.dataset.tabNumber = i; });
  return all.length;
});

const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    number: Number(element.dataset.tabNumber ?? -1),
    html: element.outerHTML.slice(0, 120),
    outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    box: JSON.stringify(box),
    seen: box.width > 1 && box.height > 1 && box.top >= 0 && box.bottom <= innerHeight + 1
      && box.left >= 0 && box.right <= innerWidth + 1,
  };
});

await inBrowser({ locale, tolerate: /50[34]/ }, async (person) => {
  await visitAll(person, async ({ page, say }) => {
    await page.locator("footer").waitFor();
    const count = await number(page);
    // As after a fresh load: from the top, wherever the page has put the focus.
    await page.evaluate(() => {
      document.activeElement.blur();
      const top = document.querySelector(".skip");
      top.focus();
      top.blur();
      scrollTo(0, 0);
    });
    for (let i = 0; i < count; i += 1) {
      await page.keyboard.press("Tab");
      const found = await focused(page);
      if (i === 0 && found.number === 1) await page.keyboard.press("Shift+Tab");
      const at = i === 0 ? await focused(page) : found;
      expectEqual(at.number, i, `stop ${i} of ${count}, at ${at.html}`);
      expect(at.outlined, `an outline around ${at.html}`);
      expect(at.seen, `to see ${at.html} ${at.box}`);
    }
    await page.evaluate(() => document.querySelector(".skip").focus());
    expectEqual(await page.evaluate(() => document.activeElement.innerText), say("layout.skip"),
      "the link to the content");
    await page.keyboard.press("Enter");
    expectEqual(await page.evaluate(() => document.activeElement.id), "main", "where it leads");
  });
});
