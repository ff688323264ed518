// Signals and scores of an episode: the colour of each cell, the scale with its meaning, and the marks of forks and verifications.
import { colour, scale } from "./chart.js";
import { h } from "./dom.js";
import { plain } from "./format.js";
import { term } from "./glossary.js";

const COLUMN = { interval: "stood", probe: "seen", verification: "verified" };
const NOT_SHOWN = { interval: "not run, or run through without a stop", probe: "not probed", verification: "not verified" };

/** Return a number with four significant digits. */
export const brief = (value) => (value === null || value === undefined ? "none" : plainSmall(value));
const plainSmall = (value) => (Math.abs(value) >= 1000 ? plain(value) : String(Number(value.toPrecision(4))).replace("-", "−"));

/** Return the number of this name; undefined where the episode has none, or where `name` stands for the answers. */
export const numberOf = (episode, name) => episode.numbers.find((number) => number.name === name);

/** Whether a branch had shown the number of a cell by a step: its signal there, its probe's signal, or its score. */
export function shows(number, branch, x, step) {
  const at = branch[COLUMN[number.comes_with]][x];
  return at >= 0 && at <= step;
}

/** Return what the picture can be coloured by: [value, text] for each choice, the answers first. */
export function choices(episodes) {
  const found = new Map();
  for (const number of episodes.flatMap((e) => e.numbers)) found.set(number.name, found.get(number.name) || number.declared);
  const order = [...found].sort((a, b) => b[1] - a[1]); // sorting is stable: otherwise as they came
  return [["", "answers"], ...order.map(([name, declared]) => [name, `${name.slice(0, 60)}${declared ? "" : " (not declared)"}`])];
}

const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** Return the colour of a value of a number, between those of the scale. */
export function shade(number, value, colours = scale()) {
  const range = number.high - number.low, part = range > 0 ? Math.min(1, Math.max(0, (value - number.low) / range)) : 0.5;
  const at = part * (colours.length - 1), low = Math.min(colours.length - 2, Math.floor(at));
  const [from, to] = [parts(colours[low]), parts(colours[low + 1])];
  return `rgb(${from.map((c, i) => Math.round(c + (to[i] - c) * (at - low))).join(", ")})`;
}

/** Return a datum of the heatmap for each cell, how many are of each kind, and the cells whose number is missing. */
export function cells(episode, number, step) {
  const colours = scale(), [ground, unseen] = ["ground", "unseen"].map(colour);
  const data = [], missing = [], count = { shown: 0, none: 0, unseen: 0 };
  episode.branches.forEach((branch, y) => {
    if (branch.opened > step) return;
    for (let x = branch.start; x < branch.cells.length; x++) {
      const value = number.cells[y][x], shown = shows(number, branch, x, step), kind = !shown ? "unseen" : value === null ? "none" : "shown";
      count[kind]++;
      if (kind === "none") missing.push([x, y]);
      data.push({ value: [x, y, value ?? 0], itemStyle: { color: kind === "shown" ? shade(number, value, colours) : kind === "none" ? ground : unseen } });
    }
  });
  return { data, missing, count };
}

/** Return the meaning of the colours of a number. */
export function legend(number) {
  const [low, high] = { surer: ["less sure", "surer"], "less sure": ["surer", "less sure"], better: ["worse", "better"] }[number.higher_is] ?? ["low", "high"];
  const equal = number.low === number.high;
  return h("p", { class: "keys", "data-legend": number.name },
    h("strong", {}, number.name), number.definition && number.definition !== number.name ? `: ${number.definition}` : "", number.unit ? `, in ${number.unit}. ` : ". ",
    h("span", { class: "nowrap" }, `${equal ? "all" : low} ${brief(number.low)} `, h("span", { class: "key-scale", role: "img", "aria-label": "colours from low to high" }), equal ? "" : ` ${brief(number.high)} ${high}`),
    h("span", { class: "nowrap" }, h("span", { class: "key key-none" }), "no number there"),
    h("span", { class: "nowrap" }, h("span", { class: "key key-unseen" }), NOT_SHOWN[number.comes_with]),
    number.declared ? "" : h("span", { class: "soft" }, `The controller does not declare that it uses ${number.comes_with === "verification" ? "a verifier" : "it"}: it has not seen these numbers.`));
}

/** Return the meaning of the marks that the picture has: forks and verifications. */
export function marksLegend(episode) {
  const forked = episode.branches.some((b) => b.parent >= 0), verified = episode.steps.some((s) => s.verb === "verify");
  if (!forked && !verified) return null;
  return h("p", { class: "keys" }, forked ? h("span", { class: "nowrap" }, h("span", { class: "key key-fork" }), "a ", term("fork"), " leaves its branch where the line has its dot") : null,
    verified ? h("span", { class: "nowrap" }, h("span", { class: "key key-verified" }), "verified here: point at the cell for the ", term("verifier"), "'s score, or unfold the steps") : null);
}

const custom = (data, renderItem) => ({ type: "custom", silent: true, tooltip: { show: false }, z: 5, data, encode: { x: 0, y: 1 }, renderItem });

/** Return a series that crosses out cells: nobody takes a crossed box for a colour. */
function crossed(missing) {
  const soft = colour("soft");
  return custom(missing, (_, api) => {
    const [cx, cy] = api.coord([api.value(0), api.value(1)]), [w, hgt] = api.size([1, 1]).map((s) => Math.max(0.5, s / 2 - 1.5));
    const style = { fill: "none", stroke: soft, lineWidth: 1 };
    return { type: "group", children: [{ type: "rect", shape: { x: cx - w, y: cy - hgt, width: 2 * w, height: 2 * hgt }, style }, { type: "line", shape: { x1: cx - w, y1: cy + hgt, x2: cx + w, y2: cy - hgt }, style }] };
  });
}

/** Return the series of the marks at a step; `missing` are cells without a number. */
export function marks(episode, step, missing = []) {
  const text = colour("text"), ground = colour("ground"), forks = [], verified = [];
  episode.branches.forEach((b, y) => {
    if (b.opened > step) return;
    if (b.parent >= 0) forks.push([b.start - 1, b.parent, y]);
    for (let x = b.start; x < b.cells.length; x++) if (b.verified[x] >= 0 && b.verified[x] <= step) verified.push([x, y]);
  });
  const series = missing.length ? [crossed(missing)] : [];
  if (forks.length) series.push(custom(forks, (_, api) => {
    const from = api.coord([api.value(0), api.value(1)]), to = api.coord([api.value(0), api.value(2)]), x = from[0] + api.size([1, 1])[0] / 2;
    const line = (stroke, lineWidth) => ({ type: "line", shape: { x1: x, y1: from[1], x2: x, y2: to[1] }, style: { stroke, lineWidth } });
    return { type: "group", children: [line(ground, 4), line(text, 2), { type: "circle", shape: { cx: x, cy: from[1], r: 3 }, style: { fill: text, stroke: ground, lineWidth: 1 } }] };
  }));
  if (verified.length) series.push(custom(verified, (_, api) => {
    const [cx, cy] = api.coord([api.value(0), api.value(1)]), r = Math.max(1.5, Math.min(4, ...api.size([1, 1]).map((s) => s / 2 - 1.5)));
    const ring = (stroke, lineWidth) => ({ type: "circle", shape: { cx, cy, r }, style: { fill: "none", stroke, lineWidth } });
    return { type: "group", children: [ring(ground, 4), ring(text, 1.5)] };
  }));
  return { series, count: `forks:${forks.length} verified:${verified.length}` };
}

/** Return the lines of a cell's tooltip: the chosen number, what the controller declares, and a score that it paid for. */
export function tipLines(episode, chosen, x, y, step) {
  const lines = [], branch = episode.branches[y];
  for (const number of episode.numbers.filter((n) => n === chosen || n.declared).slice(0, 8)) {
    const seen = shows(number, branch, x, step);
    if (number === chosen) lines.push(`${number.name} ${brief(number.cells[y][x])}${seen && number.declared ? "" : " (not shown to the controller)"}`);
    else if (seen) lines.push(`${number.name} ${brief(number.cells[y][x])}`);
  }
  return lines;
}
