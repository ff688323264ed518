// A field that finds versions by id or name: a combobox, for keyboard and screen readers too.
import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { plain, short } from "./format.js";

let count = 0;

/** Return a field labelled `label` that calls `onpick(id)`. */
export function picker(label, onpick, value = "") {
  const listId = `found-${++count}`;
  const list = h("ul", { id: listId, role: "listbox", "aria-label": label, hidden: true });
  const input = h("input", { type: "text", role: "combobox", value, autocomplete: "off", "aria-expanded": "false", "aria-controls": listId, "aria-autocomplete": "list", placeholder: "id or name" });
  let found = [], at = -1, asked = 0, looking = Promise.resolve();

  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const pick = (i) => { close(); input.value = value; onpick(found[i].id); };
  const mark = (i) => {
    at = i;
    [...list.children].forEach((item, k) => item.setAttribute("aria-selected", String(k === at)));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    if (at >= 0) input.setAttribute("aria-activedescendant", `${listId}-${at}`);
  };

  async function look() {
    const mine = ++asked;
    const hits = await get("versions", { q: input.value.slice(0, 100) }).catch(() => []);
    if (mine !== asked) return;
    found = hits;
    fill(list, found.length ? found.map((v, i) => h("li", { role: "option", id: `${listId}-${i}`, "aria-selected": "false", onmousedown: (e) => { e.preventDefault(); pick(i); } },
      `${v.id}  ${short(v.name, 30)}  ${v.quality === null ? v.verdict : plain(v.quality, 2)}`)) : h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "no such version"));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(-1);
  }

  input.addEventListener("focus", () => { input.select(); looking = look(); });
  input.addEventListener("input", () => { looking = look(); });
  input.addEventListener("blur", () => { close(); input.value = value; });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(Math.min(found.length - 1, at + 1));
    else if (event.key === "ArrowUp") mark(Math.max(0, at - 1));
    else if (event.key === "Enter") looking.then(() => found.length && pick(Math.max(0, at)));
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  return h("div", { class: "picker" }, h("label", {}, label, input), list);
}

/** Return the id of the best discovered version, or of any version: the default of pages without an id. */
export async function anyVersion() {
  const { best } = await get("run");
  return best ?? (await get("versions"))[0]?.id ?? null;
}
