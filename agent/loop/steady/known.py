"""The versions of a steady-state search in the order of their admission, as they were known at any moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from autotts.sandbox.steps import EvaluationSteps

from ...records.candidate import CandidateRecord
from ...records.card import Card
from ..candidate_store import CandidateStore
from ..evaluation import CandidateEvaluator

_KEPT = 8
"""Moments that are kept in memory."""


class Knowledge(NamedTuple):
    """What was known after a number of admissions."""

    cards: Sequence[Card]
    """Of generation 0, and of the admitted versions in their order, with the beliefs of that moment."""
    steps: EvaluationSteps | None
    """The steps in which a candidate is evaluated after these."""


class AdmittedVersions:
    """The admitted versions, in order.

    Args:
        store: the versions of the run.
        evaluator: derives the steps of an evaluation from the versions before it.
    """

    def __init__(self, store: CandidateStore, evaluator: CandidateEvaluator) -> None:
        self._store, self._evaluator = store, evaluator
        self.order: list[str] = []
        """Ids in the order of admission, without generation 0."""
        self._cards: dict[str, Card] = {}
        self._kept: OrderedDict[int, Knowledge] = OrderedDict()

    def add(self, version: str) -> None:
        """Add the version that is admitted next."""
        self.order.append(version)

    def after(self, count: int, candidate: CandidateRecord | None = None) -> Knowledge:
        """Return what was known after ``count`` admissions; the latest answers are kept.

        Args:
            count: at most the number of `order`.
            candidate: any candidate, for the steps; None may leave them out.
        """
        kept = self._kept.get(count)
        if kept is None or (candidate is not None and kept.steps is None):
            cards = self.cards(count) if kept is None else kept.cards
            kept = Knowledge(cards, self._evaluator.steps(candidate, cards) if candidate is not None else None)
            self._kept[count] = kept
        self._kept.move_to_end(count)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept

    def cards(self, count: int) -> Sequence[Card]:
        """Return the cards after ``count`` admissions, with the beliefs of that moment."""
        return self._store.archive.with_beliefs(self.plain(count))

    def plain(self, count: int) -> Sequence[Card]:
        """Return the cards after ``count`` admissions, without beliefs."""
        wanted = self.order[:count]
        if any(version not in self._cards for version in wanted) or not self._cards:
            self._cards = {card.id: card for card in self._store.archive.cards()}
        first = [card for card in self._cards.values() if card.generation == 0]
        return [*first, *(self._cards[version] for version in wanted)]
