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
from .measured import MeasuredVersions, measured

SIDES = 3
"""Bins per descriptor."""
BANDS = 4
"""Budgets at which each cell has an elite, evenly spaced on the logarithm of tokens."""

Cell = tuple[int, ...]


def descriptors(cards: Sequence[Card]) -> Floats:
    """Return (cards, 4): log width, log depth, the share of tokens in pruned branches, and latency over tokens."""
    rows = [(b.width, b.depth, b.pruned, b.latency) for card in cards if (b := card.behaviour) is not None]
    table = np.array(rows, float).reshape(-1, 4)
    table[:, :2] = np.log(np.where(table[:, :2] > 1, table[:, :2], 1.0))
    return table


def edges(cards: Sequence[Card]) -> tuple[Floats, Floats]:
    """Return the minimum and maximum of each descriptor, (4,) each, over hand-written controllers; over all if none."""
    first = cards.baselines if isinstance(cards, MeasuredVersions) else [c for c in cards if c.generation == 0]
    rows = descriptors([card for card in first if card.ok])
    if not len(rows):
        rows = descriptors([card for card in measured(cards).plain if card.ok])
    return (rows.min(axis=0), rows.max(axis=0)) if len(rows) else (np.zeros(4), np.ones(4))


def scaled(cards: Sequence[Card], between: tuple[Floats, Floats]) -> Floats:
    """Return (cards, 4) descriptors, scaled so that the edges are 0 and 1, and clipped to [0, 1]."""
    low, high = between
    return np.clip((descriptors(cards) - low) / np.maximum(high - low, 1e-9), 0, 1)


def grid(
    cards: Sequence[Card], between: tuple[Floats, Floats], budgets: Floats, order: Sequence[int] | None = None
) -> dict[Cell, Card]:
    """Return the elite of each cell. A cell is four bin numbers and the index of a budget.

    Args:
        cards: the first of equals wins. Cards without descriptors are left out.
        between: see `edges`.
        budgets: see `pareto.budgets`.
        order: the indices of ``cards`` in the order in which the first of equals wins; as they come if None.
    """
    these = measured(cards)
    rank = np.empty(len(these), int)
    rank[np.arange(len(these)) if order is None else order] = np.arange(len(these))
    able = [i for i, card in enumerate(these.plain) if card.ok and card.behaviour is not None]
    rank, described = rank[able], [these.plain[i] for i in able]
    at = np.geomspace(budgets[0], budgets[-1], 2 * BANDS + 1)[1::2]
    bins = np.minimum(SIDES - 1, np.floor(scaled(described, between) * SIDES)).astype(int)
    places = np.ravel_multi_index(tuple(bins.T), (SIDES,) * bins.shape[1])
    elites: dict[Cell, Card] = {}
    for band, accuracy in enumerate(these.believed.attained(at)[able].T):
        order_of_band = np.lexsort((rank, -accuracy, places))
        _, firsts = np.unique(places[order_of_band], return_index=True)
        for version in order_of_band[firsts].tolist():
            elites[(*bins[version].tolist(), band)] = these[able[version]]
    return dict(sorted(elites.items(), key=lambda item: item[0]))
