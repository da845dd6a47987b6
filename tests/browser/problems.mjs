// usage: node problems.mjs URL LANGUAGE
// Each problem is explained on a page of its own, and what is not there says so.
import { readFileSync } from "node:fs";

import { expect, expectEqual, expectText, inBrowser, url, words } from "./shop.mjs";

const [locale] = words;
const table = readFileSync(new URL("../../protocol/problem.cpp", import.meta.url), "utf8");
const names = [...table.matchAll(/"([a-z_]+)", \d{3}/g)].map(([, name]) => name);

await inBrowser({ locale }, async ({ page, say }) => {
  expect(names.length > 20, `a table of problems, not ${names}`);
  for (const name of names) {
    const opened = await page.goto(`/problems/${name}`);
    expectEqual(opened.status(), 200, name);
    expectEqual(await page.locator("h1").innerText(), say(`problem.${name}.title`), name);
    await expectText(page, say(`problem.${name}.text`).slice(0, 20));
  }
  for (const path of ["/nowhere", "/problems/none_of_ours", "/assets/0/none.js"]) {
    const reply = await page.goto(path);
    expectEqual(reply.status(), 404, path);
    await expectText(page, say("problem.not_found.title"));
  }
  await page.getByRole("link", { name: say("problem.goods") }).click();
  expectEqual(page.url(), `${url}/`, "the way on");
});
