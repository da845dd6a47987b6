// usage: node markup.mjs URL LANGUAGE
// html-validate finds nothing in what the server sends, page by page.
import { HtmlValidate, StaticConfigLoader } from "html-validate";

import { visitAll } from "./pages.mjs";
import { expect, inBrowser, words } from "./shop.mjs";

const [locale] = words;
const validator = new HtmlValidate(new StaticConfigLoader({
  root: true,
  extends: ["html-validate:recommended"],
  rules: {},
}));

await inBrowser({ locale, javaScriptEnabled: true, tolerate: /50[34]/ }, async (person) => {
  await visitAll(person, async ({ page }) => {
    const html = await page.document.text();
    const { results } = await validator.validateString(html);
    const found = results.flatMap(({ messages }) => messages).map(({ ruleId, line, message }) =>
      `${ruleId}, line ${line}: ${message}\n    ${html.split("\n")[line - 1]}`);
    expect(found.length === 0, `no fault:\n${found.join("\n")}`);
  });
});
