"""Beliefs: estimates of versions' true quality, which replace the measured quality in ranking and selection."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from autotts.envs.statistics import Floats

from ...records.belief import Belief
from ...records.card import Card
from ...records.version import ScalingCurve
from ..pareto import budgets, qualities
from .contributions import Contribution, PanelCells, joined
from .crossvalidation import CrossValidated, cross_validated
from .question_results import QuestionResults
from .shrinkage import MEAN, SELF, shrink

ResultsLoader = Callable[[str], QuestionResults | None]
"""Returns the results of a version, by its id; None if there are none."""
ContributionCache = dict[str, Contribution]
"""The contributions of versions, by id."""


def with_beliefs(cards: Sequence[Card], read: ResultsLoader, kept: ContributionCache | None = None) -> list[Card]:
    """Return ``cards`` with a belief (`Card.belief`) for each version whose results can be read.

    Hand-written versions were not selected by their results, so their results stand. Every other version is shrunk
    towards its first parent, or towards the mean of all versions if the parent did not run.

    Args:
        cards: in any order.
        read: called for versions whose contributions are not in ``kept``.
        kept: cache of contributions by version; new ones are added.
    """
    at = budgets(cards)
    pairs = list(_contributions(cards, at, read, {} if kept is None else kept))
    alike = [(card, row) for card, row in pairs if _cells(row.cells) == _cells(pairs[0][1].cells)]
    able, rows = [card for card, _ in alike], [row for _, row in alike]
    if not able:
        return list(cards)
    these = joined(rows)
    estimate = shrink(these, _anchors(able))
    measured = qualities(able, at)
    # simulated questions may be easier or harder than recorded ones: the difference common to all versions is removed
    common = (these.values @ these.weights - measured).mean()
    curves = _less([card.mean_curve for card in able], measured + common - estimate.quality)
    noise = [array("d", row.tobytes()) for row in estimate.noise]
    rest = zip(curves, estimate.factor.tolist(), estimate.error.tolist(), noise, strict=True)
    beliefs = {card.id: Belief(*each) for card, each in zip(able, rest, strict=True)}
    return [card.model_copy(update={"belief": beliefs[card.id]}) if card.id in beliefs else card for card in cards]


def _contributions(
    cards: Sequence[Card], at: Floats, read: ResultsLoader, kept: ContributionCache
) -> Iterator[tuple[Card, Contribution]]:
    """Yield the versions that have results, by age, and their contributions at the token budgets ``at``."""
    share: float | None = None
    for card in _by_age(cards):
        weight, row = card.protocol.simulated if share is None else share, kept.get(card.id)
        if row is None or not row.holds(at, weight):
            results = read(card.id)
            if results is None:
                continue
            row = kept[card.id] = Contribution.of(results, at, weight)
        share = weight
        yield card, row


def _less(curves: Sequence[ScalingCurve], luck: Floats) -> list[ScalingCurve]:
    """Return ``curves`` with every accuracy lowered by the curve's ``luck``, (curves,) in points."""
    ends = np.cumsum([0, *map(len, curves)])
    values = np.concatenate([curve.values for curve in curves])
    values[:, 1] = np.minimum(np.maximum(values[:, 1] - np.repeat(luck, np.diff(ends)), 0.0), 100.0)
    return [ScalingCurve(values[a:b]) for a, b in pairwise(ends.tolist())]


def optimism(cards: Sequence[Card], read: ResultsLoader) -> tuple[Card, CrossValidated] | None:
    """Return the version that the search would choose, and the cross-validated value of that choice.

    The choice is among discovered versions, or among all versions if none was discovered. None if there are no results
    or fewer than two questions.
    """
    able, results = _comparable(cards, read)
    if not able:
        return None
    discovered = np.array([card.generation > 0 for card in able])
    candidates = discovered if discovered.any() else ~discovered
    simple = [card.size for card in able]
    validated = cross_validated(results, budgets(cards), _anchors(able), simple, candidates, able[0].protocol.simulated)
    return (able[validated.version], validated) if validated else None


def _comparable(cards: Sequence[Card], read: ResultsLoader) -> tuple[list[Card], list[QuestionResults]]:
    """Return the versions with results for the same questions as the first such version, by age, and the results."""
    pairs = [(card, results) for card in _by_age(cards) if (results := read(card.id)) is not None]
    wanted = _cells(pairs[0][1]) if pairs else None
    alike = [pair for pair in pairs if _cells(pair[1]) == wanted]
    return [card for card, _ in alike], [results for _, results in alike]


def _by_age(cards: Sequence[Card]) -> list[Card]:
    return sorted((card for card in cards if card.ok), key=lambda card: (card.generation, card.id))


def _cells(cells: PanelCells | QuestionResults) -> tuple[tuple[str, ...], bytes]:
    return cells.environments, cells.environment.tobytes()


def _anchors(cards: Sequence[Card]) -> list[int]:
    place = {card.id: v for v, card in enumerate(cards)}
    return [SELF if card.generation == 0 else place.get(next(iter(card.parents), ""), MEAN) for card in cards]
