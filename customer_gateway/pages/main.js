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

// What went wrong is read first, and the next Tab leads to its links.
document.querySelector("[role=alert][tabindex]")?.focus();

// Filters that are chosen, not typed, show their effect at once.
document.querySelector(".filter")?.addEventListener("change", ({ target }) => {
  if (target.matches("select, [type=checkbox]")) target.form.requestSubmit();
});

// Times stand there in UTC; here they are the reader's.
const time = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
function tellTimes(within) {
  for (const each of within.querySelectorAll("time[datetime]")) {
    each.textContent = time.format(new Date(each.dateTime));
  }
}
tellTimes(document);

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

// Depot was busy: the same request again by itself, later and later, a few times. Sending it again
// is safe, a purchase carries its key.
const waiting = document.querySelector("[data-retry]");
if (waiting) {
  const says = waiting.querySelector("[role=status]");
  const wait = (seconds) => {
    says.textContent = waiting.dataset.retry.replace("{n}", Math.ceil(seconds));
    return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  };
  const isBack = async () => {
    try {
      return (await fetch("/readyz", { cache: "no-store" })).ok;
    } catch {
      return false;  // Not even the gateway answers.
    }
  };
  const retry = async () => {
    for (let attempt = 0; attempt < 8; attempt += 1) {
      await wait(Math.min(2 ** attempt, 30) * (1 + Math.random()));
      if (!document.hidden && (await isBack())) {
        const link = waiting.querySelector("a");
        link ? location.replace(link.href) : waiting.requestSubmit();
        return;
      }
    }
    says.textContent = "";
  };
  retry();
}

// What changes by itself is asked for again while somebody looks: the server lays it out anew.
const fresh = document.querySelector("[data-refresh]");
if (fresh) {
  setInterval(() => {
    if (document.hidden || fresh.contains(document.activeElement)) return;
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.open("GET", location.href);
    request.onload = () => {
      const now = request.response?.getElementById(fresh.id);
      if (!now) return;
      fresh.replaceChildren(...[...now.childNodes].map((node) => document.importNode(node, true)));
      tellTimes(fresh);
    };
    request.send();
  }, fresh.dataset.refresh * 1000);
}
