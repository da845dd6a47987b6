// What the browser scripts share: Chromium from Debian, people at its pages, and the words that the
// pages use. A page fails on what a customer should never see.
import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

export const url = process.argv[2];
export const words = process.argv.slice(3);

export const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
export const CARD = { number: "4242 4242 4242 4242", month: "12", year: "2035", cvc: "737" };
export const PASSWORD = "correct horse battery";

// A person at a browser of their own: their page, and say(key, values), a text of the pages in
// their language. `options` are Playwright's for a context; `tolerate`, a pattern, is of troubles
// that belong to the case.
async function enter(browser, troubles, { tolerate = /^$/, ...options }) {
  const context = await browser.newContext({ baseURL: url, ...options });
  context.setDefaultTimeout(15_000);
  // The policy's violations are console errors in Chromium; with an event they are so everywhere.
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const note = (trouble) => { if (!tolerate.test(trouble)) troubles.push(trouble); };
  context.on("page", (page) => watch(page, note));
  const language = options.locale?.startsWith("pl") ? "pl" : "en";
  const person = { browser, context, language, say: speaker(language), tolerate };
  person.enter = (more = {}) => enter(browser, troubles, { locale: options.locale, ...more });
  person.page = await context.newPage();
  return person;
}

function watch(page, note) {
  const pages = new Set();  // addresses of documents
  page.on("console", (message) => {
    // A form that is refused comes back as 4xx, which Chromium calls a failed resource.
    const refused = /status of 4\d\d/.test(message.text()) && pages.has(message.location().url);
    if (message.type() === "error" && !refused) note(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => {
    // What was still on its way when the page was left or hidden.
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") note(`failed: ${request.url()} ${why}`);
  });
  page.on("pageerror", (error) => note(`page: ${error.stack}`));
  page.on("response", (response) => {
    if (response.status() >= 500) note(`${response.status()}: ${response.url()}`);
    const request = response.request();
    if (request.isNavigationRequest() && !request.redirectedTo()) {
      pages.add(response.url());
      page.document = response;  // The last one that a server made.
    }
  });
}

// Runs `script(person)`; the process exits 1 with the reason when it fails, or when one of the
// pages logged an error, broke the content policy or lacked a file.
export async function inBrowser(options, script) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  const troubles = [];
  try {
    await script(await enter(browser, troubles, options));
  } catch (error) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const page of pages) {
      const text = await page.locator("main").innerText({ timeout: 1000 }).catch(() => "");
      troubles.push(`at ${page.url()}:\n${text.slice(0, 1500)}`);
    }
    troubles.push(error.stack ?? String(error));
  } finally {
    await browser.close();
  }
  if (troubles.length > 0) {
    console.error(troubles.join("\n"));
    process.exit(1);
  }
}

// say("goods.left", {n: 3}): the text as a reader sees it, without tags; `{{name}}` and `{n}` from
// `values`, in the plural form of `n`.
export function speaker(language) {
  const folder = new URL("../../customer_gateway/pages/", import.meta.url);
  const texts = JSON.parse(readFileSync(new URL(`${language}.json`, folder), "utf8"));
  const plural = new Intl.PluralRules(language);
  return (key, values = {}) => {
    let text = texts[key];
    if (text === undefined) throw new Error(`no text ${key}`);
    if (typeof text === "object") text = text[plural.select(values.n)];
    return text.replace(/<[^>]*>/g, "").replace(/\{\{(\w+)\}\}|\{(\w+)\}/g,
      (_, name, short) => values[name ?? short]);
  };
}

export function expect(condition, what) {
  if (!condition) throw new Error(`expected: ${what}`);
}

export function expectEqual(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  expect(a === b, `${what}: ${b}, not ${a}`);
}

export async function expectText(page, text) {
  await page.getByText(text).first().waitFor();
}

// Looks again and again until `condition` holds.
export async function until(what, condition, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    if (await condition()) return;
    expect(Date.now() < end, `within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// What people do, in their language.

export async function signUp({ page, say }, { email = newEmail(), first = "Zofia" } = {}) {
  await page.getByLabel(say("field.first_name")).fill(first);
  await page.getByLabel(say("field.last_name")).fill("O'Brien <b>");
  await page.getByLabel(say("field.email")).fill(email);
  await page.getByLabel(say("field.password"), { exact: true }).fill(PASSWORD);
  await button({ page }, say("layout.sign_up")).click();
  await page.getByRole("button", { name: say("layout.log_out") }).waitFor();
  return email;
}

export async function attachCard({ page, say }, card = CARD) {
  await page.getByLabel(say("field.card_number")).fill(card.number);
  await page.getByLabel(say("field.exp_month")).fill(card.month);
  await page.getByLabel(say("field.exp_year")).fill(card.year);
  await page.getByLabel(say("field.cvc")).fill(card.cvc);
  await page.locator("form[action='/account/card'] button").click();
}

export async function logIn({ page, say }, email, password = PASSWORD) {
  await page.getByLabel(say("field.email")).fill(email);
  await page.getByLabel(say("field.password")).fill(password);
  await button({ page }, say("layout.log_in")).click();
}

export function button({ page }, name) {
  return page.locator("main").getByRole("button", { name, exact: true });
}

// Opens what asks first whether one is sure, and says yes.
export async function sure({ page, say }, what) {
  await page.locator("summary", { hasText: say(what) }).click();
  await button({ page }, say(`${what}_yes`)).click();
}

export const offerRow = ({ page }, offer) => page.locator(`.goods [data-offer="${offer}"]`);

export async function addToCart({ page, say }, offer, quantity = 1) {
  const row = offerRow({ page }, offer);
  await row.locator("[name=quantity]").fill(String(quantity));
  await row.getByRole("button").click();
  await expectText(page, say("done.added"));
}

export async function buyCart({ page, say }) {
  await page.goto("/cart");
  await button({ page }, say("cart.buy")).click();
}

let people = 0;
export function newEmail() {
  people += 1;
  return `zofia-${process.pid}-${people}@example.test`;
}
