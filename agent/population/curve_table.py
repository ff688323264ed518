"""The scaling curves of many versions in one array, and the accuracy that each attains within token budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats

from ..records.version import CurvePoint, ScalingCurve

Ints = npt.NDArray[np.int64]

_TOGETHER = 2048
"""Curves that are compared with the budgets at once: small tables stay in the cache of the processor."""
_POINT = 4
"""Numbers of a point of a curve."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveTable:
    """V curves, one after another."""

    values: Floats
    """(n, 4) the points of all curves (see `ScalingCurve`)."""
    ends: Ints
    """(V + 1,) where each curve begins, and the last one ends."""

    def __len__(self) -> int:
        return len(self.ends) - 1

    @classmethod
    def of(cls, curves: Sequence[Sequence[CurvePoint]]) -> CurveTable:
        """Return the table of curves."""
        parts = [curve.values if type(curve) is ScalingCurve else ScalingCurve.of(curve).values for curve in curves]
        ends = np.zeros(len(parts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=ends[1:])
        return cls(np.concatenate([*parts, np.empty((0, _POINT))]), ends)

    @property
    def owner(self) -> Ints:
        """(n,) the index of each point's curve."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends))

    def part(self, which: Ints) -> CurveTable:
        """Return the table of some curves, by their indices in ascending order."""
        chosen = np.zeros(len(self), np.bool_)
        chosen[which] = True
        sizes = np.diff(self.ends)
        return CurveTable(self.values[np.repeat(chosen, sizes)], np.cumsum([0, *sizes[which].tolist()]))

    def attained(self, at: Floats) -> Floats:
        """Return (V, budgets) the accuracy that each curve attains within each budget (`pareto.attained`)."""
        found = np.empty((len(self), len(at)))
        for first in range(0, len(self), _TOGETHER):  # each row is computed by itself
            found[first : first + _TOGETHER] = self._attained(first, min(first + _TOGETHER, len(self)), at)
        return found

    def _attained(self, first: int, last: int, at: Floats) -> Floats:
        tokens, best, sizes = self._ascending(first, last)
        x, budget = np.log(tokens), np.log(at)
        left = np.full((last - first, len(at)), -1)  # the last point within each budget
        for point in range(x.shape[1] - 1):
            left += x[:, point, None] <= budget
        with np.errstate(invalid="ignore", divide="ignore"):  # empty curves and budgets below the first point: replaced
            slope = (best[:, 1:] - best[:, :-1]) / (x[:, 1:] - x[:, :-1])
            cell = np.maximum(left, 0) + np.arange(last - first)[:, None] * slope.shape[1]
            x0, y0 = (np.ascontiguousarray(column[:, :-1]).ravel()[cell] for column in (x, best))
            interpolated = slope.ravel()[cell] * (budget - x0) + y0
            result = np.where(left < 0, y0, interpolated) * np.minimum(1.0, at / tokens[:, :1])
        return np.where(sizes[:, None] > 0, result, 0.0)

    def _ascending(self, first: int, last: int) -> tuple[Floats, Floats, Ints]:
        """Return (V, P) the tokens of curves in ascending order, at least 1; the best accuracy so far; and the sizes.

        There is at least one column more than the longest curve has points; it holds infinity, and no accuracy.
        """
        sizes = np.diff(self.ends[first : last + 1])
        mask = np.arange(sizes.max(initial=1) + 1) < sizes[:, None]
        tokens, accuracy = np.full(mask.shape, np.inf), np.full(mask.shape, -np.inf)
        values = self.values[self.ends[first] : self.ends[last]]
        tokens[mask], accuracy[mask] = values[:, 2], values[:, 1]
        mixed = np.flatnonzero(((tokens[:, 1:] <= tokens[:, :-1]) & mask[:, 1:]).any(axis=1))  # few are out of order
        if len(mixed):
            order = np.lexsort((accuracy[mixed], tokens[mixed]), axis=1)
            tokens[mixed] = np.take_along_axis(tokens[mixed], order, axis=1)
            accuracy[mixed] = np.take_along_axis(accuracy[mixed], order, axis=1)
        return np.maximum(1.0, tokens), np.maximum.accumulate(accuracy, axis=1), sizes
