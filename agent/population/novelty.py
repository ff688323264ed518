"""Novelty: how far a version is from the others, in what it does and in how it is written (Lehman and Stanley 2011)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from envs.statistics import Floats

from ..records.card import Card
from .map_elites import scaled

NEIGHBOURS = 5
"""The nearest others, to which the mean distance is taken."""

Shapes = Callable[[str], Mapping[str, int]]
"""Given a version's id, returns the shape of its syntax tree (`agent.population.program_form.shape`)."""


def novelty(cards: Sequence[Card], between: tuple[Floats, Floats], shapes: Shapes) -> list[float]:
    """Return for each of ``cards``, all with descriptors, its mean distance to its nearest `NEIGHBOURS`.

    A distance is that of the descriptors (see `grid.scaled`; a mean over the four) plus that of the syntax trees: the
    part of the two trees' pairs of node and child that they do not share. So each part is in [0, 1].
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
    """Return (shapes, pairs) how often each pair occurs in each."""
    columns = {name: place for place, name in enumerate(sorted({name for shape in shapes for name in shape}))}
    table = np.zeros((len(shapes), len(columns)))
    for row, shape in enumerate(shapes):
        for name, times in shape.items():
            table[row, columns[name]] = times
    return table
