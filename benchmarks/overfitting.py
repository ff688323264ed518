"""Measures over-fitting of a search, and rules against it: `python -m benchmarks.overfitting RUN [--simulated N]`.

Plays every version of a finished run again, on branch orders that neither the search nor any report has used. Prints
the optimism that the run estimates beside the true loss. Prints the quality of the versions that different rules choose
on the orders of the search, with some questions and models left out, measured on the questions and models left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from autotts.agent import population
from autotts.agent.archive.run_directory import FIRST_SEARCH_ORDER, Run
from autotts.agent.archive.run_report import describe_optimism
from autotts.agent.population.overfitting.beliefs import optimism
from autotts.agent.population.overfitting.contributions import Bools, QualityPanel, panel
from autotts.agent.population.overfitting.crossvalidation import partitions
from autotts.agent.population.overfitting.question_results import QuestionResults
from autotts.agent.population.overfitting.shrinkage import MEAN, SELF, shrink
from autotts.agent.population.preference import preferred
from autotts.agent.records.card import Card
from autotts.agent.records.complexity import complexity
from autotts.envs.episodes import Episodes, grid
from autotts.envs.scoring import score
from autotts.envs.statistics import Floats
from autotts.envs.synthetic.simulated import simulate
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate

FIRST = 2_000
"""The first branch order. Reports use the orders below 100, and runs those from 1,000 and from 1,000,000 on."""
WEIGHTS = (0.25, 0.5)
"""The weights of simulated environments, if there are any."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--orders", type=int, default=16, help="fresh branch orders")
    parser.add_argument("--simulated", type=int, default=0, help="also choose by so many simulated environments")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    run, c = Run(arguments.run), Run(arguments.run).config
    recorded, sandbox = run.environments(simulated=False), ProcessSandbox(arguments.workers)
    cards = [
        card.model_copy(update={"complexity": complexity(run.archive.source(card.id))})
        for card in run.archive.cards() if card.ok
    ]  # fmt: skip
    orders, fresh_orders = (
        range(FIRST_SEARCH_ORDER, FIRST_SEARCH_ORDER + c.orders),
        range(FIRST, FIRST + arguments.orders),
    )
    searched = grid(recorded, c.betas, orders, c.max_branches, c.max_tokens)
    fresh = grid(recorded, c.betas, fresh_orders, c.max_branches, c.max_tokens)
    drawn = list(simulate(recorded, arguments.simulated, c.seed))

    def played(episodes: Episodes) -> dict[str, QuestionResults]:
        found = {}
        for card in cards:
            scores = evaluate(run.archive.source(card.id), episodes, sandbox).scores
            assert scores is not None, f"{card.id} ran in the search, but fails now"
            found[card.id] = QuestionResults.of(scores)
            print(f"{len(found)} of {len(cards)}: {card.id}", file=sys.stderr)
        return found

    before = {card.id: QuestionResults.of(score(searched, run.archive.logs(card.id))) for card in cards}
    after = played(fresh)
    others = played(grid(drawn, c.betas, orders, c.max_branches, c.max_tokens)) if drawn else {}
    _print_loss(cards, before, after)
    _print_rules(cards, {name: _joined(one, others.get(name)) for name, one in before.items()}, after)
    return 0


def _print_loss(cards: Sequence[Card], before: dict[str, QuestionResults], after: dict[str, QuestionResults]) -> None:
    """Print the optimism that the search estimates, and its true loss."""
    at = population.budgets(cards)
    found = optimism(cards, before.get)
    assert found is not None, "there are too few questions"
    print("\n".join(describe_optimism(found)))
    change = {card.id: _quality(after[card.id], at) - _quality(before[card.id], at) for card in cards}
    common = median(change[card.id] for card in cards if card.generation == 0)
    lost = common - change[found[0].id]
    print(
        f"on fresh orders its quality changes by {change[found[0].id]:+.2f}, that of the hand-written ones by "
        f"{common:+.2f} (median): it has lost {lost:.2f} against them"
    )


def _print_rules(cards: Sequence[Card], before: dict[str, QuestionResults], after: dict[str, QuestionResults]) -> None:
    """Print the quality, on fresh orders, of versions chosen without the questions or models that measure them."""
    at, place = population.budgets(cards), {card.id: v for v, card in enumerate(cards)}
    anchors = [SELF if c.generation == 0 else place.get(next(iter(c.parents), ""), MEAN) for c in cards]
    simple = [card.size for card in cards]
    truth = panel([after[card.id] for card in cards], at)
    gain = truth.values - truth.values.mean(axis=0)
    any_drawn = any(len(before[c.id].question) > truth.values.shape[1] for c in cards[:1])
    print("mean quality over that of all versions, on fresh orders, of what is chosen without the same")
    print(f"{'':48} {'questions':>10} {'model':>10} {'both':>10} {'(neither)':>10}")
    for weight in (0.0, *(WEIGHTS if any_drawn else ())):
        these = panel([before[card.id] for card in cards], at, weight)
        name = f", simulated {weight:.0%}" if weight else ""
        rules: dict[str, Callable[[Bools], int]] = {
            "best figure": lambda cells, p=these: int(np.argmax(p.values @ (p.weights * cells))),
            "best believed": lambda cells, p=these: int(np.argmax(shrink(p, anchors, cells).quality)),
            "best believed, simpler if alike": lambda cells, p=these: _preferred(p, anchors, simple, cells),
        }  # fmt: skip
        for label, rule in rules.items():
            figures = [f"{_worth(rule, these, gain, *way):+10.3f}" for way in ((1, 0), (0, 1), (1, 1), (0, 0))]
            print(f"{label + name:48} {' '.join(figures)}")


def _preferred(these: QualityPanel, anchors: Sequence[int], simple: Sequence[int], cells: Bools) -> int:
    found = shrink(these, anchors, cells)
    return preferred(found.quality, found.noise, simple)[0]


def _worth(rule: Callable[[Bools], int], these: QualityPanel, gain: Floats, questions: int, models: int) -> float:
    """Return the mean gain on recorded cells, each for the version that ``rule`` chooses without its group."""
    recorded = np.flatnonzero(these.recorded)
    total = []
    groups = int(these.question[recorded].max()) + 1
    for parts in partitions(groups) if questions else [[np.arange(0)]]:
        worth = np.zeros(len(these.weights))
        for part in parts:
            for model in np.unique(these.environment[recorded]) if models else [None]:
                asked = these.recorded & (np.isin(these.question, part) if questions else True)
                mine = asked & (True if model is None else these.environment == model)
                seen = ~asked if questions else np.ones(len(mine), bool)
                seen &= True if model is None else these.origin != model
                if mine.any():
                    worth[mine] = gain[rule(seen), mine[recorded]]
        total.append(worth[recorded].mean())
    return float(np.mean(total))


def _quality(figures: QuestionResults, at: Floats) -> float:
    these = panel([figures], at)
    return float(these.values[0] @ these.weights)


def _joined(one: QuestionResults, two: QuestionResults | None) -> QuestionResults:
    """Return the results of both batches as one."""
    if two is None:
        return one
    return replace(
        one,
        environments=one.environments + two.environments,
        environment=np.concatenate([one.environment, two.environment + len(one.environments)]),
        question=np.concatenate([one.question, two.question]),
        right=np.concatenate([one.right, two.right], axis=1),
        tokens=np.concatenate([one.tokens, two.tokens], axis=1),
    )


if __name__ == "__main__":
    sys.exit(main())
