"""Stops a candidate early: compares it, on the episodes that it has run, with the present front."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from autotts.envs.episodes import Episodes
from autotts.envs.scoring import Scores
from autotts.envs.statistics import Floats
from autotts.sandbox.outcome import Verdict
from autotts.sandbox.steps import EvaluationSteps

from ... import population
from ...records.card import Card
from ..final_evaluation import FINALISTS
from . import bound, rungs
from .bound import ScreeningReference
from .rungs import Ints

_SURE = 0.001
"""Risk below which a message does not give the exact risk."""
_REMEMBERED = 64
"""Versions, beside those of the front, whose results stay in memory; they are large."""


class Screener:
    """Judges candidates while they run, and stops those that cannot reach the front.

    Args:
        episodes: the episodes by which curves are measured, with which the batch of an evaluation begins.
        size: the number of episodes of the whole batch. The episodes after ``episodes`` run last, without a judgement.
        scores: returns the scores of a version on ``episodes``, by its id.
        risk: the probability, over all judgements, of stopping a candidate that would have reached the front.
        seed: seed of the order in which episodes run, which is the same for all candidates.
        latency: whether latency is an objective too.
    """

    def __init__(
        self,
        episodes: Episodes,
        size: int,
        scores: Callable[[str], Scores],
        risk: float,
        seed: int,
        latency: bool = False,
    ) -> None:
        self.episodes, self.risk = episodes, risk
        self.order = np.concatenate([rungs.order(episodes, seed), np.arange(len(episodes), size)])
        self.ends = [*rungs.looks(episodes), size]
        self._scores, self._latency = scores, latency
        self._remembered: OrderedDict[tuple[str, str], tuple[Floats, Floats]] = OrderedDict()

    def steps(self, cards: Sequence[Card]) -> EvaluationSteps | None:
        """Return the steps in which a candidate is evaluated after ``cards``; None if it cannot be judged early."""
        reference = self.reference(cards) if len(self.ends) > 1 else None
        if reference is None:
            return None

        def judge(seen: Ints, scores: Scores) -> Verdict:
            return screening_verdict(reference, seen, *self.earned(scores), self.risk / (len(self.ends) - 1))

        return EvaluationSteps(self.order, self.ends, judge)

    def reference(self, cards: Sequence[Card]) -> ScreeningReference | None:
        """Return the front of ``cards``; None if there is none."""
        front, ranked = population.front(cards, latency=self._latency), population.ranked(cards)
        if not front:
            return None
        space = population.space(cards, self._latency)
        results = [self._results(card) for card in front]
        self._forget(len(front) + _REMEMBERED)
        points = [(p.accuracy, p.tokens, p.latency) for card in front for p in card.believed_curve]
        return ScreeningReference(
            episodes=self.episodes,
            correct=np.mean([correct for correct, _ in results], axis=0),
            cost=np.mean([cost for _, cost in results], axis=0),
            points=np.array(points)[:, : 3 if self._latency else 2],
            least=np.array([space.budgets[0], *(space.latency or ())[:1]]),
            budgets=space.budgets,
            finalist=population.merit(ranked[:FINALISTS][-1], space.budgets),
        )

    def earned(self, scores: Scores) -> tuple[Floats, Floats]:
        """Return (n,) 1 for each episode answered right, else 0, and (n, K) the cost."""
        cost = [scores.tokens, *([scores.latency] if self._latency else [])]
        return scores.correct.astype(float), np.stack(cost, axis=1).astype(float)

    def remember(self, card: Card, scores: Scores) -> None:
        """Keep the results of a version that was just evaluated, so that its logs need not be scored again.

        Args:
            card: the card of the version.
            scores: its scores on the screener's episodes.
        """
        self._remembered[_key(card)] = self.earned(scores)

    def _results(self, card: Card) -> tuple[Floats, Floats]:
        """Return the `earned` results of a version, and mark them as used last."""
        key = _key(card)
        if key not in self._remembered:
            self._remembered[key] = self.earned(self._scores(card.id))
        self._remembered.move_to_end(key)
        return self._remembered[key]

    def _forget(self, most: int) -> None:
        while len(self._remembered) > most:
            self._remembered.popitem(last=False)


def _key(card: Card) -> tuple[str, str]:
    """Return the decisions and the protocol of a version, from which its results follow."""
    decisions = card.behaviour.decisions if card.behaviour else card.source_sha256  # the decisions follow from it
    return decisions, card.protocol.key()


def screening_verdict(reference: ScreeningReference, seen: Ints, correct: Floats, cost: Floats, risk: float) -> Verdict:
    """Return ok, or ``screened`` if a candidate cannot reach the front.

    Args:
        reference: the front.
        seen: (n,) indices of the episodes that the candidate has played.
        correct: (n,) 1 for each episode that it answered right, else 0.
        cost: (n, K) its cost.
        risk: the probability that this judgement stops a candidate that would have reached the front.
    """
    estimate = bound.estimate_curve(reference, seen, correct, cost)
    if not bound.cannot_reach_front(reference, estimate, risk):
        return Verdict("ok")
    behind = bound.behind(reference, estimate.accuracy, estimate.cost)
    sure = bound.risk_of(reference, estimate)
    return Verdict(
        "screened",
        f"after {len(seen):,} of {len(reference.episodes):,} episodes: {behind:.1f} points below the front at every "
        f"budget, p {'<' if sure < _SURE else '='} {max(sure, _SURE):.3f}",
    )
