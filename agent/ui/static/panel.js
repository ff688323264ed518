// One episode of one controller: the picture, the slider through its steps, and what is known at each of them.
import { Chart, colour, library, quiet } from "./chart.js";
import { add, fill, h, table } from "./dom.js";
import { counted, figure, plain, short, to } from "./format.js";
import { term } from "./glossary.js";
import { brief, cells, legend, marks, marksLegend, numberOf, shows, tipLines } from "./numbers.js";
import { tally, verdict } from "./vote.js";

const STATES = ["correct", "wrong", "absent", "pruned", "unseen"];
const [CORRECT, WRONG, ABSENT, PRUNED, UNSEEN] = STATES.keys();
const MEANING = { correct: "right", wrong: "wrong", absent: "no answer", pruned: "pruned away", unseen: "not seen" };

export class Panel {
  /** `moved(panel, tokens)` is called when a person moves the slider, `loaded()` when an episode is there. `by` names what colours its cells. */
  constructor(version, where, step, by, moved, loaded) {
    Object.assign(this, { version, where, wanted: step, by, moved, loaded, chart: null, episode: null });
    this.root = h("section", { "aria-label": `Episode of ${version}` }, h("p", { class: "soft" }, "Loading…"));
  }

  close() { this.chart?.close(); }

  async load(get, post) {
    const path = `trace/${encodeURIComponent(this.version)}`;
    try {
      const [episode] = await Promise.all([get(path, this.where), library()]);
      this.show(episode);
    } catch (error) {
      this.refused(error, post);
    }
  }

  refused(error, post) {
    const play = async (event) => {
      event.target.disabled = true;
      try {
        this.show(await post("replay", { version: this.version, ...this.where }));
      } catch (failure) {
        this.refused(failure, post);
      }
    };
    fill(this.root, h("h2", {}, this.version), h("p", { class: "notice", role: "alert" }, error.message),
      error.code === 404 ? h("button", { type: "button", class: "main", onclick: play }, "Play this episode in the sandbox") : null);
  }

  show(episode) {
    this.episode = episode;
    const last = Math.max(0, episode.steps.length - 1);
    const deepest = Math.max(1, ...episode.branches.map((b) => b.cells.length));
    this.chart = new Chart(`${this.version}: ${episode.branches.length} branches by depth, ${episode.correct ? "right" : "wrong"} in the end`, "mid", { "data-trace": this.version });
    this.slider = h("input", { type: "range", min: 0, max: last, value: String(Math.min(last, this.wanted ?? last)), "aria-label": `Step of ${this.version}`,
      oninput: () => { this.draw(); this.moved(this, episode.steps[this.step]?.tokens ?? 0); } });
    this.parts = { at: h("p", { "aria-live": "polite", class: "at" }), votes: h("section", { "aria-label": `The vote of ${this.version}` }), keys: h("div"), branches: h("div"), steps: h("div") };
    const jump = (n, text) => h("button", { type: "button", onclick: () => { this.slider.value = String(n); this.slider.dispatchEvent(new Event("input")); } }, text);
    fill(this.root, h("h2", {}, h("a", { href: to("version", this.version) }, this.version)), this.outcome(), this.chart.host,
      this.parts.keys, this.slider,
      h("div", { class: "bar" }, jump(0, "First step"), episode.settled >= 0 ? jump(episode.settled, "Where it was settled") : null, jump(last, "Last step"), this.chart.buttons(`trace-${this.version}`)),
      this.parts.at, this.parts.votes,
      h("h3", {}, "What the ", term("controller"), " says that it does"), h("pre", { class: "wrap", tabindex: "0", role: "region", "aria-label": `What ${this.version} says` }, episode.stated || "Its source has no docstring."),
      h("details", {}, h("summary", {}, "The question"), h("p", {}, episode.text || "Its text was not recorded.")),
      this.unfolds("The branches", this.parts.branches, () => this.tellBranches()),
      this.unfolds(`All ${plain(episode.steps.length)} steps`, this.parts.steps, () => this.steps()));
    this.rows = Math.max(1, episode.branches.length);
    this.deepest = deepest;
    this.colourBy(this.by);
    this.loaded();
  }

  unfolds(summary, body, fillIn) { return h("details", { ontoggle: fillIn }, h("summary", {}, summary), body); }

  /** Colour the cells by the number of this name, or by the answers where the episode has none such. */
  colourBy(name) {
    this.by = name;
    if (!this.episode) return;
    const number = numberOf(this.episode, name);
    fill(this.parts.keys, number ? legend(number) : h("p", {}, STATES.map((state) => [h("span", { class: `key key-${state}` }), MEANING[state], "  "])), marksLegend(this.episode));
    this.draw();
  }

  outcome() {
    const e = this.episode, word = (i) => (i ? short(e.answers[i], 60) : "no answer");
    return h("div", {},
      h("p", { id: `outcome-${this.version}`, "data-at": `${e.question} ${e.order}` }, h("strong", { class: e.correct ? "good" : "bad" }, e.correct ? "Right" : "Wrong"), `: ${word(e.answer)}`, e.correct ? "" : [", the ", term("gold answer"), ` is ${word(e.gold)}`], ". ",
        figure(e.tokens), " tokens; ", term("critical path"), " ", figure(e.latency), ` tokens; ${e.branches.length} of ${e.max_branches} `, term("branch", "branches"), "."),
      h("p", {}, `End: ${e.end}. `, e.settled < 0 ? "In the end, another answer has as many votes as the one given, or more." : `The answer given led for good from step ${e.settled} on; ${plain(e.idle)} tokens were spent after it.`),
      e.played ? h("p", { class: "soft" }, "Played just now in the sandbox; nothing of it is kept.") : null);
  }

  get step() { return Number(this.slider.value); }

  /** Move to the last step that had spent no more than `tokens`. */
  toTokens(tokens) {
    if (!this.episode) return;
    const after = this.episode.steps.findIndex((s) => s.tokens > tokens);
    this.slider.value = String(after < 0 ? this.episode.steps.length - 1 : Math.max(0, after - 1));
    this.draw();
  }

  draw() {
    const e = this.episode, step = this.step, number = numberOf(e, this.by), found = number ? cells(e, number, step) : answers(e, step);
    const host = this.chart.host, marked = marks(e, step, found.missing);
    Object.assign(host.dataset, { cells: Object.entries(found.count).map((pair) => pair.join(":")).join(" "), marks: marked.count, by: number?.name ?? "", step: String(step) });
    host.setAttribute("aria-label", `${this.chart.label}; coloured by ${number ? number.name : "answers"}`);
    this.chart.draw(this.option(found.data, step, number, marked.series));
    this.tell(step);
    this.tellBranches();
  }

  option(data, step, number, marked) {
    const e = this.episode;
    return {
      legend: null, grid: { left: 52, right: 12, bottom: 44 },
      tooltip: { formatter: (at) => cellTip(e, at.value, step, number) },
      xAxis: { type: "category", name: `depth, intervals of ${plain(e.delta)} tokens`, data: Array.from({ length: this.deepest }, (_, i) => i + 1), splitLine: { show: false } },
      yAxis: { type: "category", name: "branch", nameGap: 32, inverse: true, axisLabel: { fontSize: 10, interval: Math.ceil((12 * this.rows) / 310) - 1 }, data: Array.from({ length: this.rows }, (_, i) => i), splitLine: { show: false } },
      visualMap: number ? undefined : { show: false, type: "piecewise", dimension: 2, seriesIndex: 0, categories: [...STATES.keys()], inRange: { color: STATES.map((s) => colour(s)) } },
      series: [{ type: "heatmap", data, progressive: 0, itemStyle: { borderColor: colour("ground"), borderWidth: this.deepest > 160 ? 0 : 1 }, emphasis: { itemStyle: { borderColor: colour("text") } } }, ...marked],
    };
  }

  tell(step) {
    const e = this.episode, s = e.steps[step];
    fill(this.parts.at, s ? [h("strong", {}, `Step ${step}: `), doing(s), scored(s), `; ${plain(s.tokens)} tokens spent`, s.leader < 0 ? "" : `, ${s.leader ? short(e.answers[s.leader], 40) : "no answer"} leads`, step === e.steps.length - 1 ? `. End: ${e.end}.` : "."] : "It did nothing.");
    const votes = tally(e, step), word = (a) => (a ? short(e.answers[a], 60) : "no answer");
    const notes = (v) => [v.answer === e.gold ? h("span", { class: "good" }, "right ") : "", v.answer === e.answer ? "given" : ""];
    fill(this.parts.votes, h("h3", {}, "The vote"), table(`What the log shows of it after step ${step}`, [
      ["answer", (v) => word(v.answer)], ["votes", (v) => figure(v.votes), true], ["share", (v) => figure(v.share, 0, null, "%"), true], ["of finished branches", (v) => figure(v.finished), true],
      [["their mean ", term("depth")], (v) => figure(v.depth, 1), true], [["last ", term("probe", "probes"), " of running ones"], (v) => figure(v.running), true], ["pruned, no vote", (v) => figure(v.pruned), true], ["", notes],
    ], votes.slice(0, 8), { id: `votes-${this.version}` }), votes.length > 8 ? h("p", { class: "soft" }, `and ${counted(votes.length - 8, "other answer")}`) : null,
    step === e.steps.length - 1 ? h("p", { id: `verdict-${this.version}` }, verdict(e, votes, word)) : null,
    h("p", { class: "soft" }, "A vote is the last answer that the controller saw of a branch that it has not pruned. A controller may weight the votes, by depth for example: its weights stay inside it, and no log holds them."));
  }

  /** Fill in the table of the branches as they stand, if it is unfolded: the picture in figures. */
  tellBranches() {
    if (!this.parts.branches.parentNode.open) return;
    const e = this.episode, step = this.step, number = numberOf(e, this.by), word = (a) => (a ? short(e.answers[a], 40) : "no answer");
    const numbers = e.numbers.filter((n) => n.declared || n === number).slice(0, 6), done = (at) => at >= 0 && at <= step;
    const rows = e.branches.map((b, y) => ({ b, y, depth: b.passed.findLastIndex(done) + 1, seen: b.seen.findLastIndex(done) })).filter(({ b }) => b.opened <= step);
    const last = (n, { b, y }) => { // where the branch stands; a score stays in sight until the next one
      const x = n.comes_with === "interval" ? b.passed.findLastIndex(done) : b.cells.findLastIndex((_, i) => shows(n, b, i, step));
      return x < 0 || !shows(n, b, x, step) ? "–" : n.cells[y][x] === null ? "none" : figureOf(n.cells[y][x]);
    };
    fill(this.parts.branches, h("div", { class: "tall" }, table(`The branches after step ${step}`, [
      ["branch", (r) => r.y, true], ...(e.branches.some((b) => b.parent >= 0) ? [["fork of", (r) => (r.b.parent < 0 ? "" : `${r.b.parent} at depth ${r.b.start}`)]] : []),
      [term("depth"), (r) => r.depth, true], ["state", (r) => (done(r.b.pruned) ? "pruned" : done(r.b.ended) ? "finished" : "running")], ["last answer seen", (r) => (r.seen < 0 ? "–" : word(r.b.cells[r.seen]))],
      ...numbers.map((n) => [n.comes_with === "verification" ? "last score" : n.name, (r) => last(n, r), true]),
    ], rows, { id: `branches-${this.version}` })));
  }

  steps() {
    if (this.parts.steps.firstChild) return;
    const e = this.episode;
    add(this.parts.steps, h("div", { class: "tall" }, table("Steps", [
      ["step", (s) => s.n, true], ["what", (s) => [doing(s), scored(s)]], ["tokens", (s) => figure(s.tokens), true], ["critical path, tokens", (s) => figure(s.latency), true], ["leader", (s) => (s.leader < 0 ? "–" : s.leader ? short(e.answers[s.leader], 30) : "no answer")],
    ], e.steps.slice(0, 2000).map((s, n) => ({ ...s, n })))), e.steps.length > 2000 ? h("p", {}, "The first 2,000.") : null);
  }
}

/** Return a datum for each cell that shows what is known of its answer, and how many are of each state. */
function answers(e, step) {
  const data = [];
  e.branches.forEach((b, y) => {
    if (b.opened > step) return;
    for (let x = b.start; x < b.cells.length; x++) data.push([x, y, state(e, b, x, step)]);
  });
  return { data, count: Object.fromEntries(STATES.map((s, i) => [s, data.filter((d) => d[2] === i).length])) };
}

function state(e, b, x, step) {
  if (b.seen[x] >= 0 && b.seen[x] <= step) return b.cells[x] === e.gold ? CORRECT : b.cells[x] === 0 ? ABSENT : WRONG;
  return b.pruned >= 0 && b.pruned <= step && (b.passed[x] < 0 || b.passed[x] > step) ? PRUNED : UNSEEN;
}

function cellTip(e, [x, y], step, number) {
  const b = e.branches[y], seen = b.seen[x] >= 0 && b.seen[x] <= step;
  const word = (b.cells[x] ? short(e.answers[b.cells[x]], 40) : "no answer").replace(/[{}|]/g, " ");
  const how = seen ? `seen in step ${b.seen[x]}` : b.passed[x] >= 0 && b.passed[x] <= step ? "passed, but not looked at" : "never paid for: what was recorded";
  const fork = b.parent >= 0 ? `, a fork of branch ${b.parent} at depth ${b.start}` : "";
  return [`branch ${y}, interval ${x + 1}${fork}`, `${word}${b.cells[x] === e.gold ? " (right)" : ""}`, how, ...tipLines(e, number, x, y, step).map(quiet)].join("\n");
}

const figureOf = (value) => h("data", { value: String(value) }, brief(value));

const DOES = { branch: "opens", advance: "advances", probe: "probes", step: "advances and probes", run: "runs to the end", prune: "prunes", fork: "forks", verify: "has verified" };

function doing(s) {
  const times = s.times > 1 ? `, ${s.times} times` : "";
  return `${DOES[s.verb] ?? s.verb} ${s.branches.length === 1 ? "branch" : "branches"} ${ranges(s.branches)}${times}${s.forks.length ? `, which opens ${ranges(s.forks)}` : ""}`;
}

/** Return the scores that a step paid for, as text. */
const scored = (s) => (s.scores.length ? `: score ${s.scores.map(brief).join(", ")}` : "");

function ranges(numbers) {
  const parts = [], sorted = [...numbers].sort((a, b) => a - b);
  for (let i = 0; i < sorted.length; i++) {
    const from = i;
    while (sorted[i + 1] === sorted[i] + 1) i++;
    parts.push(from === i ? `${sorted[from]}` : `${sorted[from]}–${sorted[i]}`);
  }
  return parts.join(", ");
}
