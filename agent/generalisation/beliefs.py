"""The beliefs of a population: the figures by which versions are ranked, bred and chosen in place of the raw ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..population.frontier import attained, budgets
from ..versions.belief import Belief
from ..versions.cards import Card
from ..versions.version import CurvePoint
from .contributions import panel
from .crossvalidation import CrossValidated, cross_validated
from .figures import Figures
from .shrinkage import MEAN, SELF, shrunk

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
    at, share = budgets(cards), able[0].protocol.simulated
    these = panel(figures, at, share)
    found = shrunk(these, _anchors(able))
    measured = np.array([attained(card.mean_curve, at).mean() for card in able])
    # simulated questions are easier or harder than the recorded ones: what is common to all versions is left out
    common = (these.values @ these.weights - measured).mean()
    luck = (measured + common - found.quality).tolist()
    beliefs = {
        card.id: Belief(
            _less(card.mean_curve, luck[v]),
            float(found.factor[v]),
            float(found.error[v]),
            tuple(found.noise[v].tolist()),
        )
        for v, card in enumerate(able)
    }
    return [card.model_copy(update={"belief": beliefs[card.id]}) if card.id in beliefs else card for card in cards]


def _less(curve: Sequence[CurvePoint], luck: float) -> tuple[CurvePoint, ...]:
    """Return ``curve`` with all accuracies lower by ``luck``."""
    return tuple(CurvePoint(p.beta, min(max(p.accuracy - luck, 0.0), 100.0), p.tokens, p.latency) for p in curve)


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
    wanted = _cells(pairs[0][1]) if pairs else None
    alike = [pair for pair in pairs if _cells(pair[1]) == wanted]
    return [card for card, _ in alike], [figures for _, figures in alike]


def _cells(figures: Figures) -> tuple[tuple[str, ...], bytes]:
    return figures.environments, figures.environment.tobytes()


def _anchors(cards: Sequence[Card]) -> list[int]:
    place = {card.id: v for v, card in enumerate(cards)}
    return [SELF if card.generation == 0 else place.get(next(iter(card.parents), ""), MEAN) for card in cards]
