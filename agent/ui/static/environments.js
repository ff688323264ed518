// The environments of a run or an archive: what each holds beside answers, and how well its numbers tell right from wrong.
import { get } from "./api.js";
import { fill, h, table } from "./dom.js";
import { figure } from "./format.js";
import { term } from "./glossary.js";

/** Return a section that is filled in when it is unfolded: measuring an environment takes a moment. */
export function environmentsSection() {
  const body = h("div"), details = h("details", { id: "environments", ontoggle: open }, h("summary", {}, "The environments"), body);
  let asked = false;

  async function open() {
    if (!details.open || asked) return;
    asked = true;
    fill(body, h("p", { class: "soft" }, "Measuring…"));
    try {
      fill(body, content(await get("environments")));
    } catch (error) {
      asked = false;
      fill(body, h("p", { class: "notice", role: "alert" }, error.message));
    }
  }
  return details;
}

function content(found) {
  if (!found.length) return h("p", { class: "soft" }, "Nothing has figures yet.");
  const read = found.filter((e) => !e.problem), rows = read.flatMap((e) => e.numbers.map((n) => ({ ...n, environment: e.name })));
  const some = (key) => read.some((e) => e[key] !== null);
  return [
    found.filter((e) => e.problem).map((e) => h("p", { class: "notice" }, `${e.name}: ${e.problem}`)),
    read.length ? table("What each environment holds", [
      [term("environment"), (e) => e.name], ["questions", (e) => figure(e.questions), true], [[term("branch", "branches")], (e) => figure(e.branches), true],
      [[term("interval"), ", tokens"], (e) => figure(e.delta), true], [[term("probe"), ", tokens"], (e) => figure(e.probe_cost), true],
      [[term("signal", "signals")], (e) => e.numbers.filter((n) => n.comes_with !== "verification").length || "none", true],
      [[term("verifier"), ", tokens"], (e) => (e.verify_cost === null ? "none" : figure(e.verify_cost)), true],
      [[term("fork", "forks")], (e) => (e.forks === null ? "none" : figure(e.forks)), true],
      ...(some("forks") ? [["a fork that was not recorded", (e) => ({ nearest: "is answered by the nearest", recorded: "is refused" })[e.fork_rule] ?? ""],
        ["ends decided before the fork", (e) => (e.inheritance === null ? "–" : figure(100 * e.inheritance, 0, null, "%")), true]] : []),
    ], read, { id: "environment-parts" }) : null,
    rows.length ? [table("How often the number of a right branch is above that of a wrong one: 50% is noise", [
      [term("environment"), (n) => n.environment], ["number", (n) => n.name], ["unit", (n) => n.unit || "–"], ["comes with", (n) => n.comes_with], ["higher is", (n) => n.higher_is || "–"],
      ["at intervals", (n) => share(n.unfinished), true], ["finished", (n) => share(n.finished), true], ["what it is", (n) => n.definition || "not a standard name"],
    ], rows, { id: "environment-numbers" }),
    h("p", { class: "soft" }, "The two branches belong to the same question, and stand at the same depth; forks are left out. Below 50%, a lower number is better, as for entropies. A controller sees a number only if it declares it.")]
      : read.length ? h("p", { class: "soft" }, "They hold answers alone.") : null,
  ];
}

const share = (value) => (value === null ? "–" : figure(100 * value, 0, null, "%"));
