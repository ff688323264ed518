"""Copies an archive, or a run with its archive, to another place, for example from a directory to a database.

Every file arrives byte for byte, and is compared by its hash after it was written. What is there already with the same
content is left; what is there with another content is told and never replaced. So a copy that was stopped goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from autotts.envs.errors import DamagedFile, InputError

from ..records.index_row import IndexRow
from .archive import Archive
from .holder_file import HOLDER
from .layout import BELIEFS, COLUMNS, INDEX, MANIFEST, OVERVIEW, sha256
from .origins import ORIGINS
from .run_hold import running, working_on
from .run_lock import LOCK
from .shipped import PREFIX, shipped_root
from .storage.addresses import ARCHIVE, CONFIG, archive_of, located, names_server, of_a_run, run_home_of, storage_of
from .storage.paths import copy_folder
from .storage.protocol import ImmutableFolder, Storage
from .storage.stored_path import AnyPath
from .verify import check_folder

_LEFT_OUT = {
    LOCK: "", HOLDER: "", INDEX: "the index, which is made anew", BELIEFS: "the index, which is made anew",
    COLUMNS: "the index, which is made anew", OVERVIEW: "the index, which is made anew",
    "checkpoint": "the checkpoint: a resumed run begins at the generation that it had reached",
    "workspaces": "the working directories of coding agents",
}  # fmt: skip
"""What is not copied, by the beginning of its name up to a dot or a slash, and how a user is told."""
_GENERATION = re.compile(r"g\d+-")
_LOG = ".jsonl"
"""Ends the names of logs."""


@dataclass(slots=True)
class CopiedArchive:
    """The result of a copy."""

    versions: int = 0
    files: int = 0
    """Files and logs that were written, those of versions not counted."""
    present: int = 0
    """Versions and files that were there already, with the same content."""
    skipped: list[str] = field(default_factory=list)
    """What was left out, in words."""
    problems: list[str] = field(default_factory=list)
    """What could not be copied: damaged in the source, or there already with another content."""


def copy_archive(
    source: AnyPath, target: AnyPath, each: Callable[[Sequence[str]], Iterable[str]] = iter
) -> CopiedArchive:
    """Copy an archive, or a run with its archive.

    Args:
        source: the archive, or the run.
        target: where the copy is, or where it will be; of the same kind.
        each: called with the names of versions; yields them one by one, for example to show progress.

    Raises:
        InputError: there is no such source, or it is one of the two that a process is working on.
        OSError: a file could not be written.
    """
    done = CopiedArchive()
    whole = (source / CONFIG).is_file()
    holder = source if whole else run_home_of(source) or source
    if (busy := running(holder)) is not None:
        raise InputError(f"{holder} is being worked on by {busy}: copy it when that has ended")
    if not whole and of_a_run(target):
        raise InputError(f"{target} belongs to a run, whose search would take the versions for its own")
    with working_on(target):
        if whole:
            _versions(archive_of(source), archive_of(target), done, each)
            _files(source, target, done)
        else:
            _versions(source, target, done, each)
    done.skipped = list(dict.fromkeys(done.skipped))
    return done


def copied_places(source: str, target: str) -> tuple[AnyPath, AnyPath]:
    """Return what a user wants to copy, and where to: two runs, or two archives.

    Raises:
        InputError: there is no such source, or the target is no place for it.
    """
    if source.startswith(PREFIX):
        return shipped_root(source), located(target, "archive")
    home: AnyPath | None = None if names_server(source) else located(source, "run")
    whole = home is not None and (home / CONFIG).is_file()
    found = home if whole and home is not None else located(source, "archive")
    if not found.is_dir():
        raise InputError(f"{source} is neither a run nor an archive: nothing is there")
    if whole and names_server(target):
        raise InputError(f"{target}: name the run, as in {target}/NAME")
    place = located(target, "run" if whole else "archive")
    if str(found) == str(place):
        raise InputError(f"{source} and {target} are the same place")
    return found, place


def _versions(
    source: AnyPath, target: AnyPath, done: CopiedArchive, each: Callable[[Sequence[str]], Iterable[str]]
) -> None:
    """Copy an archive: what says whether to trust its versions comes first, and parents before children."""
    _files(source, target, done, first=True)
    old, new = storage_of(source), storage_of(target)
    archive = Archive(source)
    for version in each(sorted(old.folders(), key=_age)):
        if new.has(version):
            if new.read(f"{version}/{MANIFEST}") == old.read(f"{version}/{MANIFEST}"):
                done.present += 1
            else:
                done.problems.append(f"{version}: there already, with another content")
            continue
        if damage := list(check_folder(source / version)):
            done.problems.append(f"{damage[0]}; not copied")
            continue
        try:
            row = IndexRow.of(archive.card(version)) if new.version_rows is not None else None
            copy_folder(source, target, version, row)
        except (DamagedFile, ImmutableFolder) as error:
            done.problems.append(f"{error}; not copied")
            continue
        done.problems += check_folder(target / version)
        done.versions += 1
    _files(source, target, done)
    if new.exists() and not done.problems:
        Archive(target).reindex()


def _age(version: str) -> tuple[str, str]:
    """Return a key that sorts parents before children: ids begin with the generation, except those of generation 0."""
    found = _GENERATION.match(version)
    return (found[0] if found else "", version)


def _files(source: AnyPath, target: AnyPath, done: CopiedArchive, first: bool = False) -> None:
    """Copy the files and logs beside the versions.

    Args:
        source, target: the run or the archive, and its copy.
        done: what was done so far.
        first: whether to copy only the files that say how far the versions are to be trusted.
    """
    old, new = storage_of(source), storage_of(target)
    for name in _names(old, done, (source / CONFIG).is_file()):
        if first and name != ORIGINS and not name.startswith("audits/"):
            continue
        data = old.read(name)
        before = new.read(name) if new.stamp(name) is not None else None
        if before == data:
            done.present += not first
            continue
        if name.endswith(_LOG) and data.startswith(before or b""):
            new.append(name, data[len(before or b"") :])
        elif before is None:
            new.write(name, data)
        else:
            done.problems.append(f"{name}: there already, with another content")
            continue
        if sha256(new.read(name)) != sha256(data):
            done.problems.append(f"{name}: not what was written")
        done.files += 1


def _names(storage: Storage, done: CopiedArchive, is_run: bool) -> Iterator[str]:
    for name in storage.names():
        top = name.partition("/")[0]
        if is_run and top == ARCHIVE:
            continue
        left = next((why for begin, why in _LEFT_OUT.items() if top == begin or top.startswith(f"{begin}.")), None)
        if left is None:
            yield name
        elif left:
            done.skipped.append(left)
