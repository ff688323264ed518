// Elements from data: every text becomes a text node, so nothing that was read can become markup.

/** Return an element. Keys of `props` that begin with "on" are listeners; null and false leave an attribute out. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** Append children: nodes, texts, numbers, or lists of them. */
export function add(parent, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

/** Put `children` in the place of what is in `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren();
  return add(parent, children);
}

/** Return a table below its caption, which stays in sight when a wide table is moved. A column is [heading, cell(row) -> content, numeric]. */
export function table(caption, columns, rows, props = {}) {
  const head = h("tr", {}, columns.map(([name, , numeric]) => h("th", { scope: "col", class: numeric ? "n" : null }, name)));
  const body = rows.map((row) =>
    h("tr", { class: props.chosen?.(row) ? "chosen" : null },
      columns.map(([, cell, numeric]) => h("td", { class: numeric ? "n" : null }, cell(row)))));
  return h("div", {}, h("p", { class: "caption" }, caption),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h("table", { id: props.id, "aria-label": caption }, h("thead", {}, head), h("tbody", {}, body))));
}

/** Return a drop-down of `options`: [value, text]. */
export function choice(label, options, chosen, onchange, id) {
  const select = h("select", { id, onchange: () => onchange(select.value) },
    options.map(([value, text]) => h("option", { value }, text)));
  select.value = chosen ?? options[0]?.[0] ?? "";
  return h("label", {}, label, select);
}

/** Copy a text to the clipboard; the way of old where the browser gives no clipboard (another host than this one). */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = h("textarea", { value: text });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("The browser does not let this page copy.");
}

/** Offer `content` (a text, or a Blob) as a file. */
export function download(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
