"""Rows of the archive's index as columns, because an archive may have a hundred thousand versions."""

from __future__ import annotations

import gc
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from autotts.envs.statistics import Floats

from .index_row import IndexRow
from .migration import baseline_explorer
from .version import Cost, ScalingCurve

_FREE = Cost()
_POINT = 4
"""Numbers of a point of a curve."""


@dataclass(frozen=True, slots=True)
class RowColumns:
    """V rows of the index (`IndexRow`), each field as a column."""

    ids: list[str]
    generations: list[int]
    names: list[str]
    explorers: list[str]
    islands: list[str]
    parents: list[list[str]]
    verdicts: list[str]
    sources: list[str]
    costs: list[list[Any]]
    """The fields of each `Cost`."""
    sizes: list[int]
    points: list[int]
    """Points of each curve."""
    curves: Floats
    """(sum of ``points``, 4) the curves of all versions, one after another."""
    believed: Floats
    """(sum of ``points``, 4) the believed curves."""
    noise: Floats
    """(V, G) `IndexRow.noise`; a row of NaN for a version without."""

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, rows: Sequence[IndexRow]) -> RowColumns:
        """Return the columns of rows."""
        groups = max((len(row.noise) for row in rows), default=0)
        noise = np.full((len(rows), groups), np.nan)
        for cells, row in zip(noise, rows, strict=True):
            if len(row.noise):
                cells[:] = row.noise
        return cls(
            [row.id for row in rows], [row.generation for row in rows], [row.name for row in rows],
            [row.explorer for row in rows], [row.island for row in rows], [list(row.parents) for row in rows],
            [row.verdict for row in rows], [row.source_sha256 for row in rows],
            [list(astuple(row.cost)) for row in rows], [row.size for row in rows],
            [len(row.mean_curve) for row in rows],
            _joined(row.mean_curve.values for row in rows), _joined(row.believed_curve.values for row in rows), noise,
        )  # fmt: skip

    def rows(self) -> list[IndexRow]:
        """Return the rows."""
        ends = np.cumsum([0, *self.points]).tolist()
        groups, cells, nothing = self.noise.shape[1], array("d", self.noise.tobytes()), array("d")
        known = (~np.isnan(self.noise[:, 0])).tolist() if groups else [False] * len(self)
        noise = [cells[row * groups : (row + 1) * groups] if there else nothing for row, there in enumerate(known)]
        with _without_collection():
            return self._rows(ends, noise)

    def _rows(self, ends: list[int], noise: list[array[float]]) -> list[IndexRow]:
        curves, believed = self.curves, self.believed
        return [
            IndexRow(
                id, generation, name, baseline_explorer(explorer), island, tuple(parents), verdict, source,
                Cost(*cost) if any(cost) else _FREE, ScalingCurve(curves[a:b]), ScalingCurve(believed[a:b]), cells,
                size,
            )
            for id, generation, name, explorer, island, parents, verdict, source, cost, size, cells, (a, b) in zip(
                self.ids, self.generations, self.names, self.explorers, self.islands, self.parents, self.verdicts,
                self.sources, self.costs, self.sizes, noise, pairwise(ends), strict=True,
            )
        ]  # fmt: skip

    def finite(self) -> list[bool]:
        """Return whether each row holds numbers alone, and figures if the version ran."""
        bad = ~np.isfinite(np.hstack([self.curves, self.believed])).all(axis=1)
        counts = np.array(self.points, np.int64)
        wrong = np.bincount(np.repeat(np.arange(len(self)), counts)[bad], minlength=len(self)) > 0
        wrong |= np.isinf(self.noise).any(axis=1)
        ran = np.array([verdict == "ok" for verdict in self.verdicts], bool)
        priced = np.array([not cost or math.isfinite(cost[0]) for cost in self.costs], bool)
        return (~wrong & priced & (~ran | (counts > 0))).tolist()  # type: ignore[no-any-return]

    def with_believed(self, believed: Floats, noise: Floats) -> RowColumns:
        """Return the columns with other beliefs."""
        return replace(self, believed=believed, noise=noise)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep Python from looking for cycles among rows that are being made: that takes longer than to make them."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _joined(parts: Iterable[Floats]) -> Floats:
    return np.concatenate([*parts, np.empty((0, _POINT))])
