// Terms that explain themselves on hover, focus and touch. The definitions are those of docs/words.md.
import { get } from "./api.js";
import { fill, h } from "./dom.js";

const id = (word) => `word-${word.replaceAll(" ", "-")}`;
const tip = h("div", { class: "tip", role: "tooltip", hidden: true });
let at = null; // the term that is explained now

/** Return `text` as a term of the glossary; `word` is the entry that explains it. */
export function term(word, text = word) {
  return h("button", { type: "button", class: "term", "data-term": word, "aria-describedby": id(word) }, text);
}

/** Return a text in pieces, with the first place of each of the words as a term; a word may stand there in the plural. */
export function marked(text, ...words) {
  let pieces = [text];
  for (const word of words) {
    const found = new RegExp(`\\b${word}(s|es)?\\b`, "i");
    const at = pieces.findIndex((piece) => typeof piece === "string" && found.test(piece));
    if (at < 0) continue;
    const { 0: here, index } = pieces[at].match(found);
    pieces.splice(at, 1, pieces[at].slice(0, index), term(word, here), pieces[at].slice(index + here.length));
  }
  return pieces;
}

/** Fill `list` with all definitions, and explain terms from now on. */
export async function start(list) {
  const entries = await get("glossary");
  fill(list, entries.map(({ words, means }) => h("div", {},
    h("dt", {}, words.join(", ")), h("dd", {}, words.map((word, i) => h("span", { id: id(word), hidden: i > 0 }, means))))));
  document.body.append(tip);
  addEventListener("pointerover", (event) => {
    const over = event.target.closest?.(".term, .tip");
    if (over?.matches(".term")) show(over);
    else if (!over && document.activeElement !== at) hide();
  });
  addEventListener("focusin", (event) => (event.target.matches(".term") ? show(event.target) : hide()));
  addEventListener("click", (event) => (event.target.closest(".term") ? show(event.target.closest(".term")) : event.target.closest(".tip") || hide()));
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", place, true);
  addEventListener("resize", place);
  addEventListener("hashchange", hide);

  function show(found) {
    const entry = entries.find(({ words }) => words.includes(found.dataset.term));
    if (!entry) return;
    at = found;
    tip.hidden = false;
    fill(tip, h("strong", {}, entry.words.join(", ")), ` ${entry.means}.`);
    place();
  }
}

function hide() {
  at = null;
  tip.hidden = true;
}

/** Put the definition below its term, or above where there is no room, within the window. */
function place() {
  if (!at) return;
  if (!at.isConnected) return void hide();
  const term = at.getBoundingClientRect(), { width, height } = tip.getBoundingClientRect();
  const below = term.bottom + 4;
  tip.style.left = `${Math.max(8, Math.min(term.left, document.documentElement.clientWidth - width - 8))}px`;
  tip.style.top = `${below + height > innerHeight && term.top > height + 4 ? term.top - height - 4 : below}px`;
}
