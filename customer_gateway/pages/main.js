// On every page: what forms do better with a script. Without it they work as well.

const language = document.documentElement.lang;

// A form is sent once; shown again by "back", it may be sent again.
document.addEventListener("submit", ({ target, submitter }) => {
  if (target.method !== "post") return;
  setTimeout(() => {
    for (const button of target.querySelectorAll("button")) button.disabled = true;
    submitter?.setAttribute("aria-busy", "true");
  });
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[method=post] button")) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});

// What was done or went wrong is read first, and the next Tab leads to its links.
document.querySelector("[role=alert][tabindex], [role=status][tabindex]")
  ?.focus({ preventScroll: location.hash !== "" });

// Times stand there in UTC; here they are the reader's.
const time = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
const short = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
for (const each of document.querySelectorAll("time[datetime]")) {
  each.textContent = (each.closest("td") ? short : time).format(new Date(each.dateTime));
}

// A card number is checked as it is typed (Luhn), and goes nowhere before the form is sent.
function isCardNumber(text) {
  const digits = [...text.replace(/[ -]/g, "")].reverse();
  const wrong = digits.some((digit) => digit < "0" || digit > "9");
  if (wrong || digits.length < 12 || digits.length > 19) return false;
  const sum = digits.reduce((total, digit, place) => {
    const value = digit * (1 + (place % 2));
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
const card = document.getElementById("card_number");
if (card) {
  const why = document.getElementById("card_number_error");
  const mark = (wrong) => {
    card.setCustomValidity(wrong ? why.textContent : "");
    why.hidden = !wrong;
    card.removeAttribute("aria-describedby");
    if (wrong) card.setAttribute("aria-describedby", why.id);
  };
  card.addEventListener("input", () => {
    const right = isCardNumber(card.value);
    right ? card.setAttribute("aria-invalid", "false") : card.removeAttribute("aria-invalid");
    mark(false);
  });
  card.addEventListener("change", () => {
    const wrong = card.value !== "" && !isCardNumber(card.value);
    if (wrong) card.setAttribute("aria-invalid", "true");
    mark(wrong);
  });
}

// Depot was busy: the same request again by itself, later and later, eight times at most, however
// often the page is loaded for it. Sending it again is safe, a purchase carries its key.
const waiting = document.querySelector("[data-retry]");
const attempt = waiting ? Number(sessionStorage.getItem("attempts")) : 0;
if (!waiting) sessionStorage.removeItem("attempts");
if (waiting && attempt < 8) {
  sessionStorage.setItem("attempts", attempt + 1);
  const says = waiting.querySelector("[role=status]");
  const seconds = Math.max(Number(waiting.dataset.after), 2 ** attempt) * (1 + Math.random());
  says.textContent = waiting.dataset.retry.replace("{n}", Math.ceil(seconds));
  const send = () => {
    if (document.hidden) return setTimeout(send, 1000);
    const link = waiting.querySelector("a");
    link ? location.replace(link.href) : waiting.requestSubmit();
  };
  setTimeout(send, 1000 * seconds);
}
