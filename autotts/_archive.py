"""An archive as a sequence of versions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from autotts.agent import population
from autotts.agent.archive import resolve
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.run_directory import Run
from autotts.agent.records.card import Card
from autotts.agent.records.version import Cost, Finding, ScalingCurve
from autotts.envs.errors import InputError
from autotts.envs.extras import install_command
from autotts.envs.statistics import Point

if TYPE_CHECKING:
    import pandas


class ArchivedVersion:
    """A version of an archive: a view of its card, and of the files beside it.

    Two figures may be compared only if they were measured on the same episodes: see `ArchiveView`.
    """

    def __init__(self, archive: Archive, card: Card, quality: float | None) -> None:
        self._archive, self._card, self._quality = archive, card, quality

    def __repr__(self) -> str:
        shown = "" if self.quality is None else f", quality {self.quality:.2f}"
        return f"<version {self.id}: generation {self.generation}, {self.explorer}, {self.verdict}{shown}>"

    @property
    def id(self) -> str:
        """The version's name in its archive: generation and hash."""
        return self._card.id

    @property
    def name(self) -> str:
        """What the controller calls itself, or the name of a baseline."""
        return self._card.name

    @property
    def generation(self) -> int:
        """0 for a baseline."""
        return self._card.generation

    @property
    def explorer(self) -> str:
        """Who wrote it."""
        return self._card.explorer

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of the versions that it comes from."""
        return self._card.parents

    @property
    def rationale(self) -> str:
        """What was changed, and why."""
        return self._card.rationale

    @property
    def verdict(self) -> str:
        """``ok`` if it ran on every episode, else how it failed (`Verdict.kind`), ``duplicate`` or ``screened``."""
        return self._card.verdict

    @property
    def message(self) -> str:
        """What happened, where it failed."""
        return self._card.message

    @property
    def ok(self) -> bool:
        """Whether it ran on every episode, and so has figures."""
        return self._card.ok

    @property
    def quality(self) -> float | None:
        """Mean accuracy over the token budgets of the baselines, in per cent; None if it has no figures."""
        return self._quality

    @property
    def curve(self) -> ScalingCurve:
        """The scaling curve on the mean of the search environments; empty if it has no figures."""
        return self._card.mean_curve

    @property
    def points(self) -> tuple[Point, ...]:
        """The scaling curves on each environment and on their mean, with 95% intervals over questions."""
        return self._archive.card(self.id).curve

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the diagnosis of its traces has found."""
        return self._card.findings

    @property
    def outcome(self) -> str:
        """What its explorer predicted of it, and what was seen."""
        return self._card.outcome

    @property
    def cost(self) -> Cost:
        """What the calls that led to it have cost."""
        return self._card.cost

    @property
    def source(self) -> str:
        """The Python source of the controller.

        Raises:
            DamagedFile: its file is damaged.
        """
        return self._archive.source(self.id)


class ArchiveView(Sequence[ArchivedVersion]):
    """The versions of an archive, by generation and id, as they are at the first look; nothing here writes.

    ``archive["g003-1f0c77aa"]`` (or the beginning of an id) and ``archive[0]`` return a version, ``in`` takes an id.
    All versions of a run were measured on the same episodes. An archive of imported bundles may hold others.

    Attributes:
        root: the archive's directory.
    """

    def __init__(self, archive: Archive) -> None:
        self.root = archive.root
        self._archive = archive

    @cached_property
    def _cards(self) -> list[Card]:
        return self._archive.cards_with_beliefs()

    @cached_property
    def _versions(self) -> dict[str, ArchivedVersion]:
        ran = [card for card in self._cards if card.ok]
        found = dict(zip((c.id for c in ran), population.qualities(ran, population.budgets(self._cards)), strict=True))
        quality = {version: float(value) for version, value in found.items()}
        return {card.id: ArchivedVersion(self._archive, card, quality.get(card.id)) for card in self._cards}

    def __len__(self) -> int:
        return len(self._versions)

    def __iter__(self) -> Iterator[ArchivedVersion]:
        return iter(self._versions.values())

    def __contains__(self, version: object) -> bool:
        return version in self._versions or version in self._versions.values()

    @overload
    def __getitem__(self, which: int | str) -> ArchivedVersion: ...
    @overload
    def __getitem__(self, which: slice) -> list[ArchivedVersion]: ...
    def __getitem__(self, which: int | str | slice) -> ArchivedVersion | list[ArchivedVersion]:
        """Return a version by its place or its id, or several by their places.

        Raises:
            InputError: no version, or more than one, has an id that begins with this text.
            IndexError: there is no such place.
        """
        if isinstance(which, str):
            return self._versions[self._archive.resolve(which)]
        return list(self._versions.values())[which]

    def __repr__(self) -> str:
        return f"<archive {self.root}: {len(self)} versions>"

    @property
    def front(self) -> list[ArchivedVersion]:
        """The versions that no other one beats in both accuracy and tokens, from frugal to accurate."""
        return [self._versions[card.id] for card in population.front(self._cards)]

    @property
    def best(self) -> ArchivedVersion | None:
        """The version of the highest quality, with its luck discounted; None if no version has figures."""
        ranked = population.ranked(self._cards)
        return self._versions[ranked[0].id] if ranked else None

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
        path: a run directory, or the directory of an archive; the newest run under ``./runs`` if None.

    Raises:
        InputError: there is no such run or archive.
    """
    if path is None:
        return ArchiveView(resolve.chosen_run(None).archive)
    home = Path(path)
    if (home / "config.json").is_file():
        return ArchiveView(Run(home).archive)
    archive = resolve.chosen_archive(None, os.fspath(home))
    if not archive.ids():
        raise InputError(f"{home} holds no versions: name a run directory, or the directory of an archive")
    return ArchiveView(archive)


_ROW = ("id", "name", "generation", "explorer", "parents", "verdict", "quality", "dollars", "rationale")
_POINT = (
    "version", "environment", "beta", "accuracy_pct", "accuracy_low", "accuracy_high", "mean_tokens", "tokens_low",
    "tokens_high", "mean_latency",
)  # fmt: skip


def _row(version: ArchivedVersion) -> tuple[Any, ...]:
    v = version
    return (
        v.id, v.name, v.generation, v.explorer, v.parents, v.verdict, v.quality, v.cost.dollars, v.rationale,
    )  # fmt: skip


def _points(version: ArchivedVersion) -> Iterator[tuple[Any, ...]]:
    for p in version.points:
        yield (
            version.id, p.environment, p.beta, p.accuracy_pct, *p.accuracy_ci, p.mean_tokens, *p.mean_tokens_ci,
            p.mean_latency,
        )  # fmt: skip
