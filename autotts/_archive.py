"""An archive as a sequence of versions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from autotts.agent.archive import resolve
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.best import BestVersion
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.shipped import PREFIX
from autotts.agent.archive.storage.addresses import located
from autotts.agent.archive.version import ArchivedVersions, Version
from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

if TYPE_CHECKING:
    import pandas


class ArchiveView(Sequence[Version]):
    """The versions of an archive, by generation and id, as they are at the first look; nothing here writes.

    ``archive["g003-1f0c77aa"]`` (or the beginning of an id, or the name of a champion) and ``archive[0]`` return a
    version, ``in`` takes an id.
    All versions of a run were measured on the same episodes. An archive of imported bundles may hold others.

    Attributes:
        root: the archive's directory.
    """

    def __init__(self, archive: Archive) -> None:
        self.root = archive.root
        self._all = ArchivedVersions(archive)

    @property
    def _versions(self) -> dict[str, Version]:
        return self._all.by_id

    def __len__(self) -> int:
        return len(self._versions)

    def __iter__(self) -> Iterator[Version]:
        return iter(self._versions.values())

    def __contains__(self, version: object) -> bool:
        return version in self._versions or version in self._versions.values()

    @overload
    def __getitem__(self, which: int | str) -> Version: ...
    @overload
    def __getitem__(self, which: slice) -> list[Version]: ...
    def __getitem__(self, which: int | str | slice) -> Version | list[Version]:
        """Return a version by its place, its id or its name as a champion, or several by their places.

        Raises:
            InputError: no version, or more than one, has an id that begins with this text.
            IndexError: there is no such place.
        """
        if isinstance(which, str):
            return self._versions[self._resolve(which)]
        return list(self._versions.values())[which]

    def __repr__(self) -> str:
        return f"<archive {self.root}: {len(self)} versions>"

    def _resolve(self, name: str) -> str:
        named = self._all.champion_names.items()
        roles = (version for version, names in named if name in names or f"{PREFIX}{name}" in names)
        return next(roles, None) or self._all.archive.resolve(name)

    @property
    def front(self) -> list[Version]:
        """The versions that no other one beats in both accuracy and tokens, from frugal to accurate."""
        return [self._versions[version] for version in self._all.front_ids]

    @property
    def best(self) -> Version | None:
        """The best version, by the one rule that every command and report follows (`choice` says which)."""
        found = self._all.best
        return self._versions.get(found.id) if found else None

    @property
    def choice(self) -> BestVersion | None:
        """The rule that chose `best`, its quality, and a baseline that is ahead of it; None if no version has figures.

        Raises:
            DamagedFile: the report of the run is damaged.
        """
        return self._all.best

    def to_dataframe(self, *, curves: bool = False) -> pandas.DataFrame:
        """Return the versions as a table, one a row; needs pandas.

        Args:
            curves: one row for each point of each scaling curve instead: version, environment, beta, accuracy in per
                cent, tokens and latency of a question, and the 95% intervals.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise InputError(f"to_dataframe needs pandas: {install_command('dataframe')}") from None
        rows = [row for version in self for row in (_points(version) if curves else [_row(version)])]
        return pandas.DataFrame(rows, columns=list(_POINT if curves else _ROW))


def open_archive(path: str | os.PathLike[str] | None = None) -> ArchiveView:
    """Open an archive to read it, also while a run adds to it.

    Args:
        path: a run directory, the directory of an archive, or the name of one that ships, such as ``shipped:evolve``;
            the newest run under ``./runs`` if None.

    Raises:
        InputError: there is no such run or archive.
    """
    if path is None:
        return ArchiveView(resolve.chosen_run(None).archive)
    if isinstance(path, str) and path.startswith(PREFIX):
        return ArchiveView(resolve.chosen_archive(None, path))
    home = located(os.fspath(path), "run")
    if (home / "config.json").is_file():
        return ArchiveView(Run(home).archive)
    archive = resolve.chosen_archive(None, os.fspath(path))
    if not archive.ids():
        raise InputError(f"{home} holds no versions: name a run directory, or the directory of an archive")
    return ArchiveView(archive)


_ROW = ("id", "name", "generation", "explorer", "parents", "verdict", "quality", "dollars", "rationale")
_POINT = (
    "version", "environment", "beta", "accuracy_pct", "accuracy_low", "accuracy_high", "mean_tokens", "tokens_low",
    "tokens_high", "mean_latency",
)  # fmt: skip


def _row(version: Version) -> tuple[Any, ...]:
    v = version
    return (
        v.id, v.name, v.generation, v.explorer, v.parents, v.verdict, v.quality, v.cost.dollars, v.rationale,
    )  # fmt: skip


def _points(version: Version) -> Iterator[tuple[Any, ...]]:
    for p in version.points:
        yield (
            version.id, p.environment, p.beta, p.accuracy_pct, *p.accuracy_ci, p.mean_tokens, *p.mean_tokens_ci,
            p.mean_latency,
        )  # fmt: skip
