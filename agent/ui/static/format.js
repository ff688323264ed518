// Figures as text, always in the same way; the exact number stays with the element for whoever reads the page.
import { h } from "./dom.js";

/** Return a number with thousands separated. */
export function plain(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven" });
}

/** Return an element with a figure, and with its interval if there is one. */
export function figure(value, digits = 0, interval = null, unit = "") {
  const text = plain(value, digits) + unit;
  const range = interval ? ` [${plain(interval[0], digits)}, ${plain(interval[1], digits)}]` : "";
  return h("data", { value: value === null || value === undefined ? "" : String(value), "data-low": interval?.[0], "data-high": interval?.[1] },
    text, range ? h("span", { class: "soft" }, range) : null);
}

/** Return a number of things: "1 call", "2 calls". */
export const counted = (n, thing) => `${plain(n)} ${thing}${n === 1 ? "" : "s"}`;

/** Return the id of a version with its name, unless they are the same. */
export const named = (id, name, most = 60) => (name && name !== id ? `${id} ${short(name, most)}` : id);

/** Return a difference with its sign. */
export function signed(value, digits = 2) {
  return (value > 0 ? "+" : value < 0 ? "−" : "±") + plain(Math.abs(value), digits);
}

export const dollars = (value) => `$${plain(value, 2)}`;

/** Return a text that is no longer than `most`. */
export const short = (text, most = 60) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Return the hash of a page's address. */
export function to(page, id = "", params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, v]) => v !== null && v !== undefined && v !== ""));
  const text = query.toString();
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`;
}
