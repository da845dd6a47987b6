// Keeps /ops current: asks for it again and changes only what differs, so that focus, scroll, a
// selection and what is open stay as they are. Paused, or in a hidden tab, it asks nothing.
const live = document.querySelector("#live");
const pause = document.querySelector("#pause");
const silent = document.querySelector("#silent");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let paused = false;
let timer = 0;

function update(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const name of old.getAttributeNames()) {  // Which details are open is the reader's.
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const children = [...fresh.childNodes];
  while (old.childNodes.length > children.length) old.lastChild.remove();
  children.forEach((child, i) => {
    if (i < old.childNodes.length) update(old.childNodes[i], child);
    else old.append(child);
  });
}

function look() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  const request = new XMLHttpRequest();
  request.open("GET", "/ops");
  request.responseType = "document";
  request.timeout = 5_000;
  request.onloadend = () => {
    const fresh = request.response?.querySelector("#live");
    silent.hidden = Boolean(fresh);
    if (fresh && !paused) update(live, fresh);
    clearTimeout(timer);
    timer = setTimeout(look, calm.matches ? 10_000 : 2_000);
  };
  request.send();
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  look();
});
document.addEventListener("visibilitychange", look);
timer = setTimeout(look, 2_000);
