"""Where the versions of an archive come from: which were imported, and whether their figures were scored again here.

The file is beside the versions and never part of one, so no bundle can bring it along. A version that is not in it was
measured by a run of this archive. If the file is damaged, every version counts as claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed

from ..records.card import Card, FrozenModel
from .storage.stored_path import AnyPath

ORIGINS = "origins.json"
ADVICE = "score it again with `autotts archive verify --rescore`"

FigureState = Literal["claimed", "rescored"]
"""Whether figures are those of the bundle, or follow from the action logs, which were scored again here."""


class VersionOrigin(FrozenModel):
    """The origin of an imported version."""

    bundle: str
    """SHA-256 of the bundle."""
    figures: FigureState


@dataclass(frozen=True, slots=True)
class RescoredVersion:
    """The result of scoring a version again."""

    figures: FigureState
    """``rescored`` if its logs give the figures of its card, or if it has no figures."""
    difference: str = ""
    """How its logs and its card differ; empty if they agree, or if they could not be compared."""
    reason: str = ""
    """Why they could not be compared."""


@dataclass(frozen=True, slots=True)
class RescoredArchive:
    """The result of scoring all versions of an archive again."""

    rescored: tuple[str, ...]
    """Versions whose logs give the figures of their cards."""
    differences: dict[str, str]
    """How logs and card differ, by id of the version."""
    unchecked: dict[str, str]
    """Why a version could not be scored, by its id."""


Rescore = Callable[[Card, bytes | None], RescoredVersion]
"""Scores a version again, from its card and its packed action logs (`agent.diagnosis.rescoring`)."""


class ArchiveOrigins(FrozenModel):
    """The content of the file."""

    imported: dict[str, VersionOrigin] = Field(default_factory=dict)
    """By id of the version."""
    damaged: bool = False
    """Whether the file could not be read."""

    def claimed(self, version: str) -> bool:
        """Return whether the figures of a version are only claimed."""
        if self.damaged:
            return True
        return version in self.imported and self.imported[version].figures == "claimed"


def read_origins(root: AnyPath) -> ArchiveOrigins:
    """Return the origins of the versions of an archive."""
    try:
        return ArchiveOrigins.model_validate_json(read_sealed(root / ORIGINS))
    except FileNotFoundError:
        return ArchiveOrigins()
    except (OSError, ValidationError, DamagedFile):
        return ArchiveOrigins(damaged=True)


def record_origins(root: AnyPath, imported: Mapping[str, VersionOrigin]) -> None:
    """Add origins to those of an archive, in place of earlier ones of the same versions.

    Raises:
        DamagedFile: the file is damaged.
    """
    origins = read_origins(root)
    if origins.damaged:
        raise DamagedFile(f"{root / ORIGINS}: damaged; remove it, and import the bundles again into another archive")
    merged = ArchiveOrigins(imported={**origins.imported, **imported})
    write_sealed(root / ORIGINS, merged.model_dump_json(indent=1, exclude={"damaged"}).encode())
