"""Checks every file of an archive: hashes, cards, parents, results of replays, figures by question, and the index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import is_sealed, read_sealed

from ..population.overfitting.question_results import QuestionResults
from ..records.card import Card
from ..records.index_row import IndexRow
from .audits import AUDITS
from .holder_file import HOLDER
from .layout import BELIEFS, CARD, COLUMNS, FIGURES, INDEX, MANIFEST, OVERVIEW, REPLAYS, SOURCE, sha256
from .origins import ORIGINS, read_origins
from .run_lock import LOCK
from .storage.addresses import CONFIG, run_home_of
from .storage.stored_path import AnyPath

_NO_VERSIONS = (REPLAYS, FIGURES, ORIGINS, AUDITS, LOCK, HOLDER, BELIEFS, COLUMNS, OVERVIEW)
"""What lies beside the versions."""
_MADE_ANEW = "`autotts archive reindex` makes it anew"


class CheckedArchive(Protocol):
    """The part of an `Archive` that a check needs."""

    @property
    def root(self) -> AnyPath:
        """Where it is."""

    @property
    def derived(self) -> AnyPath:
        """The place of files that follow from its versions."""

    def __contains__(self, version: str) -> bool: ...

    def card(self, version: str) -> Card:
        """See `Archive.card`."""

    def figures(self, version: str) -> QuestionResults | None:
        """See `Archive.figures`."""

    def index(self) -> list[IndexRow]:
        """See `Archive.index`."""


def archive_problems(
    archive: CheckedArchive, each: Callable[[Sequence[AnyPath]], Iterable[AnyPath]] = iter
) -> list[str]:
    """Return the problems of an archive, one line each.

    Args:
        archive: the archive.
        each: called with the entries of its directory; yields them one by one, for example to show progress.
    """
    problems: list[str] = []
    names: set[str] = set()
    for path in each(_entries(archive.root)):
        if path.name.startswith((".", INDEX)) or path.name in _NO_VERSIONS:
            continue
        names.add(path.name)
        problems += check_folder(path)
    for version in sorted(names):
        try:
            card = archive.card(version)
        except (InputError, OSError):
            continue  # `check_folder` has reported it
        problems += [f"{version}: parent {p} is not in the archive" for p in card.parents if p not in names]
    if read_origins(archive.root).damaged:
        problems.append(f"{ORIGINS}: damaged; all figures of this archive count as claimed")
    must = _sealed_run(archive.root)
    return [
        *problems,
        *_audits(archive, must),
        *_replays(archive, must),
        *_figures(archive, must),
        *_index(archive, must),
    ]


def _entries(home: AnyPath) -> list[AnyPath]:
    """Return the files and directories in a directory, sorted by name; none if there is no such directory."""
    return sorted(home.iterdir(), key=lambda path: path.name) if home.is_dir() else []


def _sealed_run(root: AnyPath) -> bool:
    """Return whether an archive belongs to a run whose files have checksums."""
    home = root.parent if isinstance(root, Path) else run_home_of(root)
    if home is None:
        return False
    config = home / CONFIG
    try:
        return is_sealed(config.name, config.read_bytes())
    except OSError:
        return False  # an archive alone


def check_seal(path: AnyPath, must: bool, name: str, advice: str) -> Iterator[str]:
    """Yield the problem of a file with a checksum, if there is one.

    Args:
        path: the file.
        must: whether a file without a checksum is damaged; files of earlier versions have none.
        name: how the line names the file.
        advice: what to do.
    """
    try:
        if must and not is_sealed(path.name, path.read_bytes()):
            yield f"{name}: damaged (it has no checksum); {advice}"
        else:
            read_sealed(path)
    except DamagedFile:
        yield f"{name}: damaged (its content does not match its checksum); {advice}"
    except OSError as error:
        yield f"{name}: not readable ({error.strerror or error}); {advice}"


def _audits(archive: CheckedArchive, must: bool) -> Iterator[str]:
    for path in _entries(archive.root / AUDITS):
        if not path.name.startswith("."):
            yield from check_seal(path, must, f"{AUDITS}/{path.name}", "restore it from a copy")


def _replays(archive: CheckedArchive, must: bool) -> Iterator[str]:
    found: list[AnyPath] = [*(archive.derived / REPLAYS).rglob("*")]
    for path in sorted(found, key=str):
        if path.is_file() and not path.name.startswith("."):
            name = f"{REPLAYS}/{path.parent.name}/{path.name}"
            advice = "remove it, and replay the version again"
            yield from check_seal(path, must, name, advice)
            try:
                json.loads(path.read_bytes())["protocol"]
            except (OSError, ValueError, LookupError, TypeError, RecursionError):
                yield f"{name}: damaged (no result of a replay); {advice}"


def _figures(archive: CheckedArchive, must: bool) -> Iterator[str]:
    for path in _entries(archive.derived / FIGURES):
        if path.name.startswith("."):
            continue
        name, version = f"{FIGURES}/{path.name}", path.name.removesuffix(".npz")
        if version not in archive:
            continue  # of a candidate on its way into the archive
        found = list(check_seal(path, must, name, _MADE_ANEW))
        if not found and archive.figures(version) is None:
            found = [f"{name}: damaged; {_MADE_ANEW}"]
        yield from found


def _index(archive: CheckedArchive, must: bool) -> Iterator[str]:
    """Yield the problems of the index: it cannot be read, or it does not say what the cards say."""
    for name in (INDEX, BELIEFS, COLUMNS, OVERVIEW):
        path = archive.derived / name
        if path.exists() and (found := list(check_seal(path, must, name, _MADE_ANEW))):
            yield from found
            return
    if isinstance(archive.derived, Path) and not (archive.derived / INDEX).exists():
        return
    try:
        rows = archive.index()
    except DamagedFile as error:
        yield str(error)
        return
    for row in rows:
        try:
            card = archive.card(row.id)
        except (InputError, OSError):
            continue  # reported, or removed
        if _facts(row) != _facts(IndexRow.of(card)):
            yield f"{INDEX}: differs from the card of {row.id}; {_MADE_ANEW}"


def _facts(row: IndexRow) -> tuple[object, ...]:
    """Return the cells of a row that follow from its card alone."""
    curve = [(p.beta, p.accuracy, p.tokens, p.latency) for p in row.mean_curve]
    return row.id, row.generation, row.name, row.parents, row.verdict, row.source_sha256, curve


def check_folder(path: AnyPath) -> Iterator[str]:
    """Yield the problems of the folder of a version, one line each."""
    try:
        written = (path / MANIFEST).read_bytes()
        expected = dict(json.loads(written))
    except (OSError, ValueError, TypeError, RecursionError, DamagedFile) as error:
        yield f"{path.name}: no readable {MANIFEST} ({error})"
        return
    if written != json.dumps(expected, indent=1).encode():
        yield f"{path.name}/{MANIFEST}: not as it was written"
    present = {file.name for file in path.iterdir()} - {MANIFEST}
    for name in sorted(present - expected.keys()):
        yield f"{path.name}/{name}: not in the manifest"
    for name, wanted in sorted(expected.items()):
        if name not in present:
            yield f"{path.name}/{name}: missing"
        elif not _matches(path / name, wanted):
            yield f"{path.name}/{name}: content does not match its hash"
    try:
        card = Card.model_validate_json((path / CARD).read_bytes())
        if card.id != path.name:
            yield f"{path.name}/{CARD}: is the card of {card.id}"
        if card.source_sha256 != sha256((path / SOURCE).read_bytes()):
            yield f"{path.name}/{CARD}: names another source"
    except (OSError, ValidationError, DamagedFile):
        yield f"{path.name}/{CARD}: not a card"


def _matches(path: AnyPath, wanted: str) -> bool:
    """Return whether a file has the content with the hash ``wanted``."""
    try:
        return path.is_file() and sha256(path.read_bytes()) == wanted
    except DamagedFile:  # a database knows the hash too
        return False
