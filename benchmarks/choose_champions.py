"""Chooses the champions of a run: `python benchmarks/choose_champions.py RUN [--name LINEAGE] [--orders N]
[--finalists N]`.

Replays the best versions of the run on branch orders that its search has not used, and ships the lineage of the run
with the names of its champions. `swift` is the version that reaches the accuracy of self-consistency with the smallest
product of tokens and critical path. The other three are the assignment of versions to names with the largest sum of
figures; a figure is the mean accuracy over the budgets of the name, in part on environments with few possible answers.
The choice itself fits to its branch orders, so `benchmarks/champions.py` measures on other orders.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np

from autotts.agent import population
from autotts.agent.archive.archive import LOGS, Archive
from autotts.agent.archive.baselines import baseline_source
from autotts.agent.archive.champions import HOME
from autotts.agent.archive.run_directory import FIRST_FRESH_ORDER, Run
from autotts.agent.records.card import Card
from autotts.agent.reports.replay.comparisons import ACCURACY, TOKENS, fewest
from autotts.envs.episodes import grid
from autotts.envs.statistics import Floats, means, samples
from autotts.envs.synthetic.simulated import PREFIX, is_simulated, narrowed
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from benchmarks.champions import REFERENCE, attained

BUDGETS = {
    name: np.geomspace(low, high, 24)
    for name, low, high in (("frugal", 60e3, 130e3), ("balanced", 30e3, 500e3), ("accurate", 170e3, 600e3))
}
"""The budgets in tokens for which each champion is chosen, evenly spaced on a logarithmic scale."""
SWIFT = "swift"
MIN_TOKENS = BUDGETS["balanced"].min()
"""The budget in tokens within which every champion but `swift` must give an answer."""
MAX_LINES = 150
FEW_ANSWERS = 0.3
"""The weight of environments with few possible answers, on which the champions must work too."""
Points = list[Floats]
"""The points of a curve: (accuracy, tokens, critical path)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--name", default="evolve")
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--finalists", type=int, default=12, help="of the best, and of the swiftest, beside the front")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    run = Run(arguments.run)
    cards = run.archive.cards()
    best = [*population.front(cards), *population.ranked(cards)[: arguments.finalists]]
    best += swiftest(cards)[: arguments.finalists]
    finalists = {c.id: run.archive.source(c.id) for c in best if c.generation > 0}
    recorded = run.environments(simulated=False)
    fresh = [
        replace(narrowed(env, Random(f"{FIRST_FRESH_ORDER} {env.name}")), name=PREFIX + env.name) for env in recorded
    ]
    episodes = grid(
        [*recorded, *fresh], run.config.betas,
        range(FIRST_FRESH_ORDER + 1000, FIRST_FRESH_ORDER + 1000 + arguments.orders),
        run.config.max_branches, run.config.max_tokens,
    )  # fmt: skip
    found: dict[str, dict[str, float]] = {name: {} for name in (*BUDGETS, SWIFT)}
    curves: dict[str, dict[str, Points]] = {}
    with ProcessSandbox(arguments.workers) as sandbox:
        reference = evaluate(baseline_source(REFERENCE), episodes, sandbox).scores
        assert reference is not None
        target = max(sample.centre[ACCURACY] for sample in means(samples(reference)))
        for version, source in finalists.items():
            scores = evaluate(source, episodes, sandbox).scores
            if scores is None or source.count("\n") >= MAX_LINES:
                continue
            all_of_it = samples(scores)
            points = [sample.centre for sample in means(all_of_it)]
            drawn, there = dict[str, Points](), dict[str, Points]()
            for sample in all_of_it:
                kind = drawn if is_simulated(sample.environment) else there
                kind.setdefault(sample.environment, []).append(sample.centre)
            found[SWIFT][version] = -product(np.array(points), target) / 1e9
            if min(point[TOKENS] for point in points) <= MIN_TOKENS:
                for name, budgets in BUDGETS.items():  # an effect common to all versions changes all figures equally
                    few = np.mean([attained(simulated, budgets) for simulated in drawn.values()])
                    figure = (1 - FEW_ANSWERS) * attained(points, budgets).mean() + FEW_ANSWERS * few
                    found[name][version] = float(figure)
                curves[version] = there
            print(version, *(f"{name} {figures[version]:.2f}" for name, figures in found.items() if version in figures))
    for name, budgets in BUDGETS.items():
        inside, without = left_out(curves, budgets)
        print(f"{name}, recorded environments alone: {inside:.2f}; chosen without the model that it is measured on, "
              f"{without:.2f}")  # fmt: skip
    named = assigned(found)
    home = HOME / arguments.name
    with tempfile.TemporaryDirectory() as aside:  # an archive that ships is never written to
        shipped = Archive(Path(aside) / arguments.name)
        for card in cards:  # other logs are large, and can be made again from the sources
            logs = (run.archive.root / card.id / LOGS).read_bytes() if card.id in finalists else None
            shipped.add(card, run.archive.source(card.id), logs)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(shipped.root, home)
    document = {name: {"lineage": arguments.name, "version": named[name]} for name in found}
    (HOME / "champions.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(document)


def assigned(found: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Return a different version for each name: the best for `SWIFT`, then the choice with the largest total figure."""
    swift = max(found[SWIFT], key=lambda version: found[SWIFT][version])
    able = [version for version in found[next(iter(BUDGETS))] if version != swift]
    choices = permutations(able, len(BUDGETS))
    best = max(choices, key=lambda some: sum(found[name][v] for name, v in zip(BUDGETS, some, strict=True)))
    return {**dict(zip(BUDGETS, best, strict=True)), SWIFT: swift}


def left_out(curves: Mapping[str, Mapping[str, Points]], budgets: Floats) -> tuple[float, float]:
    """Return the mean accuracy within ``budgets`` of the best version, and of versions chosen without the environment
    on which they are measured."""
    names = list(next(iter(curves.values())))
    table = np.array([[attained(found[name], budgets).mean() for name in names] for found in curves.values()])
    others = table.sum(axis=1, keepdims=True) - table
    return float(table.mean(axis=1).max()), float(table[others.argmax(axis=0), range(len(names))].mean())


def product(points: Floats, accuracy: float) -> float:
    """Return the smallest tokens x critical path at ``accuracy`` for (n, 3) points (accuracy, tokens, path)."""
    both = points[:, TOKENS] * points[:, 2]
    return float(fewest(both[None], points[None, :, ACCURACY], np.array([accuracy]))[0])


def swiftest(cards: Sequence[Card]) -> list[Card]:
    """Return the versions that ran, the best for `swift` first, by the figures of the search."""
    able = [card for card in cards if card.ok]
    curves = {card.id: np.array([(p.accuracy, p.tokens, p.latency) for p in card.mean_curve]) for card in able}
    target = curves[REFERENCE][:, ACCURACY].max()
    return sorted(able, key=lambda card: product(curves[card.id], target))


if __name__ == "__main__":
    main()
