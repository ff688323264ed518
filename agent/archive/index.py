"""A list of the versions of an archive that stays current: rows of the index, then cards that it does not hold yet."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.statistics import Floats

from .. import population
from ..records.index_row import IndexRow
from ..records.version import Credit
from .archive import INDEX, MANIFEST, REPLAYS, Archive
from .beliefs_file import with_beliefs_file
from .best import BestVersion, best_version
from .columns_file import read_columns
from .layout import BELIEFS, COLUMNS
from .run_report import RunReport
from .shipped import derived_root
from .storage.addresses import storage_of
from .storage.protocol import FileStamp
from .storage.stored_path import AnyPath

_FRESH = 0.5
"""Seconds until the directory is read again."""


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
    def front(self) -> list[IndexRow]:
        """Versions that are the best at some budget, from frugal to accurate."""
        baselines = [row for row in self.rows if row.generation == 0]  # they set the budgets
        return population.front(list({row.id: row for row in [*self.ranked[:200], *baselines]}.values()))

    @cached_property
    def credits(self) -> dict[str, Credit]:
        """Credit of each explorer, by name."""
        return population.credits(self.rows)

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Ids of the versions that name a version as a parent."""
        children: dict[str, list[str]] = {}
        for row in self.rows:
            for parent in dict.fromkeys(row.parents):
                children.setdefault(parent, []).append(row.id)
        return children

    def ready(self) -> ArchiveSnapshot:
        """Compute the cached properties, so that the first page need not wait, and return the snapshot."""
        assert self.credits is not None and self.front is not None
        return self

    def best(self, report: RunReport | None = None, given: Mapping[str, str] | None = None) -> BestVersion | None:
        """Return the best version (`agent.archive.best`).

        Args:
            report: the final evaluation of the run, if there is one.
            given: names of the controllers that the run was given, by id.
        """
        return best_version(self.ranked, self.budgets, report, given, self.quality)


class ArchiveIndex:
    """Keeps an `ArchiveSnapshot` of an archive that may change at any time. Safe to use from several threads.

    Args:
        root: where the archive is.
    """

    def __init__(self, root: AnyPath) -> None:
        self.root, self._storage = root, storage_of(root)
        self.note = ""
        """The reason why the index file was not used; empty if it was."""
        self._rows: dict[str, IndexRow] = {}
        self._problems: dict[str, tuple[float, str]] = {}
        self._quality: dict[str, float] = {}
        self._looked = -math.inf
        self._indexed: FileStamp | None = None
        self._change = 0
        self._lock = threading.Lock()
        self._view = ArchiveSnapshot(0, (), {}, population.budgets([]), {})
        if self._storage.version_rows is None:
            self._read_index()

    def view(self) -> ArchiveSnapshot:
        """Return the present snapshot."""
        with self._lock:
            if time.monotonic() - self._looked > _FRESH:
                if self._look() or not self._view.stamp:
                    self._view = self._made()
                self._looked = time.monotonic()
            return self._view

    def _read_index(self) -> bool:
        """Read the index file again if it has changed: new versions change the beliefs of the earlier ones."""
        home = derived_root(self.root)
        columns, written = (storage_of(home).stamp(name) for name in (COLUMNS, INDEX))
        if columns is not None and (written is None or columns.changed >= written.changed):
            return self._read_columns(home, columns)
        if written is None or written == self._indexed:
            return False
        self._indexed, self.note = written, ""
        try:
            rows = Archive(self.root).index()
        except InputError as error:
            self.note = str(error)
            return False
        self._rows |= {row.id: row for row in rows if _finite(row)}
        return True

    def _read_columns(self, home: AnyPath, written: FileStamp) -> bool:
        """Read the index of a large archive, if it has changed."""
        if written == self._indexed:
            return False
        self._indexed, self.note = written, ""
        try:
            columns = read_columns(home)
        except (InputError, OSError) as error:
            self.note = str(error)
            return False
        self._rows |= {row.id: row for row, good in zip(columns.rows(), columns.finite(), strict=True) if good}
        return True

    def _look(self) -> bool:
        """Read new folders, drop removed ones, and return whether the list has changed."""
        if self._storage.version_rows is not None or not isinstance(self.root, Path):
            return self._look_at_rows()
        changed = self._read_index()
        present = {name for name in _folders(self.root) if name in self._rows or _whole(self.root / name)}
        gone = [name for name in (*self._rows, *self._problems) if name not in present]
        for name in gone:
            self._rows.pop(name, None)
            self._problems.pop(name, None)
        changed |= bool(gone)
        for name in sorted(present - self._rows.keys()):
            written = _written(self.root / name)
            if name in self._problems and self._problems[name][0] == written:
                continue
            changed = True
            self._problems.pop(name, None)
            try:
                self._rows[name] = _row(self.root, name)
            except (InputError, OSError) as error:
                self._problems[name] = (written, str(error))
        return changed

    def _look_at_rows(self) -> bool:
        """Read the rows that have changed; all of them, if the beliefs have. Return whether there are any."""
        kept = self._storage.version_rows
        assert kept is not None, "a storage that is no directory keeps rows"
        written = self._storage.stamp(BELIEFS)
        columns, change = kept.read(self._change if written == self._indexed else 0)
        if written == self._indexed and change == self._change:
            return False
        try:
            self.note, columns = "", with_beliefs_file(self.root, columns) if written != self._indexed else columns
        except DamagedFile as error:
            self.note = str(error)
        self._indexed, self._change = written, change
        self._rows |= {row.id: row for row, good in zip(columns.rows(), columns.finite(), strict=True) if good}
        return True

    def _made(self) -> ArchiveSnapshot:
        rows = sorted(self._rows.values(), key=lambda row: (row.generation, row.id))
        budgets = population.budgets([row for row in rows if row.generation == 0])
        if not len(self._view.budgets) or (budgets != self._view.budgets).any():
            self._quality = {}
        new = [row for row in rows if row.ok and row.id not in self._quality]
        self._quality |= zip((row.id for row in new), population.qualities(new, budgets).tolist(), strict=True)
        problems = {name: why for name, (_, why) in sorted(self._problems.items())}
        return ArchiveSnapshot(self._view.stamp + 1, rows, problems, budgets, dict(self._quality))


def _folders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [name for name in names if not name.startswith(".") and name != REPLAYS]


def _whole(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def _written(folder: Path) -> float:
    try:
        return max((entry.stat().st_mtime for entry in os.scandir(folder)), default=0.0)
    except OSError:
        return 0.0


def _row(root: Path, name: str) -> IndexRow:
    card = Archive(root).card(name)  # a new object, because an archive caches every card that it has read
    if card.id != name:
        raise InputError(f"{root / name}: its card is that of {card.id!r}; see `autotts archive verify`")
    row = IndexRow.of(card)
    if not _finite(row):
        raise InputError(f"{root / name}: its card holds figures that are no numbers; see `autotts archive verify`")
    return row


def _finite(row: IndexRow) -> bool:
    curves = (*row.mean_curve, *row.believed_curve)
    figures = [x for p in curves for x in (p.beta, p.accuracy, p.tokens, p.latency)] + list(row.noise)
    return all(map(math.isfinite, [*figures, row.cost.dollars])) and (bool(figures) or not row.ok)
