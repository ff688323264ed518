"""A surrogate model of drafts' quality, fitted to all measured genomes: evaluations go to promising drafts.

A Gaussian process over genomes (Rasmussen and Williams 2006), as in algorithm configuration (Hutter, Hoos and
Leyton-Brown 2011). Drafts are chosen by Thompson sampling: each is the best in a draw from the posterior, so that
uncertain drafts are tried too.
"""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from autotts.envs.statistics import Floats

from .genome import BLOCKS, PARAMETERS, Genome

LEAST, _MOST = 8, 600
"""Measured genomes: with fewer there is no model; with more, only the latest are used."""
_BLOCK, _MIDDLE, _SLOPE = 0.7, 4.2, 2.1
"""Feature distances in units of the kernel's length scale: between two choices of a slot; over the whole range of a
constant's middle; and over the whole range of the distance of its ends."""
_NOISE = 0.05
"""Variance of a measured quality that no genome explains, in points squared."""
_POOR = 4.0
"""Qualities are clipped at this many points below the median: how bad a bad genome is need not be modelled."""

_NAMES = [
    [name for name in PARAMETERS if any(name in needed for needed in choices.values())] for choices in BLOCKS.values()
]


G = TypeVar("G", bound="Measurable")


class Measurable(Protocol):
    """A genome of any kind."""

    @property
    def key(self) -> Hashable:
        """A key that equal genomes share."""
        ...


class GaussianProcess(Generic[G]):
    """The posterior of a Gaussian process over genomes.

    Args:
        genomes: the measured genomes, in the order of their trials.
        qualities: their qualities, in points.

    Attributes:
        known: keys of the measured genomes.
    """

    def __init__(self, genomes: Sequence[G], qualities: Sequence[float]) -> None:
        self.known = {genome.key for genome in genomes}
        self._at = self.features(genomes[-_MOST:])
        values = np.array(qualities[-_MOST:], float)
        self._middle = float(np.median(values))
        values = np.maximum(values - self._middle, -_POOR)
        self._scale = max(0.3, float(values.var()))
        inner = self._kernel(self._at, self._at) + _NOISE * np.eye(len(values))
        self._root = np.linalg.cholesky(inner)
        self._weights = np.linalg.solve(self._root.T, np.linalg.solve(self._root, values))

    def features(self, genomes: Sequence[G]) -> Floats:
        """Return (genomes, features), scaled so that the kernel's length scale is 1."""
        raise NotImplementedError

    def parts(self) -> Sequence[slice]:
        """Return the slice of features of each slot."""
        raise NotImplementedError

    def believed(self, genomes: Sequence[G]) -> tuple[Floats, Floats]:
        """Return the posterior means, (n,) in points, and covariances, (n, n) in points squared."""
        there = self.features(genomes)
        across = self._kernel(self._at, there)
        known = np.linalg.solve(self._root, across)
        return np.asarray(self._middle + across.T @ self._weights), self._kernel(there, there) - known.T @ known

    def choose(self, genomes: Sequence[G], count: int, rng: random.Random) -> list[int]:
        """Return up to ``count`` indices into ``genomes``: each is the best remaining genome in its own draw."""
        means, covariances = self.believed(genomes)
        root = np.linalg.cholesky(covariances + 1e-6 * self._scale * np.eye(len(means)))
        chosen: list[int] = []
        for _ in range(min(count, len(genomes))):
            drawn = means + root @ np.array([rng.gauss(0, 1) for _ in genomes])
            drawn[chosen] = -np.inf
            chosen.append(int(np.argmax(drawn.round(6))))  # rounded: the last bits may differ between machines
        return chosen

    def _kernel(self, one: Floats, two: Floats) -> Floats:
        """Return the (n, m) covariances: a sum over slots plus a term for all slots together."""
        alone = np.zeros((len(one), len(two)))
        together = np.zeros_like(alone)
        parts = self.parts()
        for part in parts:
            distances = _distances(one[:, part], two[:, part])
            alone += np.exp(-distances / 2) / len(parts)
            together += distances
        return np.asarray(self._scale * (2 * alone + np.exp(-together / 2) / 2))


class Surrogate(GaussianProcess[Genome]):
    """A Gaussian process over choices of building blocks."""

    def features(self, genomes: Sequence[Genome]) -> Floats:
        return _features(genomes)

    def parts(self) -> Sequence[slice]:
        return _PARTS


def surrogate(measured: Sequence[tuple[Genome, float]]) -> Surrogate | None:
    """Return the model of ``measured`` genomes and their qualities; None if there are too few."""
    if len(measured) < LEAST:
        return None
    return Surrogate([genome for genome, _ in measured], [quality for _, quality in measured])


def _distances(one: Floats, two: Floats) -> Floats:
    """Return the (n, m) squared distances between the rows of two matrices."""
    squares = np.square(one).sum(axis=1)[:, None] + np.square(two).sum(axis=1)
    return np.asarray(np.maximum(0.0, squares - 2 * one @ two.T))


def _features(genomes: Sequence[Genome]) -> Floats:
    """Return (genomes, features): the one-hot choice of each slot, and the middle and distance of each constant's ends.

    Constants that a genome does not need have their default values.
    """
    return np.array([_row(genome) for genome in genomes], float).reshape(len(genomes), _PARTS[-1].stop)


def _row(genome: Genome) -> list[float]:
    row: list[float] = []
    for (slot, choices), names in zip(BLOCKS.items(), _NAMES, strict=True):
        row += [_BLOCK * (genome.blocks[slot] == choice) for choice in choices]
        for name in names:
            lo, hi = (_unit(name, end) for end in genome.spans.get(name, PARAMETERS[name].default))
            row += [_MIDDLE * (lo + hi) / 2, _SLOPE * (hi - lo)]
    return row


def _unit(name: str, end: float) -> float:
    """Return a constant scaled to [0, 1] within its range."""
    parameter = PARAMETERS[name]
    if parameter.geometric:
        return math.log(end / parameter.low) / math.log(parameter.high / parameter.low)
    return (end - parameter.low) / (parameter.high - parameter.low)


def _parts() -> list[slice]:
    """Return the slice of features of each slot."""
    parts, first = [], 0
    for choices, names in zip(BLOCKS.values(), _NAMES, strict=True):
        parts.append(slice(first, first + len(choices) + 2 * len(names)))
        first = parts[-1].stop
    return parts


_PARTS = _parts()
