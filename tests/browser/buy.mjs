// usage: node buy.mjs URL LANGUAGE [--without-javascript]
// A newcomer signs up, attaches a card, puts goods into the cart, buys, and finds the order.
import {
  addToCart, attachCard, button, CARD, expect, expectEqual, expectText, inBrowser, signUp, words,
} from "./shop.mjs";

const [locale, flag] = words;
const javaScriptEnabled = flag !== "--without-javascript";
const sum = { en: "€5.97", pl: "5,97\u00a0€" }[locale];

await inBrowser({ locale, javaScriptEnabled }, async (person) => {
  const { page, say } = person;
  const opened = await page.goto("/");
  const policy = opened.headers()["content-security-policy"] ?? "";
  expect(policy.includes("default-src 'none'"), `a strict content policy, not "${policy}"`);
  expect(!policy.includes("unsafe-"), `no unsafe- in "${policy}"`);
  await expectText(page, "Green tea");

  await page.getByRole("link", { name: say("layout.sign_up") }).click();
  await signUp(person);
  await page.goto("/account");
  await attachCard(person, { ...CARD, number: "4242 4242 4242 4241" });
  if (javaScriptEnabled) {  // Flagged as it is typed, and not sent.
    expect(await page.locator("#card_number").evaluate((field) => !field.checkValidity()),
      "a mistyped number is not valid");
  } else {
    await expectText(page, say("account.invalid"));
    expect(!(await page.content()).includes("4242 4242 4242 4241"), "the number is not echoed");
  }
  await attachCard(person);
  await expectText(page, "4242");

  await page.goto("/");
  await addToCart(person, "alder:tea", 3);
  await page.getByRole("link", { name: say("layout.cart"), exact: true }).click();
  await expectText(page, sum);
  await button(person, say("cart.buy")).click();

  await expectText(page, say("done.placed"));
  await expectText(page, "Green tea");
  expect(/\/orders\/[\w-]{16}/.test(page.url()), `an order's address, not ${page.url()}`);
  await page.reload();  // A reload buys nothing more.
  await page.getByRole("link", { name: say("order.all") }).click();
  expectEqual(await page.locator("ul.rows > li").count(), 1, "orders in the history");
  await expectText(page, sum);
  await page.goto("/cart");
  await expectText(page, say("cart.empty"));

  await page.getByRole("button", { name: say("layout.log_out") }).click();
  await expectText(page, say("done.logged_out"));
  await page.goto("/orders");
  expect(page.url().includes("/login"), `the log-in page, not ${page.url()}`);
});
