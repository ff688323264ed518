// Trace: which episodes are worth a look, and one of them in full, beside the same episode of another controller.
import { get, post } from "../api.js";
import { choice, fill, h, table } from "../dom.js";
import { counted, figure, plain, to } from "../format.js";
import { term } from "../glossary.js";
import { anyVersion, picker } from "../pick.js";
import { choices } from "../numbers.js";
import { Panel } from "../panel.js";

const KINDS = {
  lost_to: "parent right, child wrong", gained_on: "parent wrong, child right", most_wasted: "most wasted", wrong: "wrong", right: "right", most_tokens: "most tokens",
  pruned_right: "pruned what was right", stopped_early: "stopped too early", hopeless: "spent on hopeless questions",
};

export async function show(root, here) {
  const id = here.id || (await anyVersion());
  if (!id) return void fill(root, h("h1", {}, "Trace"), h("p", {}, "The archive is empty."));
  const wish = Object.fromEntries(here.params);
  const parts = { bar: h("div", { class: "bar" }), list: h("section", { "aria-label": "Episodes" }), where: h("div", { class: "bar" }), panels: h("div"), colours: h("div") };
  const choose = picker("Of", (found) => { location.hash = to("trace", found); }, id);
  fill(root, h("h1", {}, term("trace", "Trace"), ` of ${id}`), parts.bar, parts.list, parts.where, parts.panels);
  const number = (name) => (here.params.has(name) && Number.isFinite(Number(here.params.get(name))) ? Number(here.params.get(name)) : null);
  let asked = { environment: here.params.get("environment"), question: number("question"), beta: number("beta"), order: number("order") };
  let list = null, here_ = null, panels = [];

  const keep = () => history.replaceState(null, "", to("trace", id, { ...wish, ...(here_ ?? {}) }));

  async function look() {
    try {
      list = await get(`episodes/${encodeURIComponent(id)}`, { kind: wish.kind, environment: wish.only, beta: wish.at });
    } catch (error) {
      if (wish.kind && error.code === 409) return void (fill(parts.bar, choose, kinds()), fill(parts.list, h("p", { class: "notice", role: "alert" }, error.message)));
      throw error;
    }
    fill(parts.bar, choose, kinds(),
      choice("on", [["", "all environments"], ...Object.keys(list.environments).map((e) => [e, e])], wish.only ?? "", (e) => again({ only: e }), "only"),
      choice("beta", [["", "any"], ...list.betas.map((b) => [String(b), String(b)])], wish.at ?? "", (b) => again({ at: b }), "at"),
      h("span", { class: "soft" }, `${plain(list.total)} of ${plain(list.of)} `, term("episode", "episodes"), list.other ? `, against ${list.other}` : ""));
    fill(parts.list, list.found.length ? episodes() : h("p", { class: "soft" }, "There is no such episode."));
  }

  const kinds = () => choice("Episodes", Object.entries(KINDS), wish.kind ?? "wrong", (kind) => again({ kind }), "kind");
  async function again(change) {
    Object.assign(wish, change);
    asked = {};
    keep();
    await look().catch(complain);
  }
  const complain = (error) => {
    if (!parts.bar.firstChild) fill(parts.bar, choose); // another version may be readable
    fill(parts.list, h("p", { class: "notice", role: "alert" }, error.message));
  };

  function episodes() {
    const right = (x) => (x === null ? "–" : h("span", { class: x ? "good" : "bad" }, x ? "right" : "wrong"));
    const open = (e) => ({ environment: e.environment, question: e.question, beta: e.beta, order: e.order });
    return h("details", { open: !here_ || !asked.environment }, h("summary", {}, list.total > list.found.length ? `The first ${list.found.length} of them` : `All ${list.found.length} of them`),
      h("div", { class: "tall" }, table("The worst of each question first", [
        ["", (e) => h("button", { type: "button", onclick: () => visit(open(e)), "aria-label": `Show ${e.environment}, question ${e.question}, beta ${e.beta}, order ${e.order}` }, "Show")],
        ["environment", (e) => e.environment], ["question", (e) => e.question, true], ["beta", (e) => figure(e.beta, 1), true], ["branch order", (e) => e.order, true],
        [id, (e) => right(e.correct)], ["tokens", (e) => figure(e.tokens), true],
        ...(list.other ? [[list.other, (e) => right(e.other_correct)], ["tokens", (e) => figure(e.other_tokens), true]] : []),
      ], list.found, { id: "episodes" })));
  }

  async function visit(where, step = null) {
    here_ = where;
    keep();
    form();
    parts.list.querySelector("details")?.removeAttribute("open"); // room for the picture
    for (const panel of panels) panel.close();
    const beside = wish.with || null;
    panels = [new Panel(id, where, step, wish.by ?? "", moved, colours)];
    if (beside) panels.push(new Panel(beside, where, null, wish.by ?? "", moved, colours));
    fill(parts.panels, h("p", { class: "soft" }, term("environment"), ` ${where.environment}, question ${where.question}, `, term("beta"), ` ${where.beta}, `, term("branch order"), ` ${where.order}`),
      h("div", { class: "bar" }, beside ? h("label", {}, h("input", { type: "checkbox", id: "linked", checked: true }), "move both to the same tokens") : null, parts.colours),
      h("div", { class: beside ? "two" : "" }, panels.map((p) => p.root)));
    await Promise.all(panels.map((panel) => panel.load(get, post)));
  }

  /** Offer what the pictures can be coloured by, if there is more than their answers. */
  function colours() {
    const episodes = panels.map((panel) => panel.episode).filter(Boolean), offered = choices(episodes);
    const left = Math.max(0, ...episodes.map((e) => e.numbers_left_out));
    fill(parts.colours, offered.length < 2 ? null : [choice("coloured by", offered, offered.some(([name]) => name === wish.by) ? wish.by : "", (by) => {
      wish.by = by;
      keep();
      for (const panel of panels) panel.colourBy(by);
    }, "by"), left ? h("span", { class: "soft" }, ` ${counted(left, "signal")} more would be too many figures for this page`) : null]);
  }

  function moved(panel, tokens) {
    if (parts.panels.querySelector("#linked")?.checked) for (const other of panels) if (other !== panel) other.toTokens(tokens);
  }

  function form() {
    const field = (name, props, label = name) => h("label", {}, label, h("input", { type: "number", id: `at-${name}`, value: String(here_[name]), ...props, onchange: (e) => e.target.checkValidity() && e.target.value !== "" && visit({ ...here_, [name]: Number(e.target.value) }) }));
    const questions = list?.environments[here_.environment];
    fill(parts.where,
      choice("environment", Object.keys(list?.environments ?? { [here_.environment]: 0 }).map((e) => [e, e]), here_.environment, (environment) => visit({ ...here_, environment }), "at-environment"),
      field("question", { min: 0, max: questions ? questions - 1 : null }),
      choice("beta", (list?.betas ?? [here_.beta]).map((b) => [String(b), String(b)]), String(here_.beta), (b) => visit({ ...here_, beta: Number(b) }), "at-beta"),
      field("order", { min: 0 }, "branch order"),
      picker("beside", (other) => { wish.with = other; visit(here_); }, wish.with ?? ""),
      wish.with ? h("button", { type: "button", onclick: () => { delete wish.with; visit(here_); } }, "alone")
        : list?.other ? h("button", { type: "button", onclick: () => { wish.with = list.other; visit(here_); } }, `beside ${list.other}`) : null);
  }

  for (const key of ["environment", "question", "beta", "order", "step"]) delete wish[key];
  const looking = look().catch(complain);
  if (asked.environment && asked.question !== null && asked.order !== null) {
    const shown = visit({ ...asked, beta: asked.beta ?? 0.5 }, number("step")); // it needs no list
    await Promise.all([looking, shown]);
    form();
  } else {
    await looking;
    const first = list?.found[0];
    if (first) await visit({ environment: first.environment, question: first.question, beta: first.beta, order: first.order });
  }
  return {};
}
