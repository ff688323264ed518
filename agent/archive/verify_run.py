"""Checks every file of a run directory against its checksum, and says of each damaged one what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autotts.envs import store
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import is_sealed, line_content

from ..records.events import read_event
from ..records.version import GIVEN
from .archive import Archive
from .checkpoint_seals import checkpoint_problems, checksum_file, has_checksums
from .holder_file import HOLDER, RunningProcess
from .run_directory import HELD_OUT, Run
from .run_lock import LOCK
from .storage.addresses import archive_of
from .storage.paths import below, on_this_machine
from .storage.stored_path import AnyPath
from .verify import check_seal

ARCHIVE, CONFIG, EVENTS, CHECKPOINT = "archive", "config.json", "events.jsonl", "checkpoint.sqlite"
_UNKNOWN_FORM = "no checksum (written by an earlier version)"
_RESUME = "remove it and checkpoint.sqlite, and resume"
_COPY = "restore it from a copy"
_ADVICE: dict[str, str] = {
    CONFIG: f"{_COPY}; or remove the last line `checksum`, if the change is yours",
    "settings.json": "remove it: only the sources of the settings are lost",
    "limits.json": "remove it, and give the limits anew",
    "tracker.json": "remove it: the tracker begins a new run",
    "thread.json": "begin another thread",
    "report.json": _RESUME,
    "report.md": "remove it: `autotts archive reindex` makes it anew",
}
"""What to do about a damaged file of the run directory, by name."""
_IN: dict[str, str] = {
    "staged": "remove the directory staged and checkpoint.sqlite, and resume",
    "calls": "remove it, and resume: only that call is repeated",
    "workspaces": "remove it, and resume",
    GIVEN: "begin another run with --from",
}
"""The same for the files of a directory."""
_AGENTS = "the work of a coding agent"


@dataclass(frozen=True, slots=True)
class RunCheck:
    """The result of the check of a run."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check_run(home: AnyPath, each: Callable[[Sequence[AnyPath]], Iterable[AnyPath]] = iter) -> RunCheck:
    """Check every file of a run; nothing is written.

    Args:
        home: where the run is.
        each: called with the files outside the archive; yields them one by one, for example to show progress.

    Raises:
        InputError: the directory has no settings of a run.
    """
    config = home / CONFIG
    if not config.is_file():
        raise InputError(f"{home} is not a run directory: it has no {CONFIG}")
    must = is_sealed(CONFIG, config.read_bytes())
    problems, notes = list[str](), list[str]()
    hashes: dict[str, dict[str, str]] = {}
    try:
        run = Run(home)
        hashes = {"environments": run.config.environments | run.config.simulated, HELD_OUT: run.config.held_out}
        run.given()
    except (InputError, OSError) as error:
        problems.append(str(error))
    for place, named in hashes.items():
        with on_this_machine(home / place) as directory:
            for name, digest in named.items():
                problems += _environment(directory, place, name, digest)
    files: list[AnyPath] = [path for path in home.rglob("*") if below(path, home).parts[0] != ARCHIVE]
    files.sort(key=lambda path: below(path, home))
    for path in each([path for path in files if path.is_file() or path.is_symlink()]):
        name = below(path, home).as_posix()
        found, note = _check(path, name, must)
        problems += found
        notes += [f"{name}: {note}"] if note else []
    problems += [f"{ARCHIVE}/{line}" for line in Archive(archive_of(home)).verify()]
    return RunCheck(tuple(dict.fromkeys(problems)), tuple(notes))


def _check(path: AnyPath, name: str, must: bool) -> tuple[list[str], str]:
    """Return the problems of a file, and a note if it could not be checked."""
    place, _, rest = name.partition("/")
    if path.is_symlink():
        return [], "a link, and not checked"
    if name == EVENTS:
        return list(_events(path, must)), "" if must else _UNKNOWN_FORM
    if name == CHECKPOINT and isinstance(path, Path):
        found = [f"{name}: damaged ({what}); remove it, and resume" for what in checkpoint_problems(path)]
        return found, "" if has_checksums(path) else _UNKNOWN_FORM
    if name == checksum_file(Path(CHECKPOINT)).name:
        there = path.with_name(CHECKPOINT).is_file()  # then it is checked with the database
        return [] if there else [f"{name}: {CHECKPOINT} is missing; remove it, and resume"], ""
    if name in (f"{CHECKPOINT}-wal", f"{CHECKPOINT}-shm"):
        return [], ""  # a part of the database after a kill
    if name in (LOCK, HOLDER):
        known = RunningProcess.read(path.read_bytes()) is not None
        return [] if known else [f"{name}: damaged; remove it while nobody works on the run"], ""
    if place in ("environments", HELD_OUT) or (place in _IN and rest) or _of_the_run(name):
        return _sealed(path, name, must)
    return [], "not a file of a run, and not checked"


def _of_the_run(name: str) -> bool:
    """Return whether a name is that of a file of the run directory; a report that was set aside has a generation."""
    return name in _ADVICE or (name.startswith("report-g") and name.endswith((".json", ".md")))


def _sealed(path: AnyPath, name: str, must: bool) -> tuple[list[str], str]:
    """Return the problems of a file with a checksum, and a note if it has none."""
    place, _, rest = name.partition("/")
    if place == "workspaces" and ("/" in rest or not rest.endswith((".result.json", ".log"))):
        return [], f"{_AGENTS}, and not checked"
    advice = _ADVICE.get(name) or _IN.get(place, _COPY)
    required = must and path.stat().st_size > 2  # an empty object has no place for a checksum
    found = list(check_seal(path, required, name, advice))
    if found or is_sealed(path.name, path.read_bytes()):
        return found, ""
    if path.suffix == ".json":
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return [f"{name}: damaged (not JSON); {advice}"], ""
    return [], _UNKNOWN_FORM


def _environment(directory: Path, place: str, name: str, digest: str) -> Iterator[str]:
    """Yield the problem of an environment of the run, whose content hash the settings name."""
    shown = f"{place}/{name}{store.SUFFIX}"
    try:
        if store.load(directory / f"{name}{store.SUFFIX}").hash != digest:
            yield f"{shown}: not the environment that the settings name; {_COPY}"
    except (DamagedFile, InputError, OSError) as error:
        yield f"{shown}: {error}; {_COPY}"


def _events(path: AnyPath, must: bool) -> Iterator[str]:
    """Yield the damaged lines of the event log. Reading passes over them; a kill may cut the last one short."""
    lines = path.read_bytes().split(b"\n")
    whole, last = lines[:-1], lines[-1]
    for number, data in enumerate(whole, 1):
        text = data.decode("utf-8", "replace")
        inner = line_content(text)
        if inner is None or (must and inner == text) or _event(inner) is None:
            yield f"{EVENTS}: line {number} is damaged, and passed over; {_COPY}, or remove the line"
    if last:
        yield f"{EVENTS}: line {len(lines)} has no end, and is passed over; remove it"


def _event(text: str) -> object:
    try:
        return read_event(json.loads(text))
    except (ValueError, RecursionError):
        return None
