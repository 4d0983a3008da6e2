// Keeps a page live: takes events, asks the server for the regions that changed, swaps them in.
// The server makes all HTML; nothing that a device sent is ever put into the page from here.

const body = document.body;
const page = body.dataset;

// The hub's time: what the server said, run on by our own clock at the world's speed.
let hub = { at: Number(page.now), from: performance.now(), speed: Number(page.speed) || 1 };
const now = () => hub.at + (performance.now() - hub.from) * hub.speed;

const steps = [[1_000, "ageNow", 1], [60_000, "ageS", 1_000], [3_600_000, "ageMin", 60_000],
  [172_800_000, "ageH", 3_600_000], [Infinity, "ageD", 86_400_000]];

function ageText(ms) {
  const [, key, unit] = steps.find(([below]) => ms < below);
  return page[key].replace("{n}", String(Math.floor(ms / unit)));
}

function showAges(root) {
  if (Number.isNaN(hub.at)) return;
  for (const time of root.querySelectorAll("time[data-age]")) {
    const text = ageText(now() - Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

const beijing = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", month: "2-digit",
  day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
function beijingText(at) {
  const part = Object.fromEntries(beijing.formatToParts(at).map(({ type, value }) => [type, value]));
  return `${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
}
const clock = document.getElementById("clock");

setInterval(() => {
  showAges(document);
  if (clock && !Number.isNaN(hub.at)) {
    const at = new Date(now());
    clock.dateTime = at.toISOString();
    clock.textContent = beijingText(at);
  }
}, 1_000);

// Search narrows the tiles as one types; without this it is a form.
const filter = document.querySelector("[data-filter]");
function narrow() {
  if (!filter) return;
  const wanted = filter.value.trim().toLowerCase();
  for (const tile of document.querySelectorAll(".tile")) {
    const text = `${tile.dataset.name} ${tile.id}`.toLowerCase();
    tile.hidden = wanted !== "" && !text.includes(wanted);
  }
}
filter?.addEventListener("input", narrow);
for (const select of document.querySelectorAll("[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

// Swaps a region unless it is the same; keeps the keyboard where it was.
function swap(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || old.innerHTML === fresh.innerHTML && old.className === fresh.className) return;
  const focus = old.contains(document.activeElement) ? document.activeElement : null;
  const place = focus ? [...old.querySelectorAll("a,button,input,select")].indexOf(focus) : -1;
  old.replaceWith(fresh);
  if (place >= 0) fresh.querySelectorAll("a,button,input,select")[place]?.focus();
  showAges(fresh);
}

async function fetchRegions(url, part, wanted) {
  const answer = await fetch(url, { headers: { "x-live": part } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const region of fresh.querySelectorAll("[data-live]")) {
    if (region.id && wanted(region) && !region.parentElement?.closest("[data-live]:not([data-live='whole'])")) {
      swap(document.importNode(region, true));
    }
  }
  narrow();
}

function here() {
  const url = new URL(location.href);
  url.searchParams.set("lang", page.lang);
  return url;
}

// What is to be asked for; one question at a time, at most one a second. Regions that are slow
// (charts, tables of the past) change once a minute.
const SLOW_MS = 60_000;
let sites = new Set();
let isWhole = false;
let slowAt = performance.now();
let isBusy = false;
const hasFast = document.querySelector("main [data-live]:not([data-live=slow])") !== null;
const hasSlow = document.querySelector("main [data-live=slow]") !== null;

async function update() {
  if (isBusy || document.hidden || (sites.size === 0 && !isWhole)) return;
  const slow = performance.now() - slowAt > SLOW_MS;
  if (!isWhole && !hasFast && !(slow && hasSlow)) return;
  isBusy = true;
  const asked = sites;
  const whole = isWhole;
  sites = new Set();
  isWhole = false;
  try {
    if (page.page === "district" && !page.site && !whole) {
      const url = new URL("/tiles", location.href);
      url.searchParams.set("lang", page.lang);
      for (const site of asked) url.searchParams.append("site", site);
      await fetchRegions(url, "now", () => true);
    } else {
      if (slow) slowAt = performance.now();
      const part = slow ? "all" : "now";
      await fetchRegions(here(), part, (region) => slow || region.dataset.live !== "slow");
    }
  } catch (error) {
    console.warn("live update failed; trying again", error);
    for (const site of asked) sites.add(site);
    isWhole ||= whole;
  }
  setTimeout(() => { isBusy = false; update(); }, 1_000);
}
document.addEventListener("visibilitychange", update);

// A filtered or ordered district changes its tiles, not only their figures.
const isPlain = page.choice === "all" && !new URLSearchParams(location.search).has("sort");
setInterval(() => { if (page.page === "district" && !page.site && !isPlain) { isWhole = true; update(); } }, 15_000);

const connection = document.getElementById("conn");
let lostAt = null;
function connected(isLive) {
  const text = connection.querySelector(".conn-text");
  if (isLive) {
    lostAt = null;
    connection.className = "conn live";
    text.textContent = page.connLive;
    return;
  }
  lostAt ??= Number.isNaN(hub.at) ? new Date() : new Date(now());
  connection.className = "conn lost";
  text.textContent = page.connLost.replace("{when}", beijingText(lostAt));
}

// EventSource comes back by itself with Last-Event-ID; where it gives up, we open a new one.
let lastId = page.event;
function follow() {
  const query = new URLSearchParams({ after: lastId });
  if (page.site) query.set("site", page.site);
  const events = new EventSource(`/api/v1/events?${query}`);
  events.addEventListener("open", () => connected(true));
  events.addEventListener("error", () => {
    connected(false);
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 3_000);
  });
  events.addEventListener("figures", (event) => {
    lastId = event.lastEventId;
    const figures = JSON.parse(event.data);
    if (figures.now) hub = { ...hub, at: Date.parse(figures.now), from: performance.now() };
    if (figures.whole) isWhole = true;
    for (const it of figures.facilities) {
      if (!page.facility || it.facility === page.facility) sites.add(it.site);
    }
    update();
  });
  events.addEventListener("alert", (event) => {
    const alert = JSON.parse(event.data);
    sites.add(alert.site);
    update();
  });
  events.addEventListener("health", (event) => {
    lastId = event.lastEventId;
    const health = JSON.parse(event.data);
    if (health.now_ms !== null) hub = { at: health.now_ms, from: performance.now(), speed: health.speed };
    const status = document.getElementById("status");
    if (health.progress || status.querySelector(".progress")) isWhole = true;
    update();
  });
}

// A profile that is only a text so far: the server reads it and makes the table; nothing is kept.
const draft = document.querySelector("form[data-draft]");
draft?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const region = document.getElementById("tried");
  const button = draft.querySelector("button");
  button.disabled = true;
  region.textContent = draft.dataset.busy;
  try {
    const url = new URL("/devices/unknown", location.href);
    url.searchParams.set("lang", page.lang);
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-huitian-operator": "page", "x-live": "now" },
      body: JSON.stringify({ address: draft.dataset.address, toml: draft.querySelector("textarea").value }),
    });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("tried");
    region.replaceChildren(...document.importNode(fresh, true).childNodes);
    region.focus();
  } catch (error) {
    console.warn("a profile could not be tried", error);
    region.textContent = `${draft.dataset.failed} (${error.message})`;
  }
  button.disabled = false;
});

showAges(document);
follow();
