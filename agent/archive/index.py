"""A list of the versions of an archive that stays current: rows of the index, then cards that it does not hold yet."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path

from autotts.envs.errors import DamagedFile, InputError

from .. import population
from ..records.index_row import IndexRow
from .archive import INDEX, MANIFEST, REPLAYS, Archive
from .audits import AUDITS
from .beliefs_file import with_beliefs_file
from .columns_file import read_columns
from .layout import BELIEFS, COLUMNS, FIGURES, OVERVIEW
from .overview_file import read_overview, state_of_folders, state_of_rows
from .shipped import derived_root
from .snapshot import ArchiveSnapshot, BriefSnapshot
from .storage.addresses import storage_of
from .storage.protocol import FileStamp
from .storage.stored_path import AnyPath

_FRESH = 0.5
"""Seconds until the directory is read again."""
_TICK = 2_000_000_000
"""Nanoseconds after which a directory's time of change tells every later change from the last one."""


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
        self._brief_of = ""  # state of the archive of which the overview in use tells
        self._unseen = ""  # the last state of which no overview tells
        self._damage = ""  # why that of the present state cannot be read
        self._listed: tuple[int, list[str]] = (0, [])

    def view(self) -> ArchiveSnapshot:
        """Return the present snapshot; that of a large archive holds its overview, and reads rows when asked for."""
        with self._lock:
            if time.monotonic() - self._looked > _FRESH:
                if not self._read_overview() and (self._look() or self._brief_of or not self._view.stamp):
                    self._view, self._brief_of = self._made(), ""
                    self.note = self.note or self._damage
                self._looked = time.monotonic()
            return self._view

    def _read_overview(self) -> bool:
        """Use the overview of a large archive, if it tells of the present state; return whether it does."""
        home = derived_root(self.root)
        if self._storage.version_rows is not None:
            state = state_of_rows(self._storage)
        elif isinstance(self.root, Path) and isinstance(home, Path) and (home / OVERVIEW).is_file():
            state = state_of_folders(self._names(), home)
        else:
            return False
        if state in (self._brief_of, self._unseen):
            return bool(state) and state == self._brief_of
        try:
            overview = read_overview(home, state)
        except (DamagedFile, OSError) as error:
            self._unseen, self._damage = state, str(error)
            return False
        if overview is None:
            self._unseen = state
            return False
        self.note = self._damage = ""
        self._view, self._brief_of = BriefSnapshot(self._view.stamp + 1, overview, self._whole), state
        return True

    def _whole(self) -> ArchiveSnapshot:
        """Return a snapshot with all rows; the snapshot in use stays."""
        with self._lock:
            self._look()
            return self._made()

    def _names(self) -> list[str]:
        """Return the names of the folders of versions; the directory is listed only if it has changed."""
        changed = os.stat(self.root).st_mtime_ns
        if changed != self._listed[0]:
            names = [name for name in _folders(Path(str(self.root))) if name not in (FIGURES, AUDITS)]
            # a change within the same tick of the file system's clock would not be seen
            settled = time.time_ns() - changed > _TICK
            self._listed = (changed if settled else 0), names
        return self._listed[1]

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
