// usage: node account.mjs URL LANGUAGE
// An account from signing up to its end: log-ins, changes, the card.
import { Customer } from "./cluster.mjs";
import {
  attachCard, button, CARD, expect, expectEqual, expectText, inBrowser, logIn, newEmail,
  PASSWORD, signUp, sure, words,
} from "./shop.mjs";

const [locale] = words;
const OTHER_PASSWORD = "another long password";

await inBrowser({ locale }, async (person) => {
  const { page, say } = person;
  const other = await Customer.signUp({ card: false });
  await page.goto("/signup");
  await page.getByLabel(say("field.first_name")).fill("Zofia");
  await page.getByLabel(say("field.last_name")).fill("O'Brien <b>");
  await page.getByLabel(say("field.email")).fill(other.email);
  await page.getByLabel(say("field.password"), { exact: true }).fill(PASSWORD);
  await button(person, say("layout.sign_up")).click();
  await expectText(page, say("signup.email_taken"));
  expectEqual(await page.getByLabel(say("field.last_name")).inputValue(), "O'Brien <b>", "typed");
  expect(!(await page.content()).includes(PASSWORD), "the password is not echoed");
  await page.locator(".problem a").click();
  expect(await page.getByLabel(say("field.email")).evaluate(isFocused), "a link to the field");
  const email = await signUp(person);
  await expectText(page, say("done.welcome").split(".")[0]);

  await logOutAndIn(person, email);
  await changeDetails(person, email);
  await cards(person);
  await remove(person);
});

function isFocused(element) {
  return element === document.activeElement;
}

async function logOutAndIn(person, email) {
  const { page, say } = person;
  await page.getByRole("button", { name: say("layout.log_out") }).click();
  await expectText(page, say("done.logged_out"));
  await page.goto("/account");
  await expectText(page, say("login.need"));
  await logIn(person, email, "not the password");
  await expectText(page, say("login.unauthenticated"));
  expectEqual(await page.getByLabel(say("field.email")).inputValue(), email, "the e-mail stays");
  expectEqual(await page.getByLabel(say("field.password")).inputValue(), "", "the password not");
  await logIn(person, email);
  await page.waitForURL("/account");
}

async function changeDetails(person, email) {
  const { page, say } = person;
  const section = (key) => page.getByRole("region", { name: say(key), exact: true });
  const names = section("account.name");
  await names.getByLabel(say("field.first_name")).fill("Zośka");
  await names.getByRole("button").click();
  await expectText(page, say("done.saved"));
  expectEqual(await names.getByLabel(say("field.first_name")).inputValue(), "Zośka", "the name");

  const mail = section("field.email");
  const changed = newEmail();
  await mail.getByLabel(say("field.email")).fill(changed);
  await mail.getByLabel(say("field.current_password")).fill("not the password");
  await mail.getByRole("button").click();
  await expectText(page, say("account.forbidden"));
  expectEqual(await mail.getByLabel(say("field.email")).inputValue(), changed, "typed");
  const why = await mail.getByLabel(say("field.current_password")).getAttribute("aria-describedby");
  expectEqual(await page.locator(`#${why}`).innerText(), say("error.forbidden"), "the reason");
  await mail.getByLabel(say("field.current_password")).fill(PASSWORD);
  await mail.getByRole("button").click();
  await expectText(page, say("done.saved"));

  const password = section("field.password");
  await password.getByLabel(say("field.new_password")).fill(OTHER_PASSWORD);
  await password.getByLabel(say("field.current_password")).fill(PASSWORD);
  await password.getByRole("button").click();
  await expectText(page, say("done.saved"));

  await page.getByRole("button", { name: say("layout.log_out") }).click();
  await expectText(page, say("done.logged_out"));
  for (const [address, secret] of [[email, OTHER_PASSWORD], [changed, PASSWORD]]) {
    await page.goto("/login?next=/account");
    await logIn(person, address, secret);
    await expectText(page, say("login.unauthenticated"));
  }
  await logIn(person, changed, OTHER_PASSWORD);
  await page.waitForURL("/account");
}

async function cards(person) {
  const { page, say } = person;
  const number = page.getByLabel(say("field.card_number"));
  await number.pressSequentially("4242 4242 4242 4241");
  await page.keyboard.press("Tab");
  expectEqual(await number.getAttribute("aria-invalid"), "true", "a mistyped number is marked");
  const why = await number.getAttribute("aria-describedby");
  expectEqual(await page.locator(`#${why}`).innerText(), say("error.number"), "and why");
  await number.fill("4242 4242 4242 4242");
  expectEqual(await number.getAttribute("aria-invalid"), "false", "and the right one is not");
  expect(await page.locator(`#${why}`).isHidden(), "nor is a reason left");

  await attachCard(person, { ...CARD, month: "13", year: "1999" });
  await expectText(page, say("account.invalid"));
  expectEqual(await page.locator(".problem li").allInnerTexts(),
    [say("error.exp_month"), say("error.exp_year")], "all that is wrong");
  await expectText(page, say("account.card_again"));
  await attachCard(person, { ...CARD, month: "13" });
  await expectText(page, say("account.invalid"));
  expectEqual(await number.inputValue(), "", "the number is not echoed");
  expectEqual(await page.getByLabel(say("field.cvc")).inputValue(), "", "nor the CVC");
  expectEqual(await page.getByLabel(say("field.exp_year")).inputValue(), "2035", "the year is");
  for (const kept of ["4242 4242 4242 4242", "737"]) {
    // The hash of the style may have these digits, too.
    const shown = (await page.document.text()).replaceAll(/\/assets\/\w+/g, "");
    expect(!shown.includes(kept), `no ${kept} in the page`);
  }
  await page.locator(".problem a").click();
  expect(await page.getByLabel(say("field.exp_month")).evaluate(isFocused), "the wrong field");
  await attachCard(person);
  await expectText(page, say("done.card"));
  await expectText(page, "4242");
  await sure(person, "account.remove_card");
  await expectText(page, say("done.card_removed"));
  await expectText(page, say("account.no_card"));
}

async function remove(person) {
  const { page, say } = person;
  const section = page.getByRole("region", { name: say("account.delete") });
  await section.getByLabel(say("field.current_password")).fill("not the password");
  await section.getByRole("button").click();
  await expectText(page, say("account.forbidden"));
  await section.getByLabel(say("field.current_password")).fill(OTHER_PASSWORD);
  await section.getByRole("button").click();
  await expectText(page, say("done.deleted"));
  await page.getByRole("link", { name: say("layout.log_in") }).waitFor();
}
