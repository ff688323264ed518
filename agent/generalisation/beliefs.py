"""The beliefs of a population: the figures by which versions are ranked, bred and chosen in place of the raw ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..cards import Card
from ..explorers.base import CurvePoint
from ..population.frontier import attained, budgets
from .belief import Belief
from .contributions import cell_weights, panel
from .crossvalidation import CrossValidated, cross_validated
from .figures import Figures, Floats
from .shrinkage import MEAN, SELF, anchors_first, shrunk

_POINTS = 64
"""Points of the mean curve."""
Reader = Callable[[str], Figures | None]
"""Returns the figures of a version, by its id; None if there are none."""


def believed(cards: Sequence[Card], read: Reader) -> list[Card]:
    """Return ``cards``, with what is believed of each (`Card.belief`) where its figures can be read.

    What was written by hand was not chosen for its figures, so they stand; all others are drawn towards their first
    parent, or towards the mean of all where that did not run.
    """
    able, figures = _comparable(cards, read)
    if not able:
        return list(cards)
    at, share, anchors = budgets(cards), able[0].protocol.simulated, _anchors(able)
    found = shrunk(panel(figures, at, share), anchors)
    curves = _curves(able, figures, anchors, found.factor, share)
    beliefs = {
        card.id: Belief(tuple(curves[v]), float(found.factor[v]), float(found.error[v]), tuple(found.noise[v].tolist()))
        for v, card in enumerate(able)
    }
    return [card.model_copy(update={"belief": beliefs[card.id]}) if card.id in beliefs else card for card in cards]


def optimism(cards: Sequence[Card], read: Reader) -> tuple[Card, CrossValidated] | None:
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


def _comparable(cards: Sequence[Card], read: Reader) -> tuple[list[Card], list[Figures]]:
    """Return the versions with figures, and these, of the same questions as the first: in an order of their own."""
    ran = sorted((card for card in cards if card.ok), key=lambda card: (card.generation, card.id))
    pairs = [(card, figures) for card in ran if (figures := read(card.id)) is not None]
    alike = [pair for pair in pairs if _cells(pair[1]) == _cells(pairs[0][1])]
    return [card for card, _ in alike], [figures for _, figures in alike]


def _cells(figures: Figures) -> tuple[tuple[str, ...], bytes]:
    return figures.environments, figures.environment.tobytes()


def _anchors(cards: Sequence[Card]) -> list[int]:
    place = {card.id: v for v, card in enumerate(cards)}
    return [SELF if card.generation == 0 else place.get(next(iter(card.parents), ""), MEAN) for card in cards]


def _curves(
    cards: Sequence[Card], figures: Sequence[Figures], anchors: Sequence[int], factor: Floats, share: float
) -> list[list[CurvePoint]]:
    """Return the curves that are believed: each that of its anchor, and the believed part of its difference from it."""
    weights = cell_weights(figures[0], share)
    raw = [_measured(card, each, weights) for card, each in zip(cards, figures, strict=True)]
    common = _mean(raw)
    curves = list(raw)
    for v in anchors_first(anchors):
        if anchors[v] >= 0:
            curves[v] = _drawn(raw[v], raw[anchors[v]], curves[anchors[v]], float(factor[v]))
        elif anchors[v] == MEAN:
            curves[v] = _drawn(raw[v], common, common, float(factor[v]))
    return curves


def _mean(curves: Sequence[Sequence[CurvePoint]]) -> list[CurvePoint]:
    """Return the curve that is attained on the mean, from the fewest tokens of any point to the most."""
    tokens = [max(1.0, point.tokens) for curve in curves for point in curve]
    at = np.geomspace(min(tokens), max(tokens), _POINTS)
    middle = np.mean([attained(curve, at) for curve in curves], axis=0)
    return [CurvePoint(0.0, accuracy, t, 0.0) for accuracy, t in zip(middle.tolist(), at.tolist(), strict=True)]


def _measured(card: Card, figures: Figures, weights: Floats) -> list[CurvePoint]:
    """Return the curve over all cells, the simulated ones with their weight."""
    latency = {point.beta: point.latency for point in card.mean_curve}
    columns = (figures.betas, 100 * figures.right @ weights, figures.tokens @ weights)
    return [
        CurvePoint(beta, accuracy, tokens, latency.get(beta, tokens))
        for beta, accuracy, tokens in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _drawn(
    curve: Sequence[CurvePoint], anchor: Sequence[CurvePoint], believed: Sequence[CurvePoint], factor: float
) -> list[CurvePoint]:
    """Return what is believed of ``curve``, if ``believed`` is what is believed of ``anchor``."""
    tokens = np.array([max(1.0, point.tokens) for point in curve])
    apart = attained(curve, tokens) - attained(anchor, tokens)
    accuracies = np.clip(attained(believed, tokens) + factor * apart, 0.0, 100.0).tolist()
    return [
        CurvePoint(point.beta, accuracy, point.tokens, point.latency)
        for point, accuracy in zip(curve, accuracies, strict=True)
    ]
