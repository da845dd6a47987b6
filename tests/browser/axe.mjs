// usage: node axe.mjs URL LANGUAGE
// axe-core finds nothing on any page, light or dark, narrow or wide; and nothing is wider than the
// window, also at 320 px and at 200 %.
import axe from "axe-core";

import { visitAll } from "./pages.mjs";
import { expect, inBrowser, words } from "./shop.mjs";

const [locale] = words;
const OPTIONS = { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } };

async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate((how) => window.axe.run(document, how), OPTIONS);
  return found.violations.map(({ id, help, nodes }) => {
    const where = nodes.map((node) => `  ${node.html}\n    ${node.failureSummary}`);
    return [`${id}: ${help}`, ...where].join("\n");
  });
}

// The policy forbids what axe does to the page; keyboard.mjs is without this.
await inBrowser({ locale, bypassCSP: true, tolerate: /50[34]/ }, async (person) => {
  await visitAll(person, async ({ page }) => {
    const found = [];
    for (const width of [1280, 640, 360, 320]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) found.push(`${wide} px in a window of ${width}`);
      if (width !== 1280 && width !== 360) continue;
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        found.push(...(await violations(page)).map((one) => `${colorScheme}, ${width} px: ${one}`));
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(found.length === 0, `no violation:\n${[...new Set(found)].join("\n")}`);
  });
});
