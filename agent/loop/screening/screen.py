"""Whether a candidate is worth more episodes: held, on those that it has run, against the present front."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from envs.episodes import Episodes, Logs
from envs.scoring import Scores, score
from envs.statistics import Floats
from sandbox.outcome import Verdict
from sandbox.steps import EvaluationSteps

from ... import population
from ...records.card import Card
from ..final_evaluation import FINALISTS
from . import bound, rungs
from .bound import ScreeningReference
from .rungs import Ints

_SURE = 0.001
"""Risk below which only that is said."""


class Screener:
    """Looks at candidates while they run, and gives up those that cannot come up to the front.

    Args:
        episodes: those by which curves are measured, which are the first of the batch on which candidates are tried.
        size: of the whole batch: the rest is run at the end, without another look.
        logs: returns those of a version on ``episodes``, by its id.
        risk: of giving up a candidate, over all looks at it, that would have come up to the front.
        seed: of the order in which episodes are run: the same for all candidates.
        latency: whether latency is an objective too.
    """

    def __init__(
        self, episodes: Episodes, size: int, logs: Callable[[str], Logs], risk: float, seed: int, latency: bool = False
    ) -> None:
        self.episodes, self.risk = episodes, risk
        self.order = np.concatenate([rungs.order(episodes, seed), np.arange(len(episodes), size)])
        self.ends = [*rungs.looks(episodes), size]
        self._logs, self._latency = logs, latency
        self._known: dict[tuple[str, str], tuple[Floats, Floats]] = {}

    def steps(self, cards: Sequence[Card]) -> EvaluationSteps | None:
        """Return how a candidate is tried after ``cards``; None where there is nothing to hold it against."""
        control = self.control(cards)
        if control is None or len(self.ends) == 1:
            return None

        def judge(seen: Ints, scores: Scores) -> Verdict:
            return screening_verdict(control, seen, *self.earned(scores), self.risk / (len(self.ends) - 1))

        return EvaluationSteps(self.order, self.ends, judge)

    def control(self, cards: Sequence[Card]) -> ScreeningReference | None:
        """Return the front of ``cards``; None if there is none."""
        front, ranked = population.front(cards, latency=self._latency), population.ranked(cards)
        if not front:
            return None
        space = population.space(cards, self._latency)
        self._known = {self._key(card): self._of(card) for card in front}  # and of no others: they are large
        known = [self._known[self._key(card)] for card in front]
        points = [(p.accuracy, p.tokens, p.latency) for card in front for p in card.believed_curve]
        return ScreeningReference(
            episodes=self.episodes,
            correct=np.mean([correct for correct, _ in known], axis=0),
            cost=np.mean([cost for _, cost in known], axis=0),
            points=np.array(points)[:, : 3 if self._latency else 2],
            least=np.array([space.budgets[0], *(space.latency or ())[:1]]),
            budgets=space.budgets,
            finalist=population.merit(ranked[:FINALISTS][-1], space.budgets),
        )

    def earned(self, scores: Scores) -> tuple[Floats, Floats]:
        """Return (n,) 1 for each episode that is right, else 0, and (n, K) what it cost."""
        cost = [scores.tokens, *([scores.latency] if self._latency else [])]
        return scores.correct.astype(float), np.stack(cost, axis=1).astype(float)

    def _of(self, card: Card) -> tuple[Floats, Floats]:
        """Return what a version has earned, which is known by its decisions and by what it was measured on."""
        key = self._key(card)
        return self._known[key] if key in self._known else self.earned(score(self.episodes, self._logs(card.id)))

    def _key(self, card: Card) -> tuple[str, str]:
        decisions = card.behaviour.decisions if card.behaviour else card.source_sha256  # which they follow from
        return decisions, card.protocol.key()


def screening_verdict(control: ScreeningReference, seen: Ints, correct: Floats, cost: Floats, risk: float) -> Verdict:
    """Return ok, or ``screened`` if a candidate cannot come up to the front.

    Args:
        control: the front.
        seen: (n,) episodes of the batch.
        correct: (n,) 1 for each of them that the candidate has right, else 0.
        cost: (n, K) what it has spent in them.
        risk: of this look, that it could have.
    """
    found = bound.estimate_curve(control, seen, correct, cost)
    if not bound.cannot_reach_front(control, found, risk):
        return Verdict("ok")
    behind = bound.behind(control, found.accuracy, found.cost)
    sure = bound.risk_of(control, found)
    return Verdict(
        "screened",
        f"after {len(seen):,} of {len(control.episodes):,} episodes: {behind:.1f} points below the front at every "
        f"budget, p {'<' if sure < _SURE else '='} {max(sure, _SURE):.3f}",
    )
