"""Versions with the columns that choices need of them: each is taken from the cards once, for all choices of a step."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import compress, pairwise
from typing import Generic, Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats

from ..records.version import Cost, CurvePoint
from .curve_table import CurveTable, Ints

Bools = npt.NDArray[np.bool_]


class Scored(Protocol):
    """The fields that choices read. Cards and rows of the index both have them."""

    @property
    def id(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def explorer(self) -> str: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def ok(self) -> bool: ...
    @property
    def mean_curve(self) -> Sequence[CurvePoint]: ...
    @property
    def believed_curve(self) -> Sequence[CurvePoint]: ...
    @property
    def noise(self) -> Sequence[float]: ...
    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=Scored)


class PointMaker(Protocol):
    """Makes the points of curves among objectives (`pareto.ObjectiveSpace`)."""

    def points_of(self, curves: CurveTable) -> tuple[Floats, Ints]:
        """Return the points of all curves, and the index of each point's curve."""


class MeasuredVersions(Sequence[S], Generic[S]):
    """Versions, and columns of them that are made when they are asked for, and then kept.

    Args:
        cards: the versions, in any order.
    """

    def __init__(self, cards: Sequence[S]) -> None:
        self._cards = list(cards)
        self._aged: bool | None = None  # whether they are in order; None if nobody has looked
        self._points: tuple[PointMaker, Floats, Ints] | None = None

    def __len__(self) -> int:
        return len(self._cards)

    def __iter__(self) -> Iterator[S]:
        return iter(self._cards)

    @overload
    def __getitem__(self, which: int) -> S: ...
    @overload
    def __getitem__(self, which: slice) -> list[S]: ...
    def __getitem__(self, which: int | slice) -> S | list[S]:
        return self._cards[which]

    @property
    def plain(self) -> Sequence[S]:
        """The versions as they were given; beliefs that are attached when a version is asked for may be missing."""
        return self._cards

    @cached_property
    def ran(self) -> Bools:
        """(V,) whether each version ran."""
        return np.fromiter((card.ok for card in self._cards), np.bool_, len(self))

    @cached_property
    def generation(self) -> Ints:
        """(V,)."""
        return np.fromiter((card.generation for card in self._cards), np.int64, len(self))

    @cached_property
    def size(self) -> Ints:
        """(V,) complexity."""
        return np.fromiter((card.size for card in self._cards), np.int64, len(self))

    @cached_property
    def believed(self) -> CurveTable:
        """The believed curves."""
        return CurveTable.of([card.believed_curve for card in self._cards])

    @cached_property
    def noise(self) -> Floats:
        """(V, G) the influence of groups of questions; zeros for versions without."""
        rows = [card.noise for card in self._cards]
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        known = np.flatnonzero(counts)
        table = np.zeros((len(rows), int(counts.max(initial=0))))
        if len(known) and (counts[known] == table.shape[1]).all():
            cells = (row if isinstance(row, array) else array("d", row) for row in rows if len(row))
            table[known] = np.frombuffer(b"".join(cells)).reshape(len(known), -1)
            return table
        for cell, row in zip(table, rows, strict=True):
            cell[: len(row)] = row
        return table

    @cached_property
    def baselines(self) -> list[S]:
        """The versions of generation 0."""
        return [self[i] for i in np.flatnonzero(self.generation == 0).tolist()]

    def points(self, within: PointMaker) -> tuple[Floats, Ints]:
        """Return the points of the believed curves, and the index of each point's version; the last ones are kept."""
        if self._points is None or self._points[0] is not within:
            self._points = within, *within.points_of(self.believed)
        return self._points[1:]

    def by_age(self) -> MeasuredVersions[S]:
        """Return the versions by generation and id."""
        if self._aged is None:
            ages = [(card.generation, card.id) for card in self._cards]
            self._aged = all(a <= b for a, b in pairwise(ages))
        if self._aged:
            return self
        return MeasuredVersions(sorted(self, key=lambda card: (card.generation, card.id)))

    def part(self, chosen: Bools) -> MeasuredVersions[S]:
        """Return some of the versions, in order, with the columns that are known.

        Args:
            chosen: (V,) whether each is one of them.
        """
        if chosen.all():
            return self
        which = np.flatnonzero(chosen)
        part = self._some(chosen)
        part._aged = self._aged or None
        for name in ("ran", "generation", "size", "noise"):
            if name in self.__dict__ and name not in part.__dict__:
                part.__dict__[name] = self.__dict__[name][which]
        if "believed" in self.__dict__:
            part.__dict__["believed"] = self.believed.part(which)
        if self._points is not None:
            within, points, owner = self._points
            inside = chosen[owner]
            part._points = within, points[inside], (np.cumsum(chosen) - 1)[owner[inside]]
        return part

    def _some(self, chosen: Bools) -> MeasuredVersions[S]:
        return MeasuredVersions(list(compress(self._cards, chosen.tolist())))


def measured(cards: Sequence[S]) -> MeasuredVersions[S]:
    """Return versions with their columns; those that have them come back as they are."""
    return cards if isinstance(cards, MeasuredVersions) else MeasuredVersions(cards)


