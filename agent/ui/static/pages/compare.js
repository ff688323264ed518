// Compare: curves side by side, differences by question, and the table that papers print, with their exports.
import { get } from "../api.js";
import { Chart, framed, palette, scaling } from "../chart.js";
import { choice, download, fill, h, table } from "../dom.js";
import { figure, named, plain, signed } from "../format.js";
import { marked, term } from "../glossary.js";
import { picker } from "../pick.js";

export async function show(root, here) {
  let ids = here.params.getAll("id");
  if (!ids.length) ids = await usual();
  let wish = { environment: here.params.get("environment"), beta: here.params.get("beta") };
  const curves = new Chart("Scaling curves of the chosen versions"), gaps = new Chart("Difference of accuracy, question by question", "short");
  const parts = { chips: h("div", { class: "bar" }), bar: h("div", { class: "bar" }), note: h("div"), numbers: h("div"), paper: h("div"), gaps: h("div"), pair: h("div", { class: "bar" }) };
  let pair = null, picked = null, asked = 0;

  fill(root, h("h1", {}, "Compare"), parts.chips, parts.note, parts.bar, h("h2", {}, term("scaling curve", "Scaling curves")), framed(curves, "curves", parts.numbers),
    h("h2", {}, "As papers print it"), parts.paper, h("h2", {}, "Question by question"), parts.pair, parts.gaps);

  function keep() {
    const query = new URLSearchParams(ids.map((id) => ["id", id]));
    if (wish.environment) query.set("environment", wish.environment);
    if (wish.beta !== null) query.set("beta", wish.beta);
    history.replaceState(null, "", `#/compare?${query}`);
  }

  async function change(next) {
    if (next.length > 12) return void fill(parts.note, h("p", { class: "notice", role: "alert" }, "Twelve versions are the most that are compared at a time."));
    ids = [...new Set(next)];
    await draw();
  }

  async function draw() {
    fill(parts.chips, ids.map((id) => h("span", { class: "chip" }, id, h("button", { type: "button", "aria-label": `leave out ${id}`, onclick: () => change(ids.filter((x) => x !== id)) }, "×"))),
      picker("Add", (id) => change([...ids, id]), ""));
    if (!ids.length) return void fill(parts.note, h("p", {}, "Add versions to compare."));
    let found;
    try {
      found = await get("compare", { id: ids });
    } catch (error) {
      return void fill(parts.note, h("p", { class: "notice", role: "alert" }, `${error.message} – leave it out, or add others.`));
    }
    const environment = found.environments.includes(wish.environment) ? wish.environment : found.environments[0];
    const beta = found.betas.includes(Number(wish.beta)) && wish.beta !== null ? Number(wish.beta) : found.betas.includes(0.5) ? 0.5 : found.betas[0];
    wish = { environment, beta };
    keep();
    fill(parts.note, found.orders.length > 1 ? h("p", { class: "notice" }, `Not all were measured alike, so that their figures cannot be compared: ${found.orders.join("; ")}.`) : h("p", { class: "soft" }, marked(found.orders[0] ?? "", "branch order", "branch")));
    if (!found.environments.length) return void fill(parts.bar, h("p", {}, "None of these has scores."));
    fill(parts.bar, choice("On", found.environments.map((e) => [e, e]), environment, (e) => { wish.environment = e; draw(); }, "environment"),
      choice("At beta", found.betas.map((b) => [String(b), String(b)]), String(beta), (b) => { wish.beta = Number(b); draw(); }, "beta"));
    const here_ = found.curves.map((c) => ({ ...c, points: c.points.filter((p) => p.environment === environment) }));
    curves.draw(scaling(here_, { dashed: (c) => c.baseline, banded: () => here_.length <= 4 }));
    fill(parts.numbers, table(`Every point on ${environment}`, [
      [term("version"), (p) => p.id], [term("beta"), (p) => figure(p.beta, 1), true], ["accuracy %", (p) => figure(p.accuracy_pct, 1, p.accuracy_ci), true],
      ["tokens", (p) => figure(p.mean_tokens, 0, p.mean_tokens_ci), true], [term("critical path", "critical path, tokens"), (p) => figure(p.mean_latency), true],
    ], here_.flatMap((c) => c.points.map((p) => ({ ...p, id: c.id }))), { id: "points" }));
    paper(parts.paper, found, beta);
    await questions(found, environment, beta);
  }

  async function questions(found, environment, beta) {
    const ran = found.curves.filter((c) => c.points.length).map((c) => c.id);
    if (ran.length < 2) return void (fill(parts.pair), fill(parts.gaps, h("p", { class: "soft" }, "Two versions with scores are needed.")));
    if (!pair || !pair.every((id) => ran.includes(id))) pair = [ran[1], ran[0]];
    const worlds = found.environments.filter((e) => e !== "mean");
    const world = [environment, picked].find((e) => worlds.includes(e)) ?? worlds[0];
    const options = ran.map((id) => [id, id]);
    fill(parts.pair, choice("From", options, pair[0], (id) => { pair = [id, pair[1]]; questions(found, environment, beta); }, "first"),
      choice("to", options, pair[1], (id) => { pair = [pair[0], id]; questions(found, environment, beta); }, "second"),
      worlds.includes(environment) ? h("span", { class: "soft" }, `on ${world}`)
        : choice("on", worlds.map((e) => [e, e]), world, (e) => { picked = e; questions(found, environment, beta); }, "world"),
      h("span", { class: "soft" }, "at ", term("beta"), ` ${beta}`));
    const mine = ++asked; // a late answer must not replace a newer one
    try {
      const told = await get("questions", { first: pair[0], second: pair[1], environment: world, beta });
      if (mine !== asked) return;
      fill(parts.gaps, summary(told), framed(gaps, "questions", perQuestion(told)));
      gaps.draw(bars(told));
    } catch (error) {
      if (mine === asked) fill(parts.gaps, h("p", { class: "notice", role: "alert" }, error.message));
    }
  }

  await draw();
  return {};
}

/** Return the best discovered version and the best baseline. */
async function usual() {
  const run = await get("run");
  return [run.best, run.best_baseline].filter((id, i, all) => id && all.indexOf(id) === i);
}

function paper(root, found, beta) {
  const at = (curve, e) => curve.points.find((p) => p.environment === e && Math.abs(p.beta - beta) < 1e-9);
  const first = (e) => at(found.curves[0], e)?.mean_tokens;
  const columns = found.environments.flatMap((e) => [
    [`${e}: accuracy\u00a0%`, (c) => (at(c, e) ? figure(at(c, e).accuracy_pct, 1, at(c, e).accuracy_ci) : "–"), true],
    [`${e}: tokens`, (c) => (at(c, e) ? [figure(at(c, e).mean_tokens), c === found.curves[0] || !first(e) ? null : h("span", { class: "soft" }, ` (${signed((100 * at(c, e).mean_tokens) / first(e) - 100, 1)}%)`)] : "–"), true],
  ]);
  const query = new URLSearchParams(found.curves.map((c) => ["id", c.id]));
  const save = async (kind, more = "") => download(`compare.${kind}`, await (await fetch(`/api/compare.${kind}?${query}${more}`)).blob());
  fill(root, table(`At beta ${beta}; in brackets 95% intervals over questions, and tokens against the first row`, [["method", (c) => named(c.id, c.name, 24)], ...columns], found.curves, { id: "paper" }),
    h("div", { class: "bar" }, h("button", { type: "button", onclick: () => save("csv") }, "CSV, every point"), h("button", { type: "button", onclick: () => save("tex", `&beta=${beta}`) }, "LaTeX")));
}

function summary(d) {
  return h("p", { id: "difference" }, `${d.second} less ${d.first}: accuracy `, figure(d.accuracy, 2, d.accuracy_ci), " points, tokens ", figure(d.tokens, 0, d.tokens_ci),
    `; better on ${d.wins}, worse on ${d.losses}, equal on ${d.ties} questions.`);
}

function bars(d) {
  const [a, b] = palette();
  const rows = [...d.questions].sort((x, y) => y.second_accuracy - y.first_accuracy - (x.second_accuracy - x.first_accuracy) || x.question - y.question);
  return {
    grid: { left: 64, right: 72, bottom: 46 },
    tooltip: { trigger: "axis", valueFormatter: (v) => plain(v, 1) },
    xAxis: { type: "category", name: "question, from the most gained to the most lost", data: rows.map((q) => String(q.question)) },
    yAxis: [{ type: "value", name: "accuracy, points" }, { type: "value", name: "tokens, thousands", splitLine: { show: false }, nameGap: 48 }],
    series: [
      { name: "accuracy, points", type: "bar", color: a, data: rows.map((q) => q.second_accuracy - q.first_accuracy) },
      { name: "tokens, thousands", type: "scatter", yAxisIndex: 1, color: b, symbolSize: 7, data: rows.map((q) => (q.second_tokens - q.first_tokens) / 1000) },
    ],
  };
}

function perQuestion(d) {
  return table("Means over the branch orders", [
    ["question", (q) => q.question, true], [`${d.first}: accuracy %`, (q) => figure(q.first_accuracy, 1), true], [`${d.second}: accuracy %`, (q) => figure(q.second_accuracy, 1), true],
    ["points", (q) => signed(q.second_accuracy - q.first_accuracy, 1), true], [`${d.first}: tokens`, (q) => figure(q.first_tokens), true], [`${d.second}: tokens`, (q) => figure(q.second_tokens), true],
  ], d.questions, { id: "questions" });
}
