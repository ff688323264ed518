"""A guess of what drafts are worth, from all that were measured: so that the trials go to the promising ones.

A Gaussian process over genomes (Rasmussen and Williams 2006), as in the configuration of algorithms (Hutter, Hoos and
Leyton-Brown 2011). Which drafts to try is Thompson sampling: those that are the best in a draw from what is believed,
so that what is not known yet is tried too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np

from envs.statistics import Floats

from .genome import BLOCKS, PARAMETERS, Genome

_LEAST, _MOST = 8, 600
"""Measured genomes: below, nothing is guessed; beyond, only the latest count."""
_BLOCK, _MIDDLE, _SLOPE = 0.7, 4.2, 2.1
"""How far apart, in units of the kernel's length: two choices of a slot; the whole range of a constant's middle, and of
the distance of its ends."""
_NOISE = 0.05
"""Variance of a measured quality, in points squared, that no genome explains."""
_POOR = 4.0
"""Points below the median beyond which worse is no worse: how bad the bad are is not to be learned."""

_PLACES = [
    [name for name in PARAMETERS if any(name in needed for needed in choices.values())] for choices in BLOCKS.values()
]


class Surrogate:
    """What is believed of genomes.

    Args:
        genomes: those measured, in the order in which they were tried.
        qualities: theirs, in points.

    Attributes:
        known: the keys of those measured.
    """

    def __init__(self, genomes: Sequence[Genome], qualities: Sequence[float]) -> None:
        self.known = {genome.key for genome in genomes}
        self._at = _features(genomes[-_MOST:])
        values = np.array(qualities[-_MOST:], float)
        self._middle = float(np.median(values))
        values = np.maximum(values - self._middle, -_POOR)
        self._scale = max(0.3, float(values.var()))
        inner = self._kernel(self._at, self._at) + _NOISE * np.eye(len(values))
        self._root = np.linalg.cholesky(inner)
        self._weights = np.linalg.solve(self._root.T, np.linalg.solve(self._root, values))

    def believed(self, genomes: Sequence[Genome]) -> tuple[Floats, Floats]:
        """Return the (n,) means, in points, and the (n, n) covariances, in points squared."""
        there = _features(genomes)
        across = self._kernel(self._at, there)
        known = np.linalg.solve(self._root, across)
        return np.asarray(self._middle + across.T @ self._weights), self._kernel(there, there) - known.T @ known

    def choose(self, genomes: Sequence[Genome], count: int, chance: random.Random) -> list[int]:
        """Return ``count`` places in ``genomes``, or all: each is the best in a draw of its own, among those left."""
        means, covariances = self.believed(genomes)
        root = np.linalg.cholesky(covariances + 1e-6 * self._scale * np.eye(len(means)))
        chosen: list[int] = []
        for _ in range(min(count, len(genomes))):
            drawn = means + root @ np.array([chance.gauss(0, 1) for _ in genomes])
            drawn[chosen] = -np.inf
            chosen.append(int(np.argmax(drawn.round(6))))  # rounded, so that another machine's last bit decides nothing
        return chosen

    def _kernel(self, one: Floats, two: Floats) -> Floats:
        """Return the (n, m) covariances: what each slot adds by itself, and what all of them do together."""
        alone = np.zeros((len(one), len(two)))
        together = np.zeros_like(alone)
        for part in _PARTS:
            distances = _distances(one[:, part], two[:, part])
            alone += np.exp(-distances / 2) / len(_PARTS)
            together += distances
        return np.asarray(self._scale * (2 * alone + np.exp(-together / 2) / 2))


def surrogate(known: Sequence[tuple[Genome, float]]) -> Surrogate | None:
    """Return what is believed after ``known`` genomes with their qualities; None after too few."""
    if len(known) < _LEAST:
        return None
    return Surrogate([genome for genome, _ in known], [quality for _, quality in known])


def _distances(one: Floats, two: Floats) -> Floats:
    """Return the (n, m) squared distances between the rows of two matrices."""
    squares = np.square(one).sum(axis=1)[:, None] + np.square(two).sum(axis=1)
    return np.asarray(np.maximum(0.0, squares - 2 * one @ two.T))


def _features(genomes: Sequence[Genome]) -> Floats:
    """Return (genomes, features): for each slot which choice it has, and the middle and distance of its constants.

    Constants that a genome has no need of stand at their defaults.
    """
    return np.array([_row(genome) for genome in genomes], float).reshape(len(genomes), _PARTS[-1].stop)


def _row(genome: Genome) -> list[float]:
    row: list[float] = []
    for (slot, choices), names in zip(BLOCKS.items(), _PLACES, strict=True):
        row += [_BLOCK * (genome.blocks[slot] == choice) for choice in choices]
        for name in names:
            lo, hi = (_unit(name, end) for end in genome.spans.get(name, PARAMETERS[name].default))
            row += [_MIDDLE * (lo + hi) / 2, _SLOPE * (hi - lo)]
    return row


def _unit(name: str, end: float) -> float:
    """Return a constant as a part of its range."""
    parameter = PARAMETERS[name]
    if parameter.geometric:
        return math.log(end / parameter.low) / math.log(parameter.high / parameter.low)
    return (end - parameter.low) / (parameter.high - parameter.low)


def _parts() -> list[slice]:
    """Return the features of each slot."""
    parts, first = [], 0
    for choices, names in zip(BLOCKS.values(), _PLACES, strict=True):
        parts.append(slice(first, first + len(choices) + 2 * len(names)))
        first = parts[-1].stop
    return parts


_PARTS = _parts()
