"""The versions of an archive at one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autotts.envs.statistics import Floats

from .. import population
from ..records.index_row import IndexRow
from ..records.version import Credit
from .best import BestVersion, best_version
from .overview import ArchiveOverview
from .report_record import RunReport


@dataclass(frozen=True)
class ArchiveSnapshot:
    """The versions of an archive at one moment; immutable."""

    stamp: int
    """Increases with each change."""
    rows: Sequence[IndexRow]
    """By generation and id."""
    problems: Mapping[str, str]
    """The problem of each folder whose version is not in ``rows``, by name of the folder."""
    budgets: Floats
    """Token budgets over which quality is a mean."""
    quality: Mapping[str, float]
    """Quality of each version that ran, in points (`population.quality`)."""

    @cached_property
    def by_id(self) -> dict[str, IndexRow]:
        """The rows by id."""
        return {row.id: row for row in self.rows}

    @cached_property
    def ranked(self) -> list[IndexRow]:
        """The versions that ran, best first, in the order of `population.ranked`."""
        return population.by_merit([row for row in self.rows if row.ok], self.budgets)

    @cached_property
    def rank(self) -> dict[str, int]:
        """Rank of each version that ran; 1 is the best."""
        return {row.id: i for i, row in enumerate(self.ranked, 1)}

    @cached_property
    def overview(self) -> ArchiveOverview:
        """The archive in brief."""
        return ArchiveOverview.of(self.rows, self.ranked, self.budgets, self.quality)

    @cached_property
    def front(self) -> list[IndexRow]:
        """Versions that are the best at some budget, from frugal to accurate."""
        rows = self.overview.by_id
        return [rows[id] for id in self.overview.front]

    @property
    def credits(self) -> dict[str, Credit]:
        """Credit of each explorer, by name."""
        return self.overview.credits

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Ids of the versions that name a version as a parent."""
        children: dict[str, list[str]] = {}
        for row in self.rows:
            for parent in dict.fromkeys(row.parents):
                children.setdefault(parent, []).append(row.id)
        return children

    def ready(self) -> ArchiveSnapshot:
        """Compute the overview, so that the first page need not wait, and return the snapshot."""
        assert self.overview is not None
        return self

    def best(self, report: RunReport | None = None, given: Mapping[str, str] | None = None) -> BestVersion | None:
        """Return the best version (`agent.archive.best`).

        Args:
            report: the final evaluation of the run, if there is one.
            given: names of the controllers that the run was given, by id.
        """
        if self.overview.knows(report):
            return self.overview.best_by(self.budgets, report, given)
        return best_version(self.ranked, self.budgets, report, given, self.quality)


class BriefSnapshot(ArchiveSnapshot):
    """A snapshot that holds the overview of a large archive, and reads the rows of all versions when asked for them.

    Args:
        stamp: see `ArchiveSnapshot.stamp`.
        overview: the archive in brief.
        load: reads all rows; versions that were added meanwhile may be among them.
    """

    def __init__(self, stamp: int, overview: ArchiveOverview, load: Callable[[], ArchiveSnapshot]) -> None:
        budgets = np.array(overview.budgets)
        self.__dict__ |= {"stamp": stamp, "overview": overview, "problems": {}, "budgets": budgets, "_load": load}

    @cached_property
    def _whole(self) -> ArchiveSnapshot:
        load: Callable[[], ArchiveSnapshot] = self.__dict__["_load"]
        return load()

    @cached_property
    def rows(self) -> Sequence[IndexRow]:
        """See `ArchiveSnapshot.rows`."""
        return self._whole.rows

    @cached_property
    def quality(self) -> Mapping[str, float]:
        """See `ArchiveSnapshot.quality`."""
        return self._whole.quality

    @cached_property
    def ranked(self) -> list[IndexRow]:
        """See `ArchiveSnapshot.ranked`."""
        return self._whole.ranked
