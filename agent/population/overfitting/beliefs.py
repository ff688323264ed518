"""The beliefs of a population: the figures by which versions are ranked, bred and chosen in place of the raw ones."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from envs.statistics import Floats

from ...records.belief import Belief
from ...records.card import Card
from ...records.version import ScalingCurve
from ..pareto import budgets, qualities
from .contributions import Contribution, PanelCells, joined
from .crossvalidation import CrossValidated, cross_validated
from .question_results import QuestionResults
from .shrinkage import MEAN, SELF, shrink

ResultsLoader = Callable[[str], QuestionResults | None]
"""Returns the figures of a version, by its id; None if there are none."""
ContributionCache = dict[str, Contribution]
"""What versions contribute, by their ids."""


def with_beliefs(cards: Sequence[Card], read: ResultsLoader, kept: ContributionCache | None = None) -> list[Card]:
    """Return ``cards``, with what is believed of each (`Card.belief`) where its figures can be read.

    What was written by hand was not chosen for its figures, so they stand; all others are drawn towards their first
    parent, or towards the mean of all where that did not run.

    Args:
        cards: in any order.
        read: asked for the figures of those whose contributions are not known yet.
        kept: contributions that are known, by version: those that were not are added.
    """
    at = budgets(cards)
    pairs = list(_contributions(cards, at, read, {} if kept is None else kept))
    alike = [(card, row) for card, row in pairs if _cells(row.cells) == _cells(pairs[0][1].cells)]
    able, rows = [card for card, _ in alike], [row for _, row in alike]
    if not able:
        return list(cards)
    these = joined(rows)
    found = shrink(these, _anchors(able))
    measured = qualities(able, at)
    # simulated questions are easier or harder than the recorded ones: what is common to all versions is left out
    common = (these.values @ these.weights - measured).mean()
    curves = _less([card.mean_curve for card in able], measured + common - found.quality)
    noise = [array("d", row.tobytes()) for row in found.noise]
    rest = zip(curves, found.factor.tolist(), found.error.tolist(), noise, strict=True)
    beliefs = {card.id: Belief(*each) for card, each in zip(able, rest, strict=True)}
    return [card.model_copy(update={"belief": beliefs[card.id]}) if card.id in beliefs else card for card in cards]


def _contributions(
    cards: Sequence[Card], at: Floats, read: ResultsLoader, kept: ContributionCache
) -> Iterator[tuple[Card, Contribution]]:
    """Yield the versions with figures, in an order of their own, and what they contribute at the budgets ``at``."""
    share: float | None = None
    for card in _by_age(cards):
        weight, row = card.protocol.simulated if share is None else share, kept.get(card.id)
        if row is None or not row.holds(at, weight):
            figures = read(card.id)
            if figures is None:
                continue
            row = kept[card.id] = Contribution.of(figures, at, weight)
        share = weight
        yield card, row


def _less(curves: Sequence[ScalingCurve], luck: Floats) -> list[ScalingCurve]:
    """Return ``curves`` with all accuracies lower by ``luck``, (curves,)."""
    ends = np.cumsum([0, *map(len, curves)])
    values = np.concatenate([curve.values for curve in curves])
    values[:, 1] = np.minimum(np.maximum(values[:, 1] - np.repeat(luck, np.diff(ends)), 0.0), 100.0)
    return [ScalingCurve(values[a:b]) for a, b in pairwise(ends.tolist())]


def optimism(cards: Sequence[Card], read: ResultsLoader) -> tuple[Card, CrossValidated] | None:
    """Return the version that the search would choose, and what that choice is worth where it was not made.

    It is chosen among what was discovered, or among all if nothing was. None without figures, or for one question.
    """
    able, figures = _comparable(cards, read)
    if not able:
        return None
    discovered = np.array([card.generation > 0 for card in able])
    candidates = discovered if discovered.any() else ~discovered
    simple = [card.size for card in able]
    found = cross_validated(figures, budgets(cards), _anchors(able), simple, candidates, able[0].protocol.simulated)
    return (able[found.version], found) if found else None


def _comparable(cards: Sequence[Card], read: ResultsLoader) -> tuple[list[Card], list[QuestionResults]]:
    """Return the versions with figures, and these, of the same questions as the first: in an order of their own."""
    pairs = [(card, figures) for card in _by_age(cards) if (figures := read(card.id)) is not None]
    wanted = _cells(pairs[0][1]) if pairs else None
    alike = [pair for pair in pairs if _cells(pair[1]) == wanted]
    return [card for card, _ in alike], [figures for _, figures in alike]


def _by_age(cards: Sequence[Card]) -> list[Card]:
    return sorted((card for card in cards if card.ok), key=lambda card: (card.generation, card.id))


def _cells(cells: PanelCells | QuestionResults) -> tuple[tuple[str, ...], bytes]:
    return cells.environments, cells.environment.tobytes()


def _anchors(cards: Sequence[Card]) -> list[int]:
    place = {card.id: v for v, card in enumerate(cards)}
    return [SELF if card.generation == 0 else place.get(next(iter(card.parents), ""), MEAN) for card in cards]
