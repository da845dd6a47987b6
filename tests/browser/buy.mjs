// usage: node buy.mjs URL [--without-javascript]
// A newcomer signs up, attaches a card, puts goods into the cart, buys, and finds the order.
import { expect, expectText, inBrowser } from "./shop.mjs";

const [url, flag] = process.argv.slice(2);
const javaScriptEnabled = flag !== "--without-javascript";

await inBrowser(url, { javaScriptEnabled }, async (page) => {
  const opened = await page.goto("/");
  const policy = opened.headers()["content-security-policy"] ?? "";
  expect(policy.includes("default-src 'none'") || policy.includes("default-src 'self'"),
    `a strict content policy, not "${policy}"`);
  expect(!policy.includes("unsafe-"), `no unsafe- in "${policy}"`);
  await expectText(page, "Green tea");

  await page.getByRole("link", { name: "Sign up" }).click();
  await page.getByLabel("First name").fill("Zofia");
  await page.getByLabel("Last name").fill("O'Brien <b>");
  await page.getByLabel("E-mail").fill("zofia@example.test");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Sign up" }).click();

  await page.goto("/account");
  await page.getByLabel("Card number").fill("4242 4242 4242 4241");
  await page.getByLabel("Expiry month").fill("12");
  await page.getByLabel("Expiry year").fill("2035");
  await page.getByLabel("CVC").fill("737");
  await page.getByRole("button", { name: "Attach the card" }).click();
  await page.getByText("Please look at the fields that are marked").waitFor();
  expect(!(await page.content()).includes("4242 4242 4242 4241"), "the number is not echoed");
  await page.getByLabel("Card number").fill("4242 4242 4242 4242");
  await page.getByLabel("Expiry month").fill("12");
  await page.getByLabel("Expiry year").fill("2035");
  await page.getByLabel("CVC").fill("737");
  await page.getByRole("button", { name: "Attach the card" }).click();
  await expectText(page, "ending in 4242");

  await page.goto("/");
  await page.getByLabel("Quantity of Green tea by Alder Mill").fill("3");
  await page.getByRole("button", { name: /Add to cart.*Green tea by Alder Mill/ }).click();
  await page.getByRole("link", { name: "Cart", exact: true }).click();
  await expectText(page, "5.97");
  await page.getByRole("button", { name: "Buy", exact: true }).click();

  await expectText(page, "Your order is placed");
  await expectText(page, "Green tea");
  expect(/\/orders\/[\w-]{16}/.test(page.url()), `an order's address, not ${page.url()}`);
  await page.reload();  // A reload buys nothing more.
  await page.getByRole("link", { name: "All orders" }).click();
  expect(await page.locator("ul.rows > li").count() === 1, "one order in the history");
  await expectText(page, "5.97");
  await page.goto("/cart");
  await expectText(page, "There is nothing in it");

  await page.getByRole("button", { name: "Log out" }).click();
  await page.goto("/orders");
  expect(page.url().includes("/login"), `the log-in page, not ${page.url()}`);
});
