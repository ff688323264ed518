"""Read access for pages and plots: an archive, the run that it belongs to, and the environments of its protocols."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from autotts.envs import catalogue, store
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.scoring import ForgedLog
from autotts.envs.store import Environment

from ..population.measurement import Measurement
from ..records.card import Card, EvaluationProtocol
from . import resolve
from .archive import SOURCE, Archive
from .best import BestVersion
from .index import ArchiveIndex
from .run_directory import HELD_OUT, Run
from .run_report import read_report
from .shipped import archive_name, is_shipped
from .snapshot import ArchiveSnapshot
from .storage.paths import on_this_machine
from .storage.stored_path import AnyPath

T = TypeVar("T")

_MOST_LOG_BYTES = 64 << 20
"""Largest file of action logs that is opened; in memory it may become a hundred times as large."""


class EnvironmentMissing(InputError):
    """The version or environment that was asked for does not exist."""


class ArchiveReader:
    """Reads an archive, its run and its environments. It never writes, and is safe to use from several threads.

    Args:
        root: where the archive is.
        run: the run that the archive belongs to; None for an archive alone.
        data: the data root, searched for environments that the run does not hold.
    """

    def __init__(self, root: AnyPath, run: Run | None, data: Path) -> None:
        self.root, self.run, self.data = root, run, data
        self.index = ArchiveIndex(root)
        self._logs: RecentlyUsed[Logs] = RecentlyUsed(4)
        self._measured: RecentlyUsed[Measurement] = RecentlyUsed(4)
        self._environments: RecentlyUsed[tuple[Environment, ...]] = RecentlyUsed(4)
        self._batches: RecentlyUsed[Episodes] = RecentlyUsed(4)

    @property
    def title(self) -> str:
        """Last part of the name of the run, or of the archive."""
        if self.run:
            return self.run.home.resolve().name
        return archive_name(self.root) if is_shipped(self.root) else self.root.resolve().name

    def view(self) -> ArchiveSnapshot:
        """Return the present list of versions."""
        return self.index.view()

    def best(self) -> BestVersion | None:
        """Return the best version, and the rule that chose it (`agent.archive.best`); None if none has figures.

        Raises:
            DamagedFile: the report of the run is damaged.
        """
        return self.view().best(read_report(self.run), self.given_names) if self.run else self.view().best()

    @cached_property
    def given_names(self) -> dict[str, str]:
        """The name of each controller that the run was given, by id; empty for an archive alone."""
        return self.run.given_names() if self.run else {}

    def existing(self, version: str) -> str:
        """Return ``version`` if it is in the archive. Only checked ids may become part of a path.

        Raises:
            EnvironmentMissing: the archive has no such version.
            DamagedFile: the version cannot be read.
        """
        view = self.view()
        if version in view.problems:
            raise DamagedFile(view.problems[version])
        if version not in view.overview.by_id and version not in view.by_id:
            raise EnvironmentMissing(f"no version {version[:80]!r} in this archive")
        return version

    def card(self, version: str) -> Card:
        """Return a version's card."""
        return self._archive.card(self.existing(version))

    def source(self, version: str) -> str:
        """Return a version's source."""
        return self._archive.source(self.existing(version))

    def source_bytes(self, version: str) -> bytes:
        """Return a version's source as it was archived: its hash is that of the card."""
        self.source(version)  # the errors of a missing or damaged source
        return (self.root / version / SOURCE).read_bytes()

    def transcript(self, version: str) -> str:
        """Return the conversation that led to a version."""
        return self._archive.transcript(self.existing(version))

    def logs(self, version: str) -> Logs:
        """Return the action logs of a version.

        Raises:
            InputError: the version has no logs, or they are damaged or too large.
        """
        return self._logs.get(version, lambda: self._read_logs(version))

    def _read_logs(self, version: str) -> Logs:
        path = self.root / self.existing(version) / "logs.npz"
        if path.is_file() and path.stat().st_size > _MOST_LOG_BYTES:
            raise InputError(f"the action logs of {version} are larger than what is opened here; see `autotts trace`")
        return self._archive.logs(version)

    @property
    def _archive(self) -> Archive:
        return Archive(self.root)  # a new object, because an archive caches every card that it has read

    # Environments

    def environments(self, protocol: EvaluationProtocol) -> tuple[Environment, ...]:
        """Return the environments of a protocol, each with the content hash of the protocol.

        Raises:
            InputError: an environment is missing; the message says which, and what to do.
        """
        named = protocol.environments.items()
        return self._environments.get(protocol.key(), lambda: tuple(self.environment(*pair) for pair in named))

    def environment(self, name: str, sha256: str) -> Environment:
        """Return the environment ``name`` with this content hash, from the run, the data root, or the built-in ones.

        Raises:
            InputError: as for `environments`.
        """
        file = catalogue.path_of(Path(), name).as_posix()
        roots = [self.run.home / name for name in ("environments", HELD_OUT)] if self.run else []
        for root in (*roots, self.data):
            if not (root / file).is_file():
                continue
            with on_this_machine(root / file) as path:
                loaded = catalogue.named(store.load(path), name)
            if loaded.hash == sha256:
                return loaded
        if name.startswith("synthetic/"):
            from autotts.envs.synthetic.model import default_environments

            for built_in in default_environments():
                if built_in.name == name and built_in.hash == sha256:
                    return built_in
        raise InputError(
            f"the recorded branches of {name} (hash {sha256[:12]}) are not under the data root {self.data}: import "
            "them with `autotts env import`, or name the data root with --data"
        )

    def episodes(self, protocol: EvaluationProtocol) -> Episodes:
        """Return the episodes of a protocol, in the order of the action logs."""
        p = protocol

        def made() -> Episodes:
            orders = range(p.first_order, p.first_order + p.orders)
            return grid(self.environments(p), p.betas, orders, p.max_branches, p.max_tokens)

        return self._batches.get(p.key(), made)

    def measured(self, version: str) -> Measurement:
        """Return the measurements of a version in every episode of its protocol.

        Raises:
            InputError: the version did not run, its logs are damaged, or an environment is missing.
        """

        def made() -> Measurement:
            episodes, logs = self.batch(self.card(version))
            try:
                return Measurement.of(episodes, logs)
            except ForgedLog as forged:
                raise DamagedFile(f"version {version} has logs that no controller can have made ({forged})") from None

        return self._measured.get(version, made)

    def batch(self, card: Card) -> tuple[Episodes, Logs]:
        """Return the episodes of a version, and its action logs.

        Raises:
            InputError: as for `measured`.
        """
        episodes, logs = self.episodes(card.protocol), self.logs(card.id)
        if len(logs) != len(episodes):
            raise DamagedFile(f"version {card.id} has logs of {len(logs)} episodes, but was tried on {len(episodes)}")
        return episodes, logs


def open_reader(home: str | None, archive: str | None, data: str | None) -> ArchiveReader:
    """Return the reader of the archive that the command line names: an archive, a run, or the newest run.

    Raises:
        InputError: there is no such archive or run.
    """
    return ArchiveReader(*_chosen(home, archive), catalogue.data_root(data))


def _chosen(home: str | None, archive: str | None) -> tuple[AnyPath, Run | None]:
    if archive is None:
        run = resolve.chosen_run(home)
        return run.archive.root, run
    chosen = resolve.chosen_archive(None, archive)
    belongs_to = resolve.run_of(chosen)
    if belongs_to is None and (chosen.root / "config.json").is_file():
        raise InputError(f"{chosen.root} is a run directory, not an archive: name it with --run")
    return chosen.root, belongs_to


class RecentlyUsed(OrderedDict[Hashable, T]):
    """A cache of the values that were used last, by key."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._lock = most, threading.RLock()

    def get(self, key: Hashable, made: Callable[[], T]) -> T:  # type: ignore[override]
        """Return the cached value of ``key``, or make and cache it."""
        with self._lock:
            if key not in self:
                self[key] = made()
                while len(self) > self._most:
                    self.popitem(last=False)
            self.move_to_end(key)
            return self[key]
