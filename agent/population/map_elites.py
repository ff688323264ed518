"""The quality-diversity grid: the most accurate version for each kind of behaviour and each budget (MAP-Elites).

A version's cell is given by its width, depth, pruning and parallelism (Mouret and Clune 2015, arXiv 1504.04909). The
elites of a cell attain the highest accuracy at each of several token budgets. The grid is our own because `ribs` needs
numba, pandas, SciPy and scikit-learn, which together are fifty times the size of this program.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autotts.envs.statistics import Floats

from ..records.card import Card
from .pareto import attained_by

SIDES = 3
"""Bins per descriptor."""
BANDS = 4
"""Budgets at which each cell has an elite, evenly spaced on the logarithm of tokens."""

Cell = tuple[int, ...]


def descriptors(cards: Sequence[Card]) -> Floats:
    """Return (cards, 4): log width, log depth, the share of tokens in pruned branches, and latency over tokens."""
    rows = [
        (np.log(max(1.0, b.width)), np.log(max(1.0, b.depth)), b.pruned, b.latency)
        for card in cards
        if (b := card.behaviour) is not None
    ]
    return np.array(rows, float).reshape(-1, 4)


def edges(cards: Sequence[Card]) -> tuple[Floats, Floats]:
    """Return the minimum and maximum of each descriptor, (4,) each, over hand-written controllers; over all if none."""
    described = [card for card in cards if card.ok and card.behaviour is not None]
    rows = descriptors([card for card in described if card.generation == 0] or described)
    return (rows.min(axis=0), rows.max(axis=0)) if len(rows) else (np.zeros(4), np.ones(4))


def scaled(cards: Sequence[Card], between: tuple[Floats, Floats]) -> Floats:
    """Return (cards, 4) descriptors, scaled so that the edges are 0 and 1, and clipped to [0, 1]."""
    low, high = between
    return np.clip((descriptors(cards) - low) / np.maximum(high - low, 1e-9), 0, 1)


def grid(cards: Sequence[Card], between: tuple[Floats, Floats], budgets: Floats) -> dict[Cell, Card]:
    """Return the elite of each cell. A cell is four bin numbers and the index of a budget.

    Args:
        cards: the first of equals wins. Cards without descriptors are left out.
        between: see `edges`.
        budgets: see `pareto.budgets`.
    """
    described = [card for card in cards if card.ok and card.behaviour is not None]
    at = np.geomspace(budgets[0], budgets[-1], 2 * BANDS + 1)[1::2]
    bins = np.minimum(SIDES - 1, np.floor(scaled(described, between) * SIDES)).astype(int).tolist()
    elites: dict[Cell, tuple[float, Card]] = {}
    reached = attained_by([card.believed_curve for card in described], at).tolist()
    for card, position, accuracies in zip(described, bins, reached, strict=True):
        for band, accuracy in enumerate(accuracies):
            cell = (*position, band)
            if cell not in elites or accuracy > elites[cell][0]:
                elites[cell] = (accuracy, card)
    return {cell: card for cell, (_, card) in sorted(elites.items(), key=lambda item: item[0])}
