// Lineage: the versions as a tree, or by generation and score; a few layers draw thousands of versions.
import { get } from "../api.js";
import { Chart, colour, library, palette, quiet, scale } from "../chart.js";
import { choice, fill, h, table } from "../dom.js";
import { figure, plain, short, to } from "../format.js";
import { term } from "../glossary.js";

const MOST_NAMES = 8;

export async function show(root, here, current) {
  const wish = { x: here.params.get("x") ?? "tree", by: here.params.get("by") ?? "score" };
  let [lineage] = await Promise.all([get("lineage"), library()]), places = null, chosen = lineage.ids.indexOf(here.id);
  const chart = new Chart("The lineage: a dot for each version, a line to its parent. Arrow keys go to parents, children and neighbours; Enter opens.", "tall", { tabindex: "0" });
  chart.host.setAttribute("role", "application");
  const side = h("section", { "aria-live": "polite", "aria-label": "The chosen version" });
  const search = h("input", { type: "search", placeholder: "id or name", onkeydown: (e) => e.key === "Enter" && find(search.value) });
  const bar = h("div", { class: "bar" });
  fill(root, h("h1", {}, term("lineage", "Lineage")), bar, h("div", { class: "side" }, chart.host, side));

  function controls() {
    const kinds = [["score", "score"], ["explorer", "explorer"], ...(lineage.island_names.length ? [["island", "island"]] : []), ["verdict", "verdict"]];
    fill(bar,
      choice("Arranged", [["tree", "as a tree"], ["score", "by generation and score"]], wish.x, (v) => { wish.x = v; keep(); draw(); }, "arranged"),
      choice("Coloured by", kinds, wish.by, (v) => { wish.by = v; keep(); draw(); }, "coloured"),
      h("label", {}, "Find", search),
      h("button", { type: "button", disabled: lineage.best === null, onclick: () => choose(lineage.best) }, "The best"),
      h("button", { type: "button", onclick: () => chart.instance.dispatchAction({ type: "dataZoom", batch: [{ dataZoomIndex: 0, start: 0, end: 100 }, { dataZoomIndex: 1, start: 0, end: 100 }] }) }, "Whole picture"),
      h("span", { class: "soft" }, `${plain(lineage.ids.length)} `, term("version", "versions"),
        lineage.lost_parents ? `, ${plain(lineage.lost_parents)} parents are not in the archive` : ""));
  }

  function keep() {
    history.replaceState(null, "", to("lineage", chosen < 0 ? "" : lineage.ids[chosen], wish));
  }

  function draw() {
    places = wish.x === "score" ? byScore(lineage) : asTree(lineage);
    chart.draw(option(lineage, places, wish, chosen));
    chart.instance.off("click");
    chart.instance.on("click", (at) => { if (at.seriesType === "scatter") choose(at.data?.[2] ?? at.value?.[2]); });
    chart.host.dataset.drawn = String(lineage.ids.length);
  }

  function choose(i) {
    if (i === null || i === undefined || i < 0) return;
    chosen = i;
    keep();
    chart.instance.setOption({ series: path(lineage, places, chosen) });
    fill(side, about(lineage, chosen, choose));
  }

  function find(text) {
    const wanted = text.trim().toLowerCase();
    const at = wanted ? lineage.ids.findIndex((id, i) => id.toLowerCase().includes(wanted) || lineage.names[i].toLowerCase().includes(wanted)) : -1;
    if (at >= 0) choose(at);
    else fill(side, h("p", { class: "notice", role: "alert" }, `No version has ${JSON.stringify(text)} in its id or name.`));
  }

  chart.host.addEventListener("keydown", (event) => {
    const at = chosen < 0 ? lineage.best ?? 0 : chosen;
    const next = chosen < 0 ? at : neighbour(lineage, places, at, event.key);
    if (event.key === "Enter" && chosen >= 0) location.hash = to("version", lineage.ids[chosen]);
    else if (event.key.startsWith("Arrow") && lineage.ids.length) choose(next);
    else return;
    event.preventDefault();
  });

  async function update() {
    const id = chosen >= 0 ? lineage.ids[chosen] : null, fresh = await get("lineage");
    if (fresh.stamp === lineage.stamp || !current()) return;
    lineage = fresh;
    chosen = id === null ? -1 : lineage.ids.indexOf(id);
    controls();
    draw();
  }

  controls();
  draw();
  if (chosen >= 0) choose(chosen);
  else fill(side, h("p", { class: "soft" }, "Click a version, or focus the picture and use the arrow keys. Wheel and drag zoom and move it."), legendOfBest(lineage, choose));
  return { update };
}

// Places

function byScore(lineage) {
  const worst = Math.min(...lineage.qualities.filter((q) => q !== null));
  const floor = Number.isFinite(worst) ? worst - 2 : 0;
  const y = lineage.qualities.map((q) => q ?? floor);
  const count = new Map(), x = lineage.generations.map((g) => { // side by side within a generation
    const n = count.get(g) ?? 0;
    count.set(g, n + 1);
    return g + 0.6 * fraction(n);
  });
  return { x, y, xName: "generation", yName: "quality, %", upright: true };
}

/** Return the n-th, from 0, of numbers that fill (-0.5, 0.5) evenly whatever their count. */
function fraction(n) {
  let x = -0.5, part = 0.5;
  for (let k = n + 1; k > 0; k >>= 1, part /= 2) x += (k & 1) * part;
  return x;
}

/** Place every version by its generation and, from root to leaves, beside its siblings. */
function asTree(lineage) {
  const n = lineage.ids.length, children = Array.from({ length: n }, () => []), roots = [];
  lineage.parents.forEach((parents, i) => (parents.length && parents[0] !== i ? children[parents[0]].push(i) : roots.push(i)));
  const y = new Float64Array(n).fill(-1);
  let next = 0;
  const walk = (from) => {
    const stack = [[from, 0]];
    y[from] = 0; // visited: a lineage with a circle in it ends too
    while (stack.length) {
      const top = stack[stack.length - 1], kids = children[top[0]];
      if (top[1] < kids.length) {
        const kid = kids[top[1]++];
        if (y[kid] < 0) { y[kid] = 0; stack.push([kid, 0]); }
      } else {
        y[top[0]] = kids.length ? (y[kids[0]] + y[kids[kids.length - 1]]) / 2 : next++;
        stack.pop();
      }
    }
  };
  roots.forEach(walk);
  for (let i = 0; i < n; i++) if (y[i] < 0) walk(i);
  const x = new Array(n);
  const column = (i, left) => { // a child of the same generation stands a little to the right of its parent
    const parent = lineage.parents[i][0], g = lineage.generations[i];
    if (x[i] === undefined) x[i] = parent === undefined || left === 0 || lineage.generations[parent] !== g ? g : Math.min(g + 0.8, column(parent, left - 1) + 0.35);
    return x[i];
  };
  for (let i = 0; i < n; i++) column(i, 5);
  return { x, y, xName: "generation", yName: "", upright: false };
}

// Drawing

function option(lineage, places, wish, chosen) {
  const flat = new Float64Array(6 * lineage.parents.reduce((a, p) => a + p.length, 0));
  let k = 0;
  lineage.parents.forEach((parents, i) => parents.forEach((p) => {
    flat.set([2, places.x[p], places.y[p], places.x[i], places.y[i]], k);
    k += 5;
  }));
  const few = lineage.ids.length <= 60;
  const groups = grouped(lineage, wish.by).map((group) => ({
    name: quiet(group.name), type: "scatter", color: group.colour, symbol: group.symbol ?? "circle",
    symbolSize: few ? 14 : lineage.ids.length < 1000 ? 8 : 5, large: lineage.ids.length > 3000, largeThreshold: 1, z: 3,
    label: few ? { show: true, position: "top", distance: 3, color: colour("text"), textBorderColor: colour("ground"), textBorderWidth: 3, fontSize: 11, formatter: (at) => quiet(short(lineage.ids[at.value[2]], 22)) } : undefined,
    labelLayout: few ? { hideOverlap: true } : undefined,
    data: group.members.map((i) => [places.x[i], places.y[i], i]),
  }));
  const pad = places.upright ? 0.4 : 0; // names of the first and the last generation beside the axes
  const zoom = (axis) => ({ type: "inside", [axis]: 0, filterMode: "none", zoomOnMouseWheel: true, moveOnMouseMove: true });
  return {
    headroom: few ? 16 : 0, grid: { left: places.upright ? 56 : few ? 76 : 24, right: few ? 60 : 20 },
    legend: { data: groups.map((g) => ({ name: g.name, icon: "circle" })) },
    tooltip: { formatter: (at) => (at.seriesType === "scatter" && at.value ? label(lineage, at.value[2]) : "") },
    dataZoom: [zoom("xAxisIndex"), zoom("yAxisIndex")],
    xAxis: { type: "value", name: places.xName, minInterval: 1, min: (x) => x.min - pad, max: (x) => x.max + pad, axisLabel: { formatter: (v) => (Number.isInteger(v) ? v : "") }, axisLine: { onZero: false } },
    yAxis: { type: "value", name: places.yName, scale: true, show: places.upright, axisLine: { onZero: false }, ...(places.upright ? {} : { min: (y) => y.min - 0.6, max: (y) => y.max + 0.3 }) },
    series: [
      { id: "edges", type: "lines", coordinateSystem: "cartesian2d", silent: true, large: true, largeThreshold: 1, z: 1,
        lineStyle: { color: colour("soft"), opacity: few ? 0.6 : 0.25, width: 1 }, data: flat.subarray(0, k) },
      ...groups,
      ...path(lineage, places, chosen),
    ],
  };
}

const label = (lineage, i) => quiet(`${lineage.ids[i]}  ${short(lineage.names[i], 50)}\n${lineage.explorer_names[lineage.explorers[i]]}, generation ${lineage.generations[i]}\n`
  + (lineage.qualities[i] === null ? lineage.verdict_names[lineage.verdicts[i]] : `quality ${plain(lineage.qualities[i], 2)}`));

/** Return the series that show the way from the chosen version to the root. */
function path(lineage, places, chosen) {
  const way = chosen < 0 ? [] : ancestry(lineage, chosen), bad = colour("bad");
  const points = way.map((i) => [places.x[i], places.y[i], i]);
  return [
    { id: "way", type: "line", color: bad, symbol: "none", silent: true, z: 4, lineStyle: { width: 3 }, data: points },
    { id: "chosen", type: "scatter", color: "transparent", symbolSize: 18, z: 5, large: false, silent: true,
      itemStyle: { borderColor: bad, borderWidth: 3 }, data: points.slice(0, 1) },
  ];
}

function ancestry(lineage, from) {
  const way = [], seen = new Set();
  for (let i = from; i !== undefined && !seen.has(i); i = lineage.parents[i][0]) { seen.add(i); way.push(i); }
  return way;
}

function grouped(lineage, by) {
  if (by === "score") return byQuality(lineage);
  const [codes, names] = { explorer: [lineage.explorers, lineage.explorer_names], island: [lineage.islands, lineage.island_names.length ? lineage.island_names : [""]],
    verdict: [lineage.verdicts, lineage.verdict_names] }[by] ?? [lineage.explorers, lineage.explorer_names];
  const colours = palette(), members = names.map(() => []);
  codes.forEach((code, i) => members[code].push(i));
  const order = names.map((_, k) => k).sort((a, b) => members[b].length - members[a].length);
  const shown = order.slice(0, MOST_NAMES - 1), rest = order.slice(MOST_NAMES - 1);
  const groups = shown.map((code, k) => ({ name: names[code] || "none", colour: colours[k], members: members[code] }));
  if (rest.length) groups.push({ name: `${rest.length} others`, colour: colours[MOST_NAMES - 1], members: rest.flatMap((code) => members[code]) });
  return groups;
}

/** Return groups of about equal size by quality, the worst first, and apart those without. */
function byQuality(lineage) {
  const ran = lineage.qualities.map((q, i) => [q, i]).filter(([q]) => q !== null).sort((a, b) => a[0] - b[0]);
  const colours = scale(), size = Math.max(1, Math.ceil(ran.length / colours.length)), groups = [];
  for (let k = 0; k * size < ran.length; k++) {
    const part = ran.slice(k * size, (k + 1) * size);
    groups.push({ name: `${plain(part[0][0], 1)} to ${plain(part.at(-1)[0], 1)}`, colour: colours[Math.round((k * (colours.length - 1)) / Math.max(1, Math.ceil(ran.length / size) - 1))], members: part.map(([, i]) => i) });
  }
  const failed = lineage.qualities.map((q, i) => (q === null ? i : -1)).filter((i) => i >= 0);
  return failed.length ? [...groups, { name: "no scores", colour: colour("absent"), symbol: "rect", members: failed }] : groups;
}

// The chosen version

function about(lineage, i, choose) {
  const way = ancestry(lineage, i);
  const kids = lineage.parents.flatMap((p, k) => (p.includes(i) ? [k] : []));
  return [
    h("h2", {}, h("a", { href: to("version", lineage.ids[i]) }, lineage.ids[i])),
    lineage.names[i] === lineage.ids[i] ? null : h("p", { "data-free": true }, lineage.names[i]),
    h("p", {}, term("generation"), ` ${lineage.generations[i]}, `, lineage.generations[i] ? ["by the ", term("explorer"), ` ${lineage.explorer_names[lineage.explorers[i]]}, `] : ["a ", term("baseline"), ", "], lineage.qualities[i] === null ? lineage.verdict_names[lineage.verdicts[i]] : [term("quality"), " ", figure(lineage.qualities[i], 2)]),
    h("h3", {}, "The way to the root"),
    table("From it to the root", [["version", (k) => h("button", { type: "button", onclick: () => choose(k) }, lineage.ids[k])],
      ["quality", (k) => figure(lineage.qualities[k], 2), true]], way.slice(0, 60)),
    h("p", { class: "soft" }, kids.length === 1 ? "1 child" : `${plain(kids.length)} children`),
    h("p", {}, h("a", { href: to("version", lineage.ids[i]) }, "Open the version")),
  ];
}

function legendOfBest(lineage, choose) {
  return [lineage.best === null ? null : [h("h3", {}, "The ", term("best version")), h("p", {}, h("button", { type: "button", onclick: () => choose(lineage.best) }, lineage.ids[lineage.best]), " ", figure(lineage.qualities[lineage.best], 2), " in the search")],
    h("h3", {}, "On the ", term("front"), ", from frugal to accurate"), h("ul", { class: "list" }, lineage.front.map((i) => h("li", {},
    h("button", { type: "button", onclick: () => choose(i) }, lineage.ids[i]), " ", figure(lineage.qualities[i], 2), lineage.names[i] === lineage.ids[i] ? "" : ` ${short(lineage.names[i], 30)}`)))];
}

/** Return the version that an arrow key leads to: left a parent, right a child, up and down within the generation. */
function neighbour(lineage, places, i, key) {
  if (key === "ArrowLeft") return lineage.parents[i][0] ?? i;
  if (key === "ArrowRight") {
    const kids = lineage.parents.flatMap((p, k) => (p[0] === i ? [k] : []));
    return kids.reduce((a, k) => (a === undefined || (lineage.qualities[k] ?? -1) > (lineage.qualities[a] ?? -1) ? k : a), undefined) ?? i;
  }
  const peers = lineage.generations.flatMap((g, k) => (g === lineage.generations[i] ? [k] : [])).sort((a, b) => places.y[a] - places.y[b] || a - b);
  const at = peers.indexOf(i) + (key === "ArrowUp" ? 1 : -1);
  return peers[Math.max(0, Math.min(peers.length - 1, at))];
}
