// Every page of Depot in each of its states, for what is asked of all of them.
import {
  admin, CLOSED, Customer, depot, enrol, offer, OPEN, setCycle, signal,
} from "./cluster.mjs";
import { attachCard, button, CARD, expectText, logIn, signUp, sure, until, url } from "./shop.mjs";

const LONG = "Hand-woven Wschodniosłowiańskoprzeciwdeszczowy throw of mountain wool, 140 × 200 cm";

// What a shop may hold: one product of two makers, few left, sold out, long names, odd letters.
function restock(price = "1.99", teas = 1000, candle = true) {
  offer("alder", "Alder Mill Woodworks & Daughters, of the Upper Valley", [
    ["tea", "Green tea", price, teas], ["mug", "Enamel mug", "5.00", 123456],
    ["throw", LONG, "999999.99", 1000], ["few", "Lamp <b> & 'shade'", "25.00", 4],
    ["last", "Last lamp", "25.00", 1], ["gone", "Brass lamp", "25.00", 1],
    ...(candle ? [["candle", "Candle", "2.00", 1000]] : [])]);
  offer("beech", "Beech", [["mug", "Enamel mug", "4.50", 1000], ["last", "Last lamp", "26.00", 5],
    ["candle", "Candle", "2.10", 1000], ["tea", "Green tea", "2.10", 1000]]);
}

// Sends a form that the browser would not let through.
async function force({ page }, action) {
  const form = page.locator(`form[action="${action}"]`).first();
  await form.evaluate((each) => { each.noValidate = true; });
  await form.locator("button").first().click();
  await page.locator("[role=alert]").waitFor();
}

const at = (path) => ({ page }) => page.goto(path);

async function cartAtFault(person, customer) {
  for (const sku of ["tea", "mug", "candle", "throw"]) await customer.add(`alder:${sku}`, 5);
  restock("2.49", 1000, false);
  await until("the candle is withdrawn", async () => {
    await person.page.goto("/cart");
    return (await person.page.getByText(person.say("line.withdrawn")).count()) > 0;
  });
}

async function partFilled(person, customer) {
  await customer.add("alder:few", 4);
  await customer.add("alder:candle", 1);
  await (await Customer.signUp()).buy("alder:few", 1);
  await person.page.goto("/cart");
  await until("short", async () => {
    await person.page.reload();
    return (await person.page.locator(".fault").count()) > 0;
  });
  await button(person, person.say("cart.buy_available")).click();
  await expectText(person.page, person.say("order.not_all"));
}

async function refused(person, customer) {
  await customer.add("alder:last", 1);
  await customer.add("alder:mug", 2);
  await person.page.goto("/cart");
  await (await Customer.signUp()).buy("alder:last");
  await button(person, person.say("cart.buy")).click();
  await person.page.locator("[role=alert] .offers").waitFor();
}

async function whileClosed(person, path, then) {
  setCycle(CLOSED);
  await until("the catalogue says so", async () => {
    await person.page.goto("/");
    return person.page.locator("#closed").isVisible();
  });
  if (path !== "/") await person.page.goto(path);
  await then?.();
}

async function whileStopped(person, go) {
  if (person.page.url() === "about:blank") await person.page.goto("/");
  signal("depot-worker", "SIGSTOP");
  // The eighth time it waits for minutes: nothing moves while the page is looked at.
  await person.page.evaluate(() => sessionStorage.setItem("attempts", "7"));
  await go();
  await person.page.locator("[data-retry]").waitFor();
}

async function asMaker({ page, say }, token) {
  await page.goto("/manufacturer");
  await page.getByLabel(say("maker.token"), { exact: true }).fill(token);
  await button({ page }, say("layout.log_in")).click();
}

async function goOn() {
  signal("depot-worker", "SIGCONT");
  await until("ready", async () => (await fetch(`${url}/readyz`)).ok);
}

// A page behind something that was done, and is said there once.
const said = (done, path) => async ({ page }) => {
  await page.context().addCookies([{ name: "done", value: done, url }]);
  await page.goto(path);
};

// [state, who comes, how they get there, what to do behind it]; who: undefined a stranger, "new"
// with an account, "buyer" with a card too. A page that is added gets its rows here.
const STATES = [
  ["goods", undefined, at("/")],
  ["goods, sold out too", "buyer", at("/?include_sold_out=true&sort=-price")],
  ["goods, none fit", undefined, at("/?q=nothing-of-the-sort&manufacturer=beech")],
  ["goods, logged out", undefined, said("logged_out", "/")],
  ["sign up", undefined, at("/signup?need=1&next=%2Fcart")],
  ["sign up, wrong", undefined, async (person) => {
    await person.page.goto("/signup");
    await person.page.getByLabel(person.say("field.email")).fill("not an e-mail");
    await force(person, "/signup");
  }],
  ["sign up, done", undefined, async (person) => {
    await person.page.goto("/signup");
    await signUp(person);
  }],
  ["log in", undefined, at("/login")],
  ["log in, wrong", undefined, async (person) => {
    await person.page.goto("/login?need=1&next=%2Fcart&offer_id=alder%3Atea&quantity=2");
    await logIn(person, "nobody@example.test");
    await expectText(person.page, person.say("login.unauthenticated"));
  }],
  ["a problem", undefined, at("/problems/insufficient_stock")],
  ["not found", undefined, at("/nowhere")],
  ["account without a card", "new", at("/account?need=card&next=%2Fcart")],
  ["account", "buyer", said("card", "/account")],
  ["account, mistyped", "new", async ({ page, say }) => {
    await page.goto("/account");
    await page.getByLabel(say("field.card_number")).fill("4242 4242 4242 4241");
    await page.keyboard.press("Tab");
  }],
  ["account, wrong card", "new", async (person) => {
    await person.page.goto("/account");
    await attachCard(person, { ...CARD, month: "13", year: "1999" });
    await person.page.locator("[role=alert]").waitFor();
  }],
  ...["name", "email", "password"].map((form, i) =>
    [`account, wrong ${form}`, "buyer", async (person) => {
      await person.page.goto("/account");
      const shown = person.page.locator("form[action='/account']").nth(i);
      for (const field of await shown.locator("input:visible").all()) await field.fill("");
      await shown.evaluate((each) => { each.noValidate = true; });
      await shown.locator("button").click();
      await person.page.locator("[role=alert]").waitFor();
    }]),
  ["account, not deleted", "buyer", async (person) => {
    await person.page.goto("/account");
    await person.page.locator("#delete_current_password").fill("not the password");
    await force(person, "/account/delete");
  }],
  ["cart, empty", "new", at("/cart")],
  ["cart", "buyer", async ({ page }, customer) => {
    await customer.add("alder:tea", 3);
    await customer.add("alder:throw", 7);
    await said("added", "/cart")({ page });
  }],
  ["cart, at fault", "buyer", cartAtFault, () => restock()],
  ["cart, not bought", "buyer", refused],
  ["cart, not added", "buyer", async (person, customer) => {
    await customer.add("alder:tea", 1);
    await person.page.goto("/cart");
    await person.page.locator(".rows [name=quantity]").fill("0");
    await force(person, "/cart/set");
  }],
  ["order", "buyer", async (person, customer) => {
    const { order_id: id } = await customer.buy("alder:throw", 3);
    await said("placed", `/orders/${id}`)(person);
  }],
  ["order, part of what was wanted", "buyer", partFilled],
  ["order, cancelled", "buyer", async (person, customer) => {
    const { order_id: id } = await customer.buy("alder:tea", 3);
    await person.page.goto(`/orders/${id}`);
    await sure(person, "order.cancel");
    await expectText(person.page, person.say("done.cancelled"));
  }],
  ["orders, none", "new", at("/orders")],
  ["orders", "buyer", async ({ page }, customer) => {
    for (let i = 0; i < 21; i += 1) await customer.buy("alder:tea", 3);
    await page.goto("/orders");
  }],
  ["goods, closed", "buyer", (person) => whileClosed(person, "/"), () => setCycle(OPEN)],
  ["cart, closed", "buyer", async (person, customer) => {
    await customer.add("alder:tea", 1);
    await whileClosed(person, "/cart", () => button(person, person.say("cart.buy")).click());
    await expectText(person.page, person.say("cart.not_bought.cycle_closed"));
  }, () => setCycle(OPEN)],
  ["order, not cancelled", "buyer", async (person, customer) => {
    const { order_id: id } = await customer.buy("alder:tea", 3);
    await person.page.goto(`/orders/${id}`);
    setCycle(CLOSED);
    await sure(person, "order.cancel");
    await person.page.locator("[role=alert]").waitFor();
  }, () => setCycle(OPEN)],
  ["not bought, try again", "buyer", async (person, customer) => {
    await customer.add("alder:tea", 1);
    await person.page.goto("/cart");
    await whileStopped(person, () => button(person, person.say("cart.buy")).click());
  }, goOn],
  ["orders, not to be had", "buyer", (person) =>
    whileStopped(person, () => person.page.goto("/orders")), goOn],
  ["manufacturer, log in", undefined, at("/manufacturer")],
  ["manufacturer, wrong token", undefined, async (person) => {
    await asMaker(person, "none.of-ours");
    await person.page.locator("[role=alert]").waitFor();
  }],
  ["manufacturer", undefined, async (person) => {
    await (await Customer.signUp()).buy("alder:throw", 2);
    await asMaker(person, enrol("alder", "Alder Mill"));
    await person.page.getByRole("table").nth(1).waitFor();
  }],
  ["manufacturer without offers", undefined, async (person) => {
    await asMaker(person, enrol("empty", "Empty & Co."));
    await expectText(person.page, person.say("maker.no_offers"));
  }],
  ["manufacturer's statement", undefined, async (person) => {
    await (await Customer.signUp()).buy("beech:tea", 2);
    depot("cycle", "close");
    await asMaker(person, enrol("beech", "Beech & Sons"));
    await person.page.locator("a[href^='/manufacturer/statements/']").click();
    await expectText(person.page, person.say("statement.back"));
  }, () => restock()],
  ["operations", undefined, async ({ page }) => {
    await page.goto(`${admin}/ops`);
    await page.locator("svg").first().waitFor();
    await page.locator("#pause").click();
  }],
];

// check(person) in each state; it may throw, and the next state is looked at all the same.
export async function visitAll(person, check) {
  restock();
  await (await Customer.signUp()).buy("alder:gone");
  const faults = [];
  for (const [state, who, go, behind] of STATES) {
    await person.context.clearCookies();
    const customer = who && await Customer.signUp({ card: who === "buyer" });
    await customer?.takeOver(person.context);
    try {
      await go(person, customer);
      await check(person, state);
    } catch (error) {
      faults.push(`${person.language}, ${state}: ${error.message}`);
    } finally {
      await person.page.goto("about:blank");  // No script of the page goes on.
      await behind?.();
    }
  }
  if (faults.length > 0) throw new Error(faults.join("\n\n"));
}
