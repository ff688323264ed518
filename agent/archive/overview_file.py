"""The overview of a large archive as a file, and the state of the archive of which it tells.

The file is derived data: `Archive.reindex` writes it with every generation. A reader compares its state with that of
the archive, and computes the overview itself if versions or beliefs have changed since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed

from ..records.index_row import IndexRow
from ..records.version import Credit
from .best import BaselineAhead, BestVersion, HigherVersion
from .layout import BELIEFS, COLUMNS, OVERVIEW
from .overview import ArchiveOverview, BornOnIsland, GenerationTotals
from .storage.protocol import Storage
from .storage.stored_path import AnyPath

_SEAL = 64
"""Characters of the checksum that ends a sealed zip."""


def state_of(storage: Storage, home: AnyPath, names: Sequence[str]) -> str:
    """Return the state of an archive whose columns or beliefs were just written; empty if it has other versions.

    Args:
        storage: its storage.
        home: directory of the files that follow from the versions.
        names: the versions of which they tell.
    """
    if storage.version_rows is None:
        return state_of_folders(names, home) if isinstance(home, Path) else ""
    return state_of_rows(storage) if storage.version_rows.state()[0] == len(names) else ""


def state_of_folders(names: Iterable[str], home: Path) -> str:
    """Return the state of an archive in a directory: its versions, and the checksum of its columns.

    Args:
        names: the folders of its versions.
        home: directory of the files that follow from them.
    """
    try:
        with open(home / COLUMNS, "rb") as file:
            file.seek(-_SEAL, 2)
            checksum = file.read()
    except OSError:
        return ""
    return hashlib.sha256("\n".join(sorted(names)).encode() + b"\0" + checksum).hexdigest()


def state_of_rows(storage: Storage) -> str:
    """Return the state of an archive in a storage that keeps rows: its versions, and the change of its beliefs."""
    assert storage.version_rows is not None, "a storage that is no directory keeps rows"
    versions, change = storage.version_rows.state()
    beliefs = storage.stamp(BELIEFS)
    return f"{versions} {change} {beliefs.changed} {beliefs.size}" if beliefs else ""


def write_overview(home: AnyPath, overview: ArchiveOverview, state: str) -> None:
    """Write the overview of an archive in a state."""
    document = {name: getattr(overview, name) for name in ArchiveOverview.__slots__}
    document |= {"state": state, "rows": [row.cells() for row in overview.rows]}
    for name in ("credits", "islands"):
        document[name] = {key: asdict(each) for key, each in document[name].items()}
    document["generations"] = [
        [getattr(each, name) for name in GenerationTotals.__slots__] for each in overview.generations
    ]
    document["best"] = asdict(overview.best) if overview.best else None
    write_sealed(home / OVERVIEW, json.dumps(document).encode())


def read_overview(home: AnyPath, state: str) -> ArchiveOverview | None:
    """Return the overview of an archive; None if there is none of this state.

    Raises:
        DamagedFile: the file is damaged.
    """
    path = home / OVERVIEW
    try:
        document: dict[str, Any] = json.loads(read_sealed(path))
        if not state or document.pop("state") != state:
            return None
        return ArchiveOverview(
            versions=document["versions"], verdicts=document["verdicts"], ran=document["ran"],
            generations=tuple(GenerationTotals(*each) for each in document["generations"]),
            hypervolume=(document["hypervolume"][0], document["hypervolume"][1]),
            credits={name: Credit(**each) for name, each in document["credits"].items()},
            islands={name: BornOnIsland(**each) for name, each in document["islands"].items()},
            budgets=tuple(document["budgets"]),
            rows=tuple(IndexRow.read(tuple(cells)) for cells in document["rows"]),
            quality=document["quality"], leading=tuple(document["leading"]), front=tuple(document["front"]),
            best=_best(document["best"]),
        )  # fmt: skip
    except FileNotFoundError:
        return None
    except DamagedFile:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile(f"{path}: damaged ({error}); `autotts archive reindex` makes it anew") from None


def _best(found: dict[str, Any] | None) -> BestVersion | None:
    if found is None:
        return None
    ahead = BaselineAhead(**found["ahead"]) if found["ahead"] else None
    higher = tuple(HigherVersion(**each) for each in found["higher"])
    return BestVersion(found["id"], found["quality"], found["rule"], found["discovered"], ahead, higher)
