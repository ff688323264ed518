// Run: how far the search is, how good, what it costs, what fails, and what each explorer brings; it follows the run.
import { get } from "../api.js";
import { Chart, framed, painted, palette, scaling } from "../chart.js";
import { fill, h, table } from "../dom.js";
import { environmentsSection } from "../environments.js";
import { counted, dollars, figure, named, plain, signed, to } from "../format.js";
import { marked, term } from "../glossary.js";

export async function show(root, here, current) {
  const parts = {
    head: h("div"), tiles: h("dl", { class: "tiles" }), explorers: h("div"), failures: h("div"), events: h("div"),
    speed: h("div"), front: h("div"), generations: h("div"),
  };
  const front = new Chart("Scaling curves: the discovered front against the baselines");
  const progress = new Chart("Quality of the best version by generation");
  const speed = new Chart("Episodes a second, candidate by candidate", "short");
  let first = true;

  async function update() {
    const [run, about] = await Promise.all([get("run"), get("about")]);
    if (first && run.versions) {
      fill(root, parts.head, parts.tiles,
        h("div", { class: "two" },
          h("section", {}, h("h2", {}, term("front", "Front"), " against ", term("baseline", "baselines")), framed(front, "front", parts.front)),
          h("section", {}, h("h2", {}, term("quality", "Quality"), " by ", term("generation")), framed(progress, "generations", parts.generations))),
        h("div", { class: "two" },
          h("section", {}, h("h2", {}, "What each ", term("explorer"), " brings"), parts.explorers, h("h2", {}, "Failures"), parts.failures),
          h("section", {}, h("h2", {}, "Throughput"), parts.speed, h("h2", {}, "Latest events"), parts.events)),
        environmentsSection());
      first = false;
    }
    if (!run.versions) return void (head(parts.head, run), fill(root, parts.head, h("p", { class: "notice" }, about.empty)));
    head(parts.head, run);
    tiles(parts.tiles, run);
    const curves = [...run.front, ...run.baselines].map((c) => ({ ...c, label: c.baseline ? c.name : c.id }));
    fill(parts.front, numbers(curves));
    fill(parts.generations, perGeneration(run));
    fill(parts.explorers, explorers(run));
    fill(parts.failures, failures(run));
    fill(parts.events, run.events.length ? h("pre", { class: "tall", tabindex: "0", role: "region", "aria-label": "Latest events" }, run.events.slice(0, 12).join("\n"))
      : h("p", { class: "soft" }, "An archive alone has no event log; a run has."));
    await painted(); // figures first: the library takes longer to load than they do
    if (!current()) return;
    front.draw(scaling(pick(curves, run.best), { dashed: (c) => c.baseline, banded: (c) => c.id === run.best || c.id === run.best_baseline }));
    progress.draw(generations(run));
    if (run.speeds.length) {
      if (!speed.host.isConnected) fill(parts.speed, speed.host);
      speed.draw(speeds(run));
    } else fill(parts.speed, h("p", { class: "soft" }, "Nothing has been tried yet, or this is an archive without a run."));
  }
  await update();
  return { update };
}

/** Return up to four of the front, the best among them, and all baselines. */
function pick(curves, best) {
  const found = curves.filter((c) => !c.baseline);
  const some = found.filter((c, i) => c.id === best || i % Math.ceil(found.length / 3) === 0).slice(0, 4);
  return [...some, ...curves.filter((c) => c.baseline)].slice(0, 8);
}

function head(root, run) {
  const now = run.run;
  const state = now ? `${now.state}${now.why ? `: ${now.why}` : ""}` : "an archive";
  fill(root, h("h1", {}, now ? `Run ${run.title}` : run.title === "archive" ? "Archive" : `Archive ${run.title}`),
    h("p", {}, h("strong", { id: "state" }, state), now?.last_event ? ` – last event at ${new Date(now.last_event * 1000).toLocaleTimeString("en-GB")}${silent(now)}` : "", ` – ${run.environments.join(", ") || "no environments"}`, run.orders ? [" – ", marked(run.orders, "branch order", "branch")] : ""),
    now && now.state === "running" ? h("progress", { max: Math.max(1, now.generations + 1), "aria-label": "generations done",
      value: now.generation + (now.of ? now.position / now.of : 0) }) : null,
    run.ahead ? h("p", { class: "notice", id: "ahead" }, `${run.best} is the best of what was discovered, but ${run.ahead}. `, "The search should go on for longer.") : null,
    ...run.remarks.map((remark) => h("p", { class: "notice remark" }, `${run.best}: ${remark}.`)),
    run.report ? h("p", { class: "notice" }, run.report) : null);
}

/** Return what a long silence of a run may mean: a run that was killed cannot say so. */
function silent(now) {
  const minutes = Math.floor((Date.now() / 1000 - now.last_event) / 60);
  return now.state === "running" && minutes >= 10 ? `, ${counted(minutes, "minute")} ago (if the run was killed, the command autotts resume continues it)` : "";
}

function tile(name, value, note) {
  return h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value, note ? h("small", {}, note) : null));
}

function tiles(root, run) {
  const now = run.run, last = run.generations.at(-1)?.generation ?? 0;
  const failed = Object.values(run.failures).reduce((a, b) => a + b, 0);
  const spent = now ? now.money : { dollars: run.generations.reduce((a, g) => a + g.dollars, 0), calls: null };
  const tokens = now ? now.money.input_tokens + now.money.output_tokens : run.generations.reduce((a, g) => a + g.tokens, 0);
  const episodes = run.speeds.reduce((a, s) => a + s.episodes, 0), seconds = run.speeds.reduce((a, s) => a + s.seconds, 0);
  fill(root,
    tile("Generation", now ? `${now.generation} of ${now.generations}` : plain(last), now?.of ? [term("candidate"), ` ${now.position} of ${now.of}`] : null),
    tile(term("version", "Versions"), figure(run.versions), now ? `${now.explorer} ${now.model}` : null),
    ...bestTiles(run),
    tile("Money", dollars(spent.dollars), limit(now) ?? (spent.calls === null ? null : `${counted(spent.calls, "call")}, ${plain(spent.failed)} failed`)),
    tile("Model tokens", plain(tokens), now ? `${plain(now.money.input_tokens)} in, ${plain(now.money.output_tokens)} out` : null),
    tile("Failures", figure(failed), run.versions ? `${plain((100 * failed) / run.versions, 1)}% of the versions` : null),
    tile("Throughput", seconds ? `${plain(episodes / seconds)} /s` : "–", seconds ? [term("episode", "episodes"), " a second"] : now ? "nothing was evaluated yet" : "known of runs only"));
}

/** Return the tiles of the best version and the best baseline, both measured alike: in the search or in the final evaluation. */
function bestTiles(run) {
  const final = run.final, [id, quality] = final ? [final.baseline, final.baseline_quality] : [run.best_baseline, run.baseline_quality];
  const where = final ? `on ${final.where}` : "in the search";
  const gain = run.best_quality !== null && quality !== null && quality !== undefined && id !== run.best ? `; the best version has ${signed(run.best_quality - quality)} points` : "";
  return [
    tile(term("best version", "Best version"), figure(run.best_quality, 2), run.best
      ? [h("a", { href: to("version", run.best) }, named(run.best, run.best_name, 30)), h("br"), run.best === id ? "a baseline: no discovered version has figures; " : "", `quality ${where}`, final && final.best_searched !== null ? `; ${plain(final.best_searched, 2)} in the search` : ""] : "none ran"),
    tile(["Best ", term("baseline")], figure(quality, 2), id ? [h("a", { href: to("version", id) }, id), h("br"), `quality ${where}${gain}`] : "none ran"),
  ];
}

function limit(now) {
  const most = now?.limits?.run?.dollars;
  return most === null || most === undefined ? null : `of at most ${dollars(most)}`;
}

function generations(run) {
  const rows = run.generations.filter((g) => g.generation > 0);
  const [a, b, c] = palette();
  const line = (name, key, tint, more) => ({ name, type: "line", color: tint, data: rows.map((g) => [g.generation, g[key]]), ...more });
  return {
    tooltip: { trigger: "axis", valueFormatter: (v) => (v === null ? "–" : plain(v, 2)) },
    xAxis: { type: "value", name: "generation", minInterval: 1, min: 0 },
    yAxis: { type: "value", name: "quality, %", scale: true },
    series: [
      line("best so far", "best_so_far", a, { symbol: "circle", step: "end" }),
      line("best of the generation", "best", b, { symbol: "triangle", symbolSize: 7, lineStyle: { type: "dotted" } }),
      ...(run.baseline_quality === null ? [] : [{ name: "best baseline", type: "line", color: c, symbol: "none", lineStyle: { type: "dashed" },
        data: [[0, run.baseline_quality], [Math.max(1, rows.at(-1)?.generation ?? 1), run.baseline_quality]] }]),
    ],
  };
}

function speeds(run) {
  const began = run.speeds[0]?.time ?? 0;
  return {
    legend: null, tooltip: { formatter: (at) => `${plain(at.value[1])} episodes a second` },
    xAxis: { type: "value", name: "minutes since the first candidate" }, yAxis: { type: "value", name: "episodes/s", nameGap: 50 },
    series: [{ type: "scatter", symbolSize: 6, data: run.speeds.map((s) => [(s.time - began) / 60, s.episodes / s.seconds]) }],
  };
}

function numbers(curves) {
  const rows = curves.flatMap((c) => c.points.map((p) => ({ ...p, id: c.id })));
  return table("Front and baselines, mean of the search environments", [
    ["version", (p) => h("a", { href: to("version", p.id) }, p.id)], [term("beta"), (p) => figure(p.beta, 1), true],
    ["accuracy %", (p) => figure(p.accuracy_pct, 1, p.accuracy_ci), true], ["tokens", (p) => figure(p.mean_tokens, 0, p.mean_tokens_ci), true],
  ], rows, { id: "front-numbers" });
}

function perGeneration(run) {
  return table("By generation", [
    ["generation", (g) => g.generation, true], ["versions", (g) => figure(g.versions), true], ["failed", (g) => figure(g.failed), true],
    ["best", (g) => figure(g.best, 2), true], ["best so far", (g) => figure(g.best_so_far, 2), true], ["dollars", (g) => dollars(g.dollars), true],
  ], run.generations.slice(-500));
}

function explorers(run) {
  if (!run.explorers.length) return h("p", { class: "soft" }, "No version beyond the baselines yet.");
  return table("Explorers", [
    ["explorer", (e) => e.explorer], ["versions", (e) => figure(e.versions), true], ["ran", (e) => figure(e.ok), true],
    [["points of ", term("hypervolume"), " added"], (e) => figure(e.gain, 2), true], ["on the front", (e) => figure(e.on_front), true], ["dollars", (e) => dollars(e.dollars), true],
  ], run.explorers);
}

function failures(run) {
  const rows = Object.entries(run.failures);
  if (!rows.length) return h("p", { class: "soft" }, "None.");
  return table("Versions without scores, by verdict", [[term("verdict"), ([kind]) => kind], ["versions", ([, n]) => figure(n), true]], rows);
}
