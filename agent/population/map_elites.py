"""The quality-diversity archive: for every way of behaving, and every budget, the most accurate version (MAP-Elites).

A version's cell is how wide, how deep, how sparing and how parallel it is (Mouret and Clune 2015, arXiv 1504.04909);
the elites of a cell are those that attain the highest accuracy at each of some token budgets. The grid is our own, for
`ribs` wants numba, pandas, SciPy and scikit-learn: fifty times the size of this program.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.statistics import Floats

from ..records.card import Card
from .pareto import attained_by

SIDES = 3
"""Parts into which each descriptor's range is cut."""
BANDS = 4
"""Budgets at which a cell has an elite, spread evenly over the logarithm of tokens."""

Cell = tuple[int, ...]


def descriptors(cards: Sequence[Card]) -> Floats:
    """Return (cards, 4) width and depth on the logarithm, the part of tokens given up, and latency's part of tokens."""
    rows = [
        (np.log(max(1.0, b.width)), np.log(max(1.0, b.depth)), b.pruned, b.latency)
        for card in cards
        if (b := card.behaviour) is not None
    ]
    return np.array(rows, float).reshape(-1, 4)


def edges(cards: Sequence[Card]) -> tuple[Floats, Floats]:
    """Return the lowest and the highest of each descriptor among the hand-written controllers; else of all."""
    described = [card for card in cards if card.ok and card.behaviour is not None]
    found = descriptors([card for card in described if card.generation == 0] or described)
    return (found.min(axis=0), found.max(axis=0)) if len(found) else (np.zeros(4), np.ones(4))


def scaled(cards: Sequence[Card], between: tuple[Floats, Floats]) -> Floats:
    """Return (cards, 4) descriptors in [0, 1] between the edges, and 0 or 1 beyond them."""
    low, high = between
    return np.clip((descriptors(cards) - low) / np.maximum(high - low, 1e-9), 0, 1)


def grid(cards: Sequence[Card], between: tuple[Floats, Floats], budgets: Floats) -> dict[Cell, Card]:
    """Return the elites by cell: four sides, then the band of the budget.

    Args:
        cards: in the order that decides between equals. Those without descriptors are left out.
        between: see `edges`.
        budgets: of `frontier.budgets`.
    """
    described = [card for card in cards if card.ok and card.behaviour is not None]
    at = np.geomspace(budgets[0], budgets[-1], 2 * BANDS + 1)[1::2]
    places = np.minimum(SIDES - 1, np.floor(scaled(described, between) * SIDES)).astype(int).tolist()
    found: dict[Cell, tuple[float, Card]] = {}
    reached = attained_by([card.believed_curve for card in described], at).tolist()
    for card, place, accuracies in zip(described, places, reached, strict=True):
        for band, accuracy in enumerate(accuracies):
            cell = (*place, band)
            if cell not in found or accuracy > found[cell][0]:
                found[cell] = (accuracy, card)
    return {cell: card for cell, (_, card) in sorted(found.items(), key=lambda item: item[0])}
