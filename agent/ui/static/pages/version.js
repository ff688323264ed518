// Version: all that is known of one controller; long texts are fetched when they are looked at.
import { blob, get } from "../api.js";
import { Chart, framed, scaling } from "../chart.js";
import { add, choice, copy, download, fill, h, table } from "../dom.js";
import { counted, dollars, figure, plain, short, signed, to } from "../format.js";
import { marked, term } from "../glossary.js";
import { anyVersion, picker } from "../pick.js";

const AT_ONCE = 200_000; // characters of a text; the rest is behind a button

export async function show(root, here) {
  const id = here.id || (await anyVersion());
  const choose = picker("Another version", (found) => { location.hash = to("version", found); }, "");
  if (!id) return void fill(root, h("h1", {}, "Version"), h("p", {}, "The archive is empty."));
  let version;
  try {
    version = await get(`version/${encodeURIComponent(id)}`);
  } catch (error) {
    fill(root, h("h1", {}, id), choose, h("p", { class: "notice", role: "alert" }, error.message));
    return {};
  }
  const chart = new Chart(`Scaling curve of ${id} against its parents`);
  fill(root, h("h1", {}, id, version.name === id ? null : [" ", h("span", { class: "soft" }, version.name)]), h("div", { class: "bar" }, choose, links(version)),
    head(version),
    h("div", { class: "two" },
      h("section", {}, h("h2", {}, term("final evaluation", "Final evaluation"), ": ", term("branch order", "branch orders"), " that the search has not used"), final(version),
        h("h2", {}, "Rationale and outcome"), reasons(version), h("h2", {}, term("finding", "Findings")), findings(version)),
      curveSection(version, chart)),
    sourceSection(version), more(version));
  return {};
}

function links(v) {
  return [
    v.has_logs ? h("a", { href: to("trace", v.id) }, "Its traces") : null,
    h("a", { href: to("lineage", v.id) }, "Its place in the lineage"),
    h("a", { href: `${to("compare")}?${new URLSearchParams([v.id, ...v.parents.filter((p) => p.there).map((p) => p.id)].map((id) => ["id", id]))}` }, "Compare with its parents"),
  ];
}

function head(v) {
  const kin = (k) => h("li", {}, k.there ? h("a", { href: to("version", k.id) }, k.id) : `${k.id} (not in the archive)`, " ", k.name === k.id ? "" : short(k.name, 40), " ", k.quality === null ? "" : figure(k.quality, 2));
  return h("div", { class: "two" },
    h("dl", { class: "tiles" },
      tile(term("quality", "Quality"), figure(v.quality, 2), v.rank ? [`in the search; rank ${v.rank} of ${plain(v.ran)}`, v.on_front ? [", on the ", term("front")] : ""] : null),
      tile(term("verdict", "Verdict"), h("span", { class: v.verdict === "ok" ? "good" : "bad" }, v.verdict), v.sandbox ? `sandbox: ${v.sandbox}` : null),
      tile(term("generation", "Generation"), v.generation, v.generation ? [term("explorer"), ` ${v.explorer}`, v.island ? [", ", term("island"), ` ${v.island}`] : ""] : [term("baseline"), ", written by hand"]),
      tile("Cost", dollars(v.cost.dollars), `${counted(v.cost.calls, "call")}, ${plain(v.cost.input_tokens)} tokens in (${plain(v.cost.cached_tokens)} cached), ${plain(v.cost.output_tokens)} out`)),
    h("div", {},
      v.best_rule ? h("p", {}, "This is the ", term("best version"), ", by ", marked(v.best_rule, "shrunk quality", "search set"), ".") : null,
      h("p", {}, marked(v.audit, "look-ahead audit", "episode")), v.message ? h("p", { class: "notice" }, v.message) : null,
      v.uses ? h("p", { id: "uses" }, marked(v.uses, "signal", "verifier", "fork")) : null,
      h("h3", {}, term("parent", "Parents")), v.parents.length ? h("ul", { class: "list" }, v.parents.map(kin)) : h("p", { class: "soft" }, "none: it was written from nothing, or by hand"),
      v.children_count ? h("details", {}, h("summary", {}, v.children_count === 1 ? "1 child" : `${plain(v.children_count)} children`), h("ul", { class: "list" }, v.children.map(kin))) : null));
}

const tile = (name, value, note) => h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value, note ? h("small", {}, note) : null));

function reasons(v) {
  return [
    h("h3", {}, "Rationale"), h("p", { id: "rationale", "data-free": true }, v.rationale || "None was given."),
    h("h3", {}, "Prediction against its first parent"),
    v.expects.length ? h("ul", {}, v.expects.map((e) => h("li", {}, `${e.direction} ${e.metric}`))) : h("p", { class: "soft" }, "It predicted nothing."),
    h("h3", {}, "Outcome"), h("p", { id: "outcome", "data-free": true }, v.outcome || "None: it has no parent, or no scores."),
  ];
}

/** Return what the final evaluation of the run says of the version, or why it says nothing. */
function final(v) {
  const f = v.final;
  if (f.quality === null) return h("p", { class: "soft" }, marked(f.why, "version", "front", "baseline"));
  const lead = f.lead ? [`; the difference, paired by question and branch order, is ${signed(f.lead.value)} [${signed(f.lead.interval[0])}, ${signed(f.lead.interval[1])}] points`] : "";
  const ahead = f.baseline && f.baseline_quality > f.quality;
  return h("div", { id: "final" }, h("dl", { class: "tiles" },
    tile(`Quality on ${f.where}`, figure(f.quality, 2), `${plain(f.searched, 2)} in the search, change ${signed(f.quality - f.searched)}`),
    f.baseline && f.baseline.id !== v.id ? tile(["Best ", term("baseline"), " there"], figure(f.baseline_quality, 2), [h("a", { href: to("version", f.baseline.id) }, f.baseline.id), ahead ? ": it is ahead of this version" : ""]) : null),
    h("p", { class: "soft" }, marked(f.orders, "branch order", "branch"), lead, "."));
}

function findings(v) {
  if (!v.findings.length) return h("p", { class: "soft" }, v.verdict === "ok" ? "Nothing was found." : "It did not run to the end.");
  return v.findings.map((f) => h("details", {}, h("summary", {}, `${f.kind}: ${f.message}`),
    h("ul", { "data-free": true }, f.worst.map((e) => h("li", {}, h("a", { href: to("trace", v.id, { environment: e.environment, question: e.question, beta: e.beta, order: e.order, step: e.step }) },
      `${e.environment}, question ${e.question}, beta ${e.beta}, order ${e.order}`), `, step ${e.step}, ${plain(e.tokens)} tokens`)))));
}

function curveSection(v, chart) {
  const section = h("section", {}, h("h2", {}, term("scaling curve", "Scaling curve")));
  if (!v.measures.length) return add(section, h("p", { class: "soft" }, "It has no scores."));
  const others = new Map(), numbers = h("div"), chips = h("div", { class: "bar" }), bar = h("div", { class: "bar" });
  let measure = v.measures[0], environment = measure.environments.includes("mean") ? "mean" : measure.environments[0];

  /** Return the curves that were measured on the same episodes. */
  function beside() {
    if (measure.key === v.final.key) return v.final.baseline ? [v.final.baseline] : [];
    return measure === v.measures[0] ? [...others.values()] : [];
  }

  function draw() {
    const curves = [{ id: v.id, baseline: v.generation === 0, points: measure.points }, ...beside()]
      .map((c) => ({ ...c, points: c.points.filter((p) => p.environment === environment) }));
    chart.draw(scaling(curves, { dashed: (c) => c.baseline, above: (c) => c.id === v.id }));
    fill(numbers, table(`${v.id} on ${environment}; ${measure.what}`, [
      [term("beta"), (p) => figure(p.beta, 1), true], ["accuracy %", (p) => figure(p.accuracy_pct, 1, p.accuracy_ci), true],
      ["tokens", (p) => figure(p.mean_tokens, 0, p.mean_tokens_ci), true], [term("critical path", "critical path, tokens"), (p) => figure(p.mean_latency), true], [term("episode", "episodes"), (p) => figure(p.episodes), true],
    ], curves[0].points, { id: "figures" }), h("p", { class: "soft" }, "The same figures: ", h("code", {}, measure.command)));
    fill(chips, [...others.keys()].map((id) => h("span", { class: "chip" }, id, h("button", { type: "button", "aria-label": `leave out ${id}`, onclick: () => { others.delete(id); draw(); } }, "×"))));
  }

  function controls() {
    fill(bar,
      choice("On", measure.environments.map((e) => [e, e]), environment, (e) => { environment = e; draw(); }, "environment"),
      v.measures.length > 1 ? choice("Measured by", v.measures.map((m) => [m.key, m.what]), measure.key, (key) => {
        measure = v.measures.find((m) => m.key === key);
        if (!measure.environments.includes(environment)) environment = measure.environments[0];
        controls();
        draw();
      }, "measure") : null,
      picker("Against", join, ""));
  }

  async function join(id) {
    const { curves } = await get("compare", { id });
    if (id !== v.id) others.set(id, curves[0]);
    draw();
  }

  controls();
  queueMicrotask(async () => {
    const parents = v.parents.filter((p) => p.there && p.quality !== null).map((p) => p.id).slice(0, 3);
    if (parents.length) for (const c of (await get("compare", { id: parents })).curves) others.set(c.id, c);
    draw();
  });
  return add(section, bar, chips, framed(chart, v.id, null), numbers);
}

// Texts

function sourceSection(v) {
  const shown = h("div"), parents = v.parents.filter((p) => p.there);
  const views = [["source", "its source"], ...parents.map((p) => [`diff ${p.id}`, `against ${p.id}`]), ["other", "against another version"],
    ...(v.has_transcript ? [["transcript", "the transcript"]] : [])];
  const other = picker("Against", (id) => look(`diff ${id}`), "");
  other.hidden = true;

  async function look(view) {
    other.hidden = view !== "other";
    if (view === "other") return void fill(shown);
    fill(shown, h("p", { class: "soft" }, "Loading…"));
    try {
      fill(shown, await text(v, view));
    } catch (error) {
      fill(shown, h("p", { class: "notice", role: "alert" }, error.message));
    }
  }

  look(parents.length ? `diff ${parents[0].id}` : "source");
  return h("section", {}, h("h2", {}, "Source"),
    h("div", { class: "bar" }, choice("Show", views, parents.length ? `diff ${parents[0].id}` : "source", look, "view"), other, saving(v)), shown);
}

/** Return the buttons that copy and save the whole source, byte for byte. */
function saving(v) {
  const told = h("span", { class: "soft", role: "status" }), whole = () => blob(`version/${encodeURIComponent(v.id)}/source.py`);
  const button = (name, work, done) => h("button", { type: "button", onclick: async () => {
    try {
      await work(await whole());
      told.textContent = done;
    } catch (error) {
      told.textContent = error.message;
    }
  } }, name);
  return [button("Copy the source", async (found) => copy(await found.text()), "Copied."), button("Download the source", (found) => download(`${v.id}.py`, found), "Saved."), told];
}

async function text(v, view) {
  const path = `version/${encodeURIComponent(v.id)}`;
  if (view.startsWith("diff ")) {
    const { lines, base } = await get(`${path}/diff`, { base: view.slice(5) });
    if (!lines.length) return h("p", {}, `The sources of ${base} and ${v.id} are the same.`);
    return block("diff", lines.map(([kind, line]) => [kind, `${line}\n`]), `Difference from ${base} to ${v.id}`);
  }
  const found = await get(`${path}/${view}`);
  return long(found, view === "source" ? "code" : "", view);
}

function long(found, kind, label) {
  const root = h("div");
  const whole = found.pieces.reduce((n, [, t]) => n + t.length, 0);
  const start = whole > AT_ONCE ? [["", found.pieces.map(([, t]) => t).join("").slice(0, AT_ONCE)]] : found.pieces;
  fill(root, block(kind, start, label));
  if (whole > AT_ONCE) {
    add(root, h("p", {}, `${plain(AT_ONCE)} of ${plain(found.characters)} characters. `,
      h("button", { type: "button", onclick: () => fill(root, block(kind, found.pieces, label), cut(found)) }, "Show the rest")));
  } else add(root, cut(found));
  return root;
}

const cut = (found) => (found.cut ? h("p", { class: "notice" }, `Only the beginning: the whole has ${plain(found.characters)} characters.`) : null);
const block = (kind, pieces, label) => h("pre", { class: kind || null, tabindex: "0", role: "region", "aria-label": label },
  pieces.map(([mark, piece]) => (mark ? h("span", { class: mark }, piece) : piece)));

function more(v) {
  const rows = [["hash of the source", v.source_sha256], ["prompts", v.prompts], ...Object.entries(v.environments).map(([name, hash]) => [`environment ${name}`, hash])].filter(([, text]) => text);
  return h("details", {}, h("summary", {}, "The rest of the card"),
    table("Hashes", [["of", ([name]) => name], ["is", ([, value]) => h("code", {}, value)]], rows),
    Object.entries(v.more).map(([name, value]) => [h("h3", {}, name), h("pre", { tabindex: "0", role: "region", "aria-label": name }, value)]));
}
