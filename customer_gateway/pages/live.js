// The quantities on the page of goods follow the stock.
//
// Browsers allow six connections to one host over all their tabs. So of the tabs that are visible
// one holds the stream (a Web Lock says which) and tells the others (BroadcastChannel). A tab that
// is hidden holds nothing. Where no stream can be had the catalogue is asked for every few seconds,
// by ETag.

const POLL_MS = 5000;
const REFRESH_MS = 3000;  // at the earliest, for goods that came back; not all tabs at once
const LOW = 10;  // As in page_data.cpp.

const goods = document.getElementById("goods");
const live = document.getElementById("live");
const news = document.getElementById("news");
const closed = document.getElementById("closed");
const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(language);
const channel = new BroadcastChannel("depot-stock");
const stock = new Map();  // offer id -> what was last heard of it
const shownSoldOut = "soldOut" in goods.dataset;
const rowOf = (offer) => goods.querySelector(`[data-offer="${CSS.escape(offer)}"]`);
const isTyping = (row) => row.contains(document.activeElement);
let complete = false;  // All that is on sale has been heard of once.
let cycle = null;  // its state, as last heard
let refreshDue = null;
let gone = 0;
let back = 0;

let format = null;
function money({ amount_minor: minor, currency }) {
  format ??= new Intl.NumberFormat(language, { style: "currency", currency });
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
  if (unit_price) row.querySelector(".price").textContent = money(unit_price);
  row.querySelector(".stock").textContent = isGone ? goods.dataset.gone
    : goods.dataset[plural.select(available)].replace("{n}", number.format(available));
  row.classList.toggle("gone", isGone);
  row.classList.toggle("low", !isGone && available <= LOW);
  // Who is in the form stays there, and is told when it is sent.
  row.querySelector("form").hidden = isGone && !isTyping(row);
  input.max = Math.max(available, 1);  // What was typed stays; too much is said when it is sent.
  if (wasGone === isGone) return;
  isGone ? (gone += 1) : (back += 1);
  row.hidden = false;
  row.classList.toggle("leaving", isGone && !shownSoldOut);
  if (isGone) setTimeout(() => leave(row), 1500);
}
const leaveAll = () => setTimeout(() => goods.querySelectorAll(".gone").forEach(leave));
goods.addEventListener("focusout", leaveAll);
goods.addEventListener("pointerleave", leaveAll);

// A row without goods leaves the list, unless the reader is in it or it has come back meanwhile.
function leave(row) {
  if (!row.classList.contains("gone") || isTyping(row)) return;
  if (goods.matches(":hover")) return;  // Nothing moves under the pointer.
  row.querySelector("form").hidden = true;
  row.hidden = !shownSoldOut;
  const product = row.closest(".product");
  product.hidden = ![...product.querySelectorAll(".offer")].some((offer) => !offer.hidden);
}

function apply(item) {
  const wasOnSale = stock.get(item.offer_id)?.available > 0;
  stock.set(item.offer_id, item);
  const row = rowOf(item.offer_id);
  if (row) {
    show(row, item);
    if (item.available > 0) row.closest(".product").hidden = false;
  } else if (complete && !wasOnSale && item.available > 0 && mayFit(item.offer_id)) {
    back += 1;
    refreshDue ??= setTimeout(refresh, REFRESH_MS * (1 + 4 * Math.random()));
  }
}

function mayFit(offer) {
  const { manufacturer } = goods.dataset;
  const further = new URLSearchParams(location.search).has("cursor");
  return !further && (!manufacturer || offer.startsWith(`${manufacturer}:`));
}

// Goods came back that this page has not got: the server lays the page out anew, and what is new of
// it is put in. (A policy of trusted types leaves XMLHttpRequest to read a page with.)
function refresh() {
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.open("GET", location.href);
  request.onload = () => {
    const fresh = request.response?.getElementById("goods");
    if (!fresh) return;
    merge(goods, fresh);
    goods.hidden = goods.children.length === 0;
    document.querySelector("#region > .empty")?.toggleAttribute("hidden", !goods.hidden);
    for (const item of stock.values()) if (rowOf(item.offer_id)) apply(item);
  };
  request.onloadend = () => { refreshDue = null; };
  request.send();
}

// Makes `list` what `fresh` is, products and the offers in them. Rows that are in both stay, with
// what was typed; the one that the reader is in is neither moved, which would end the focus, nor
// taken away.
function merge(list, fresh) {
  const key = (row) => row.dataset.offer ?? row.querySelector("h2").textContent;
  const wanted = new Set([...fresh.children].map(key));
  for (const row of [...list.children]) if (!wanted.has(key(row)) && !isTyping(row)) row.remove();
  const known = new Map([...list.children].map((row) => [key(row), row]));
  let at = list.firstElementChild;
  for (const row of fresh.children) {
    const old = known.get(key(row));
    const [offers, freshOffers] = [old, row].map((each) => each?.querySelector(".offers"));
    if (offers && freshOffers) merge(offers, freshOffers);
    if (old && (old === at || isTyping(old))) {
      at = old.nextElementSibling;
    } else {
      list.insertBefore(old ?? document.importNode(row, true), at);
    }
  }
}

// `whole`: nothing else is on sale.
function hear({ items, whole, state }) {
  if (isPaused()) return;
  live.hidden = false;
  for (const item of items) apply(item);
  complete ||= whole;
  if (whole) {
    const named = new Set(items.map((item) => item.offer_id));
    const known = [...goods.querySelectorAll("[data-offer]")].map((row) => row.dataset.offer);
    for (const offer_id of new Set([...known, ...stock.keys()])) {
      if (!named.has(offer_id)) apply({ ...stock.get(offer_id), offer_id, available: 0 });
    }
  }
  cycle = state ?? cycle;
  if (cycle) closed.hidden = cycle === "open";
}

function lose() {
  live.hidden = true;
}

function tell(heard) {
  hear(heard);
  channel.postMessage(heard);
}

// The leader's part: the stream, passed on to the other tabs in pieces of what came at once.
function openStream() {
  let pending = { items: [] };
  let timer = null;
  const pass = (items, more = {}) => {
    pending = { ...pending, ...more, items: more.whole ? items : [...pending.items, ...items] };
    timer ??= setTimeout(() => {
      timer = null;
      tell(pending);
      pending = { items: [] };
    });
  };
  const source = new EventSource("/v1/catalogue/stream");
  source.addEventListener("snapshot", ({ data }) => {
    const { items, cycle: now } = JSON.parse(data);
    pass(items, { whole: true, state: now?.state });
  });
  source.addEventListener("cycle", ({ data }) => pass([], { state: JSON.parse(data).state }));
  source.addEventListener("stock", ({ data }) => pass([JSON.parse(data)]));
  source.onopen = () => { live.hidden = false; };
  source.onerror = () => {
    lose();
    channel.postMessage({ lost: true });
  };
  return source;
}

// One look at all goods (1,000 at most), by pages of the API; the browser asks by ETag.
async function poll(end) {
  const query = new URLSearchParams({ limit: 100, include_sold_out: true });
  const heard = { items: [] };
  for (let pages = 0; pages < 10 && !heard.whole; pages += 1) {
    const reply = await fetch(`/v1/catalogue?${query}`, { signal: end });
    if (!reply.ok) return;
    const { items, next_cursor: cursor } = await reply.json();
    heard.items.push(...items);
    heard.whole = !cursor;
    query.set("cursor", cursor);
  }
  tell(heard);
}

const pause = (ms, end) => new Promise((resolve) => {
  const timer = setTimeout(stop, ms);
  function stop() {
    clearTimeout(timer);
    end.removeEventListener("abort", stop);
    resolve();
  }
  end.addEventListener("abort", stop);
});

// Lead for as long as this tab is visible: the stream, which the browser opens again by itself
// where it can, and polling while it is not open.
async function lead(end) {
  const answer = ({ data }) => {
    if (!data.hello) return;
    channel.postMessage({ items: [...stock.values()], whole: complete, state: cycle });
  };
  channel.addEventListener("message", answer);
  let source = null;
  while (!end.aborted) {
    if (!source || source.readyState === EventSource.CLOSED) source = openStream();
    await pause(POLL_MS * (0.5 + Math.random()), end);
    if (!end.aborted && source.readyState !== EventSource.OPEN) await poll(end).catch(lose);
  }
  source?.close();
  channel.removeEventListener("message", answer);
}

const isPaused = () => live.getAttribute("aria-pressed") === "false";
live.addEventListener("click", () => {
  live.setAttribute("aria-pressed", isPaused());
  attend();
});

channel.addEventListener("message", ({ data }) => {
  if (document.hidden || isPaused()) return;
  if (data.items) hear(data);
  if (data.lost) lose();
});
setInterval(tellNews, 5000);

let visible = null;
function attend() {
  visible?.abort();
  visible = null;
  if (document.hidden || isPaused()) return;
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
