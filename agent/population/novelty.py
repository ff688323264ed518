"""Novelty: a version's distance from the others, in behaviour and in code (Lehman and Stanley 2011)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autotts.envs.statistics import Floats

from ..records.card import Card
from .map_elites import scaled

NEIGHBOURS = 5
"""Nearest neighbours over which the distance is averaged."""

Shapes = Callable[[str], Mapping[str, int]]
"""Returns the shape of a version's syntax tree (`program_form.program_shape`), given the version's id."""


def novelty(cards: Sequence[Card], between: tuple[Floats, Floats], shapes: Shapes) -> list[float]:
    """Return, for each of ``cards``, the mean distance to its nearest `NEIGHBOURS`. All cards must have descriptors.

    A distance is the mean difference of the four descriptors (see `map_elites.scaled`) plus the share of node-child
    pairs that the two syntax trees do not have in common. Each term is in [0, 1].
    """
    if len(cards) < 2:
        return [0.0] * len(cards)
    behaviour = scaled(cards, between)
    trees = _table([shapes(card.id) for card in cards])
    sizes = trees.sum(axis=1)
    result = []
    for row in range(len(cards)):
        apart = np.abs(trees - trees[row]).sum(axis=1) / np.maximum(1, sizes + sizes[row])
        distance = np.abs(behaviour - behaviour[row]).mean(axis=1) + apart
        distance[row] = np.inf
        result.append(float(np.sort(distance)[: min(NEIGHBOURS, len(cards) - 1)].mean()))
    return result


def _table(shapes: Sequence[Mapping[str, int]]) -> Floats:
    """Return (shapes, pairs): the count of each pair in each shape."""
    columns = {name: column for column, name in enumerate(sorted({name for shape in shapes for name in shape}))}
    table = np.zeros((len(shapes), len(columns)))
    for row, shape in enumerate(shapes):
        for name, times in shape.items():
            table[row, columns[name]] = times
    return table
