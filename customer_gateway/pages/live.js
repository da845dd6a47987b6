// The quantities on the page of goods follow the stock.
//
// Browsers allow six connections to one host over all their tabs. So of the tabs that are visible
// one holds the stream (a Web Lock says which) and tells the others (BroadcastChannel). A hidden tab
// holds nothing. Where no stream can be had the catalogue is asked for every few seconds, by ETag.

const POLL_MS = 5000;
const REFRESH_MS = 3000;  // at the earliest, for goods that came back
const LOW = 10;  // As in page_data.cpp.

const goods = document.getElementById("goods");
const live = document.getElementById("live");
const news = document.getElementById("news");
const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(language);
const channel = new BroadcastChannel("depot-stock");
const stock = new Map();  // offer id -> what was last heard of it
const shownSoldOut = "soldOut" in goods.dataset;
let refreshDue = null;
let gone = 0;
let back = 0;

function money({ amount_minor: minor, currency }) {
  const format = new Intl.NumberFormat(language, { style: "currency", currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function tellNews() {
  if (gone + back === 0) return;
  news.textContent = goods.dataset.news.replace("{gone}", gone).replace("{back}", back);
  gone = back = 0;
}

function show(row, { available, unit_price }) {
  const wasGone = row.classList.contains("gone");
  const isGone = available <= 0;
  const input = row.querySelector("[name=quantity]");
  row.querySelector(".price").textContent = money(unit_price);
  row.querySelector(".stock").textContent = isGone ? goods.dataset.gone
    : goods.dataset[plural.select(available)].replace("{n}", number.format(available));
  row.classList.toggle("gone", isGone);
  row.classList.toggle("low", !isGone && available <= LOW);
  row.querySelector("form").hidden = isGone;
  input.max = Math.max(available, 1);
  if (!isGone && input.valueAsNumber > available) input.value = available;
  if (wasGone === isGone) return;
  isGone ? (gone += 1) : (back += 1);
  row.hidden = false;
  if (isGone && !shownSoldOut) setTimeout(() => leave(row), 1500);
}

// A row without goods leaves the list, unless the reader is in it or it has come back meanwhile.
function leave(row) {
  if (!row.classList.contains("gone") || row.contains(document.activeElement)) return;
  row.hidden = true;
  const product = row.closest(".product");
  product.hidden = ![...product.querySelectorAll(".offer")].some((offer) => !offer.hidden);
}

function apply(item) {
  stock.set(item.offer_id, item);
  const row = goods.querySelector(`[data-offer="${CSS.escape(item.offer_id)}"]`);
  if (row) {
    show(row, item);
    if (item.available > 0) row.closest(".product").hidden = false;
  } else if (item.available > 0 && refreshDue === null && mayFit(item.offer_id)) {
    refreshDue = setTimeout(refresh, REFRESH_MS);
  }
}

function mayFit(offer) {
  const { manufacturer } = goods.dataset;
  return !goods.dataset.q && (!manufacturer || offer.startsWith(`${manufacturer}:`));
}

// Goods that this page has not got: the server lays the page out anew, and what is new of it is put
// in. Rows that are here stay, with what was typed and the focus.
function refresh() {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.open("GET", location.href);
  request.onload = () => {
    refreshDue = null;
    const fresh = request.response?.getElementById("goods");
    if (!fresh) return;
    const known = new Map([...goods.children].map((row) => [key(row), row]));
    let at = goods.firstElementChild;
    for (const row of [...fresh.children]) {
      const old = known.get(key(row));
      const keep = old && same(old, row) ? old : document.importNode(row, true);
      if (keep === at) {
        at = at.nextElementSibling;  // To move it would take the focus out of it.
      } else {
        goods.insertBefore(keep, at);
      }
      if (keep === old) known.delete(key(row));
    }
    for (const old of known.values()) old.remove();
    goods.hidden = goods.children.length === 0;
    document.querySelector("#region > .empty")?.toggleAttribute("hidden", !goods.hidden);
    for (const item of stock.values()) applyShown(item);
  };
  request.onerror = () => { refreshDue = null; };
  request.send();
}
const key = (product) => product.querySelector("h2").textContent;
const offersOf = (product) =>
  [...product.querySelectorAll("[data-offer]")].map((row) => row.dataset.offer).sort().join();
const same = (a, b) => offersOf(a) === offersOf(b);
function applyShown(item) {
  if (goods.querySelector(`[data-offer="${CSS.escape(item.offer_id)}"]`)) apply(item);
}

function hear({ items }) {
  live.hidden = false;
  for (const item of items) apply(item);
}

// The leader's part: the stream, passed on to the other tabs in pieces of what came at once.
function followStream(end) {
  return new Promise((resolve) => {
    let pending = [];
    let timer = null;
    const pass = (items) => {
      pending.push(...items);
      timer ??= setTimeout(() => {
        hear({ items: pending });
        channel.postMessage({ items: pending });
        pending = [];
        timer = null;
      });
    };
    const source = new EventSource("/v1/catalogue/stream");
    const stop = (opened) => { source.close(); resolve(opened); };
    source.addEventListener("snapshot", ({ data }) => pass(JSON.parse(data).items));
    source.addEventListener("stock", ({ data }) => pass([JSON.parse(data)]));
    source.onerror = () => {
      live.hidden = true;
      if (source.readyState === EventSource.CLOSED) stop(false);
    };
    const answer = ({ data }) => {
      if (data.hello) channel.postMessage({ items: [...stock.values()] });
    };
    channel.addEventListener("message", answer);
    end.addEventListener("abort", () => {
      channel.removeEventListener("message", answer);
      stop(true);
    });
  });
}

// One look at what the page may show, by pages of the API; the browser asks by ETag.
async function poll(end) {
  const query = new URLSearchParams({ limit: 100, include_sold_out: true });
  if (goods.dataset.manufacturer) query.set("manufacturer", goods.dataset.manufacturer);
  if (goods.dataset.q) query.set("q", goods.dataset.q);
  for (let pages = 0; pages < 10; pages += 1) {
    const reply = await fetch(`/v1/catalogue?${query}`, { signal: end });
    if (!reply.ok) return;
    const { items, next_cursor: cursor } = await reply.json();
    hear({ items });
    if (!cursor) return;
    query.set("cursor", cursor);
  }
}

const pause = (ms, end) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  end.addEventListener("abort", () => { clearTimeout(timer); resolve(); });
});

// Lead for as long as this tab is visible: the stream, and polling while there is none.
async function lead(end) {
  while (!end.aborted) {
    if (await followStream(end)) return;
    for (let rounds = 0; rounds < 3 && !end.aborted; rounds += 1) {
      await poll(end).catch(() => { live.hidden = true; });
      await pause(POLL_MS * (1 + Math.random() / 2), end);
    }
  }
}

channel.addEventListener("message", ({ data }) => {
  if (data.items && !document.hidden) hear(data);
});
setInterval(tellNews, 5000);

let visible = null;
function attend() {
  visible?.abort();
  visible = null;
  if (document.hidden) return;
  const end = (visible = new AbortController()).signal;
  channel.postMessage({ hello: true });
  if (navigator.locks) {
    navigator.locks.request("depot-stock", { signal: end }, () => lead(end)).catch(() => {});
  } else {
    lead(end);  // Not a secure context, such as another machine without TLS: each tab by itself.
  }
}
document.addEventListener("visibilitychange", attend);
addEventListener("pagehide", () => visible?.abort());
addEventListener("pageshow", ({ persisted }) => { if (persisted) attend(); });
attend();
