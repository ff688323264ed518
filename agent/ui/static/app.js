// Start: theme, navigation, the live stream, and which page is shown.
import { get } from "./api.js";
import { closeAll } from "./chart.js";
import { add, fill, h } from "./dom.js";
import { start } from "./glossary.js";

const PAGES = [["run", "Run"], ["lineage", "Lineage"], ["version", "Version"], ["trace", "Trace"], ["compare", "Compare"]];
const main = document.getElementById("main");
let shown = null; // {page, update}
let visit = 0;

// The chart library sets innerHTML to "" to empty its element; every other value is refused.
globalThis.trustedTypes?.createPolicy("default", { createHTML: (text) => (text === "" ? "" : null) });

/** Return the page, the id and the parameters of the address. */
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, id = ""] = path.split("/");
  let name = "";
  try { name = decodeURIComponent(id); } catch { /* not an address of ours */ }
  return { page: PAGES.some(([p]) => p === page) ? page : "run", id: name, params: new URLSearchParams(query) };
}

async function show({ focus = true } = {}) {
  const here = address(), mine = ++visit;
  const stays = shown?.page === here.page && (await shown.move?.(here));
  if (stays || mine !== visit) return;
  navigation(here);
  closeAll();
  shown = null;
  const root = h("div", {}, h("p", { class: "soft" }, "Loading…"));
  fill(main, root);
  try {
    const page = await import(`./pages/${here.page}.js`);
    if (mine !== visit) return;
    const about = await get("about");
    const opened = about.empty && here.page !== "run" ? nothing(root, here.page, about) : await page.show(root, here, () => mine === visit);
    if (mine !== visit) return; // left while it was loading: what is shown now is to be kept up to date, not this
    shown = { page: here.page, ...opened };
    document.title = `${root.querySelector("h1")?.textContent ?? "AutoTTS"} – AutoTTS`;
  } catch (error) {
    if (mine !== visit) return;
    complain(root, error);
  }
  if (focus && mine === visit) main.focus({ preventScroll: true });
}

/** Show that there is no version yet, and the page itself as soon as there is one. */
function nothing(root, page, about) {
  fill(root, h("h1", {}, PAGES.find(([p]) => p === page)[1]), h("p", { class: "notice" }, about.empty));
  return { update: async () => { if (!(await get("about")).empty) { shown = null; await show({ focus: false }); } } };
}

function complain(root, error) {
  fill(root, h("h1", {}, "This cannot be shown"), h("p", { class: "notice", role: "alert" }, error.message));
  if (!("code" in error)) throw error; // a fault of ours belongs in the console too
}

function navigation(here) {
  fill(document.getElementById("pages"), PAGES.map(([page, name]) =>
    h("a", { href: `#/${page}`, "aria-current": page === here.page ? "page" : null }, name)));
}

// Theme

const dark = matchMedia("(prefers-color-scheme: dark)"), chosen = document.getElementById("theme");
function paint() {
  const wanted = chosen.value || (dark.matches ? "dark" : "light");
  const changed = document.documentElement.dataset.theme !== wanted;
  document.documentElement.dataset.theme = wanted;
  if (changed && visit) { shown = null; show({ focus: false }); }
}
chosen.value = localStorage.getItem("theme") ?? "";
chosen.addEventListener("change", () => { localStorage.setItem("theme", chosen.value); paint(); });
dark.addEventListener("change", paint);
paint();

// Live

const status = document.getElementById("live");
let waiting = null;
function changed(event) {
  const { versions } = JSON.parse(event.data);
  status.textContent = `live, ${versions.toLocaleString("en-US")} versions`;
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    try {
      const focus = focused();
      await shown?.update?.();
      focus();
      notices();
    } catch (error) {
      status.textContent = error.message;
    }
  }, 300);
}

/** Return a function that focuses what is focused now again: an update puts new elements in the place of the old. */
function focused() {
  const { dataset, hash } = document.activeElement, inside = main.contains(document.activeElement);
  const same = (x) => (dataset.term ? x.dataset.term === dataset.term : hash && x.hash === hash);
  return () => {
    if (inside && document.activeElement === document.body) [...main.querySelectorAll("a, .term")].find(same)?.focus({ preventScroll: true });
  };
}

const stream = new EventSource("/api/events");
stream.addEventListener("change", changed);
stream.addEventListener("error", () => { status.textContent = "not connected"; });
addEventListener("pagehide", () => stream.close());

async function notices() {
  const about = await get("about");
  document.getElementById("title").textContent = about.title;
  const box = document.getElementById("notices");
  const problems = Object.entries(about.problems);
  fill(box);
  if (about.note) add(box, h("p", { class: "notice" }, `The index was not used: ${about.note}`));
  if (problems.length) {
    add(box, h("details", { class: "notice" },
      h("summary", {}, problems.length === 1 ? "One version cannot be read" : `${problems.length} versions cannot be read`),
      h("ul", {}, problems.slice(0, 50).map(([id, why]) => h("li", {}, `${id}: ${why}`)))));
  }
}

addEventListener("hashchange", () => show());
show();
notices().catch(() => {});
start(document.getElementById("words")).catch(() => {});
