// usage: node keyboard.mjs URL LANGUAGE
// Every page under its real content policy and by keyboard: Tab reaches all that can be pressed or
// filled in, in the order of the text, and one sees where one is. A violation of the policy, an
// error in the console or a failed request fails it (shop.mjs).
import { visitAll } from "./pages.mjs";
import { expect, expectEqual, inBrowser, words } from "./shop.mjs";

const [locale] = words;

// Where the focus is: its place among all that can have it, in the order of the document. Counted
// anew each time, as some pages change by themselves.
const focused = (page) => page.evaluate(() => {
  const all = [...document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter((each) => each.type !== "hidden" && !each.disabled && each.checkVisibility());
  const element = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    count: all.length,
    number: all.indexOf(element),
    html: element.outerHTML.slice(0, 120),
    outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    box: JSON.stringify(box),
    // Of what is higher than the window, some part.
    seen: box.width > 1 && box.height > 1 && box.left >= 0 && box.right <= innerWidth + 1
      && (box.height > innerHeight ? box.top < innerHeight && box.bottom > 0
        : box.top >= 0 && Math.min(box.bottom, box.top + 100) <= innerHeight + 1),
  };
});

await inBrowser({ locale, tolerate: /50[34]/ }, async (person) => {
  await visitAll(person, async ({ page }) => {
    await page.locator("footer").waitFor();
    // As after a fresh load, wherever the page has put the focus.
    await page.evaluate(() => {
      const first = document.querySelector(".skip");
      first.focus();
      first.blur();
      scrollTo(0, 0);
    });
    const { count } = await focused(page);
    for (let i = 0; i < count; i += 1) {
      await page.keyboard.press("Tab");
      let at = await focused(page);
      if (i === 0 && at.number === 1) {  // Where the browser goes on behind what had the focus.
        await page.keyboard.press("Shift+Tab");
        at = await focused(page);
      }
      expectEqual(at.number, i, `stop ${i} of ${count}, at ${at.html}`);
      expect(at.outlined, `an outline around ${at.html}`);
      expect(at.seen, `to see ${at.html} ${at.box}`);
    }
    await page.locator("a.skip").focus();
    expectEqual((await focused(page)).number, 0, "the first stop");
    await page.keyboard.press("Enter");
    const behind = await page.evaluate(() => document.activeElement.tagName);
    expectEqual(behind, "MAIN", "where it leads");
  });
});
