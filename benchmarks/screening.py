"""Measures the losses and savings of screening on a recorded run: `python -m benchmarks.screening RUN [--draws N]`.

Screens each version against the versions of earlier generations, as if it were tried again, with many draws of the
order of episodes. Screens poor controllers (`benchmarks.poor`), which are rare in a good run, against all its versions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autotts.agent import population
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_report import FINALISTS
from autotts.agent.loop.screening import bound, rungs
from autotts.agent.loop.screening.bound import ScreeningReference
from autotts.agent.loop.screening.screen import Screener
from autotts.agent.population.overfitting.beliefs import with_beliefs
from autotts.agent.population.overfitting.question_results import QuestionResults
from autotts.agent.records.card import Card
from autotts.envs.scoring import Scores, score
from autotts.envs.statistics import MEAN, curve
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from benchmarks.poor import POOR

POINTS = 10.0
"""A controller counts as poor if it lies at least this many points of accuracy below the front at every budget."""


@dataclass(frozen=True)
class Cost:
    """The cost of a candidate under screening."""

    behind: float
    """Points below the front at every budget, measured on the whole batch; negative if one of its points is above."""
    shares: np.ndarray
    """The share of the episodes after which the candidate is stopped, for each draw of the order; 1 if it is not."""

    @property
    def lost(self) -> float:
        """The share of draws in which the candidate is stopped."""
        return float(np.mean(self.shares < 1))


class Trials:
    """Tries candidates on many draws of the order of episodes."""

    def __init__(self, run: Run, draws: int) -> None:
        self.run, self.episodes = run, run.episodes(run.environments(simulated=False))
        logs = run.archive.logs
        ran = [card.id for card in run.archive.cards() if card.ok]
        self.scores = {name: score(self.episodes, logs(name).part(0, len(self.episodes))) for name in ran}
        self._figures = {name: QuestionResults.of(scores) for name, scores in self.scores.items()}
        risk, size = run.config.screening_risk, len(self.episodes)
        self.screening = Screener(self.episodes, size, self.scores.__getitem__, risk, 0, run.config.latency)
        self.orders = [rungs.order(self.episodes, seed) for seed in range(draws)]

    def cards(self, generation: int) -> list[Card]:
        """Return the cards of all versions up to and including a generation, with their believed qualities."""
        cards = [card for card in self.run.archive.cards() if card.ok and card.generation <= generation]
        return list(with_beliefs(cards, self._figures.get))

    def cost(self, scores: Scores, control: ScreeningReference) -> Cost:
        """Return the cost of a candidate with ``scores`` when it is screened against ``control``."""
        several = len(self.episodes.environments) > 1
        mean = [point for point in curve(scores) if not several or point.environment == MEAN]
        points = np.array([(p.accuracy_pct, p.mean_tokens, p.mean_latency) for p in mean])
        behind = bound.behind(control, points[:, 0], points[:, 1 : control.points.shape[1]])
        return Cost(behind, np.array([self._share(scores, control, order) for order in self.orders]))

    def _share(self, scores: Scores, control: ScreeningReference, order: rungs.Ints) -> float:
        correct, cost = self.screening.earned(scores)
        looks = self.screening.ends[:-1]
        for n in looks:
            seen = order[:n]
            found = bound.estimate_curve(control, seen, correct[seen], cost[seen])
            if bound.cannot_reach_front(control, found, self.screening.risk / len(looks)):
                return n / len(order)
        return 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    trials = Trials(Run(arguments.run), arguments.draws)
    looks = ", ".join(f"{n:,}" for n in trials.screening.ends[:-1])
    print(f"{arguments.run}: {len(trials.episodes):,} episodes, looked at after {looks}; {arguments.draws} draws")
    recorded(trials)
    poor(trials)


def recorded(trials: Trials) -> None:
    """Print the losses among the run's own versions, and the savings."""
    last = max(card.generation for card in trials.cards(1 << 30))
    end = [card for card in population.ranked(trials.cards(last)) if card.generation > 0][:FINALISTS]
    good, rest = [], []
    for generation in range(1, last + 1):
        control = trials.screening.reference(trials.cards(generation - 1))
        assert control is not None
        until = trials.cards(generation)
        chosen = {c.id for c in (*population.front(until, latency=trials.run.config.latency), *end)}
        for card in (card for card in until if card.generation == generation):
            (good if card.id in chosen else rest).append(trials.cost(trials.scores[card.id], control))
    print(f"\n{len(good)} versions entered the front or the last choice, {len(rest)} did not")
    print(f"  lost of those that did    {mean_lost(good)} of (version, draw); bound {trials.screening.risk:.2%}")
    print(f"  given up of the others    {mean_lost(rest)}")
    print(f"  episodes saved in all     {1 - np.mean([cost.shares for cost in (*good, *rest)]):.2%}")


def poor(trials: Trials) -> None:
    """Print the cost of poor controllers when they are screened at the end of the run."""
    control = trials.screening.reference(trials.cards(1 << 30))
    assert control is not None
    print(f"\n{'poor controllers':26} {'behind':>7} {'given up':>9} {'cost':>8}")
    costs = []
    for name, source in POOR.items():
        scores = evaluate(source, trials.episodes, ProcessSandbox(2)).scores
        assert scores is not None
        found = trials.cost(scores, control)
        print(f"{name:26} {found.behind:7.1f} {found.lost:9.0%} {found.shares.mean():8.2%}")
        if found.behind >= POINTS:
            costs.append(found.shares.mean())
    print(f"{POINTS:g} points below the front or more at every budget: {np.mean(costs):.2%} of a full evaluation")


def mean_lost(costs: Sequence[Cost]) -> str:
    return f"{np.mean([cost.lost for cost in costs]):.2%}" if costs else "none"


if __name__ == "__main__":
    main()
