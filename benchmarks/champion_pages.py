"""Writes a page for each champion: `python -m benchmarks.champion_pages [--orders N] [--replay DIR]`.

The section "How it works" comes from the docstring of the champion's source. The figures are measured on branch orders
that no search uses: the curve, the gain of each mechanism (the same genome without it), and the failures.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion, champion_names, champion_source
from autotts.agent.diagnosis.findings import diagnose
from autotts.agent.explorers.evolve.genome import BLOCKS, Genome
from autotts.agent.explorers.evolve.render import render
from autotts.agent.reports.replay.comparisons import interval, tokens_at_equal_accuracy
from autotts.envs.episodes import BETAS, Episodes, Logs, grid
from autotts.envs.importing import published
from autotts.envs.scoring import Scores
from autotts.envs.statistics import Floats, QuestionSample, means, samples
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from benchmarks.champions import REFERENCE, WITHIN, attained

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "champions"
PLAIN = {
    "opening": "flood", "depth": "lockstep", "stop": "confidence", "first": "none", "early": "none", "hopeless": "none",
    "typical": "median", "disagreement": "none", "length": "none", "vote": "finished", "weight": "equal",
    "abandoned": "ignored",
}  # fmt: skip
"""The choice for a slot whose mechanism is removed."""
AIMS = {
    "frugal": "The most accuracy for about a tenth of self-consistency's tokens.",
    "balanced": "The best over all budgets.",
    "accurate": "The highest accuracy, where tokens matter less.",
    "swift": "Self-consistency's accuracy with the smallest product of tokens and critical path: where a person waits.",
}
Measured = tuple[list[QuestionSample], Scores, Logs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--replay", type=Path, default=ROOT.parent / "shared" / "replay" / "aime24")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    environments = [published.read(path, path.stem) for path in sorted(arguments.replay.glob("*.json"))]
    episodes = grid(environments, BETAS, range(arguments.orders))
    PAGES.mkdir(exist_ok=True)
    with ProcessSandbox(arguments.workers) as sandbox:

        def measure(source: str) -> Measured:
            found = evaluate(source, episodes, sandbox)
            assert found.scores is not None and found.logs is not None, found.verdict.message
            return means(samples(found.scores)), found.scores, found.logs

        baselines = {name: measure(baseline_source(name)) for name in baseline_names()}
        for name in champion_names():
            archive, version = champion(name)
            source, card = champion_source(name), archive.card(version)
            ours = measure(source)
            without = {
                removed: measure(changed)[0] for removed, changed in _without(Genome.from_json(card.data["genome"]))
            }
            findings = [finding.message for finding in diagnose(ours[1], ours[2])]
            page = [
                *description(name, version, archive.root.name, source), *_curve(ours[0], baselines, episodes),
                *_ablation(ours[0], without), *_failures(ours[1], baselines[REFERENCE][1], findings),
            ]  # fmt: skip
            (PAGES / f"{name}.md").write_text("\n".join(page) + "\n", encoding="utf-8")
            print(PAGES / f"{name}.md")


def _without(genome: Genome) -> list[tuple[str, str]]:
    changes = []
    for slot, plain in PLAIN.items():
        if genome.blocks[slot] not in (plain, next(iter(BLOCKS[slot])) if slot not in ("opening", "stop") else plain):
            changes.append((f"{slot}: {genome.blocks[slot]} -> {plain}", render(genome.with_blocks(**{slot: plain}))))
    return changes


def description(name: str, version: str, lineage: str, source: str) -> list[str]:
    """Return the lines of a page that need no measurement: aim, rules and constants of a champion."""
    words = ast.get_docstring(ast.parse(source)) or ""
    gist, _, points = words.partition("\n\n")
    scope: dict[str, object] = {"__name__": "champion"}
    runnable = source.replace("from envs import", "from autotts import")  # `envs` exists in the sandbox alone
    exec(compile(runnable, name, "exec"), scope)  # safe: a shipped source, reviewed and audited
    (controller,) = (v for v in scope.values() if isinstance(v, type) and v.__module__ == "champion")
    schedule = [controller.schedule(beta) for beta in (0.0, 0.5, 1.0)]  # type: ignore[attr-defined]
    return [
        f"# {name}", "", AIMS.get(name, ""), "",
        f"`{version}` of `controllers_archive/discovered/{lineage}`: `autotts show {name}`. What runs is "
        f"`controllers_archive/champions/{name}.py`, {source.count(chr(10))} lines: what `evolve` writes of its genome "
        "today, which takes the same actions in less time. This page is written by `make champion-pages`.", "",
        "## How it works", "", gist, "", points, "",
        "| constant | beta 0 | beta 0.5 | beta 1 |", "|---|---|---|---|",
        *(f"| `{key}` | " + " | ".join(f"{row[key]:.4g}" for row in schedule) + " |" for key in schedule[0]), "",
    ]  # fmt: skip


def _curve(ours: list[QuestionSample], baselines: Mapping[str, Measured], episodes: Episodes) -> list[str]:
    orders = len(np.unique(episodes.order))
    lines = [
        "## Curve", "",
        f"Mean of {len(episodes.environments)} search environments, branch orders 0..{orders - 1}, with 95% intervals "
        "over questions. The critical path counts the tokens that had to be generated one after another.", "",
        "| beta | tokens | accuracy | interval | critical path |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for p in (sample.point() for sample in ours):
        low, high = p.accuracy_ci
        cells = f"{p.beta:g} | {p.mean_tokens:,.0f} | {p.accuracy_pct:.2f}% | {low:.1f} to {high:.1f}"
        lines.append(f"| {cells} | {p.mean_latency:,.0f} |")
    reference = next(sample for sample in baselines[REFERENCE][0] if sample.beta == 1.0)
    found, (accuracy, spent, _) = tokens_at_equal_accuracy(ours, reference), reference.centre
    if found.tokens is not None:
        lines += [
            "", f"Self-consistency at its full width has {accuracy:.2f}% for {spent:,.0f} tokens. This champion "
            f"reaches the same accuracy with {found.tokens:,.0f} tokens, {found.saved_pct:.1f}% fewer.",
        ]  # fmt: skip
    lines += ["", "Points of accuracy above each baseline within the same number of tokens:", "",
              "| tokens | " + " | ".join(baselines) + " |", "|---" * (len(baselines) + 1) + "|"]  # fmt: skip
    at = np.array(WITHIN, float)
    gains = {name: _gain(ours, theirs[0], at) for name, theirs in baselines.items()}
    for k, budget in enumerate(WITHIN):
        cells = [f"{g[k]:+.1f} [{lo[k]:+.1f}, {hi[k]:+.1f}]" for g, lo, hi in gains.values()]
        lines.append(f"| {budget:,} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _gain(ours: list[QuestionSample], theirs: list[QuestionSample], at: Floats) -> tuple[Floats, Floats, Floats]:
    centre = attained([s.centre for s in ours], at) - attained([s.centre for s in theirs], at)
    drawn = [np.stack([s.resampled for s in curve], axis=1) for curve in (ours, theirs)]
    spread = np.stack([attained(list(a), at) - attained(list(b), at) for a, b in zip(*drawn, strict=True)])
    low, high = np.percentile(spread, [2.5, 97.5], axis=0)
    return centre, low, high


def _ablation(ours: list[QuestionSample], without: Mapping[str, list[QuestionSample]]) -> list[str]:
    at = np.array(WITHIN, float)
    lines = [
        "## Gain of each mechanism", "",
        "Points of accuracy lost when this mechanism alone is removed, with paired 95% intervals: at four budgets, and "
        "the mean over all budgets of the table above.", "",
        "| removed | " + " | ".join(f"{WITHIN[k] // 1000}k" for k in (1, 2, 4, 6)) + " | mean |", "|---" * 6 + "|",
    ]  # fmt: skip
    for removed, curve in without.items():
        gain, _, _ = _gain(ours, curve, at)
        drawn = [np.stack([s.resampled for s in one], axis=1) for one in (ours, curve)]
        low, high = interval(np.array([
            (attained(list(a), at) - attained(list(b), at)).mean() for a, b in zip(*drawn, strict=True)
        ]))  # fmt: skip
        cells = " | ".join(f"{gain[k]:+.2f}" for k in (1, 2, 4, 6))
        lines.append(f"| {removed} | {cells} | {gain.mean():+.2f} [{low:+.2f}, {high:+.2f}] |")
    return [*lines, ""]


def _failures(ours: Scores, reference: Scores, findings: list[str]) -> list[str]:
    lines = [
        "## Failures", "", "Findings from its traces:", "", *(f"- {f}" for f in findings), "",
        "The champion at beta 1, against self-consistency at its full width:", "",
        "| environment | champion | self-consistency | questions lost | questions won |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for e, environment in enumerate(ours.episodes.environments):
        mine, theirs = _by_question(ours, e), _by_question(reference, e)
        lost, won = (theirs - mine > 0.1).sum(), (mine - theirs > 0.1).sum()
        means_ = f"{100 * mine.mean():.1f}% | {100 * theirs.mean():.1f}%"
        lines.append(f"| {environment.name} | {means_} | {lost} | {won} |")
    return [*lines, "", "A question is lost or won where the shares of right answers differ by more than a tenth."]


def _by_question(scores: Scores, environment: int) -> Floats:
    """Return (questions,) the share of right answers among the episodes at beta 1."""
    mine = (scores.episodes.beta == 1.0) & (scores.episodes.environment == environment)
    question = scores.episodes.question[mine]
    return np.asarray(np.bincount(question, scores.correct[mine].astype(float)) / np.bincount(question))


if __name__ == "__main__":
    main()
