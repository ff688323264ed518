"""Finds the run, the archive and the controller that a name means.

A controller's name is looked up in this order:

1. ``shipped:balanced``, ``shipped:evolve:g007`` and ``PLACE:NAME`` (a run or an archive, and a version in it) say
   where. A place is a directory, or an address such as ``postgresql://host/database/name``.
2. A text that ends in ``.py`` or has a slash is a file.
3. With a named run or archive: a champion or a version of it, then what ships, then the beginning of an id.
4. Otherwise: what ships (champions and baselines), then a champion or a version of the newest run.

A name that two places have is told in one line.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from autotts.envs.errors import InputError
from autotts.sandbox.outcome import Candidate

from .archive import Archive
from .baselines import baseline_names, baseline_source, every_baseline
from .champions import champion, champion_names, champion_source, named_champions
from .run_directory import Run, newest_home, next_home
from .run_report import read_report
from .shipped import PREFIX, archive_name, is_shipped, shipped_archives, shipped_root
from .storage import addresses
from .storage.stored_path import AnyPath

RUNS = Path("runs")
"""Default parent directory of runs."""
ONCE = {"once": "champion of a run"}
"""Attributes of log records of one kind, of which a command shows the first."""
_LOG = logging.getLogger("autotts")
_MOST = 1 << 20
"""Characters of a file that are read as a controller; the policy of the sandbox refuses far fewer."""


@dataclass(frozen=True, slots=True)
class FoundController:
    """A controller that a user named."""

    candidate: Candidate
    """Its name in tables, and its source."""
    archive: Archive | None = None
    """The archive that has it; None for a file, and for a baseline that ships."""
    version: str = ""
    """Its id in the archive."""


def chosen_run(home: str | None) -> Run:
    """Return the run at ``home``, or the newest one."""
    return Run(chosen_home(home))


def chosen_home(home: str | None) -> AnyPath:
    """Return the place of the run at ``home``, or of the newest one: of a server, if ``home`` names no run on it.

    Raises:
        InputError: there is no run.
        StorageUnavailable: the server does not answer.
    """
    if home is not None and addresses.names_server(home):
        return addresses.newest_home(home)
    return addresses.located(home, "run") if home else newest_home(RUNS)


def new_home(home: str | None) -> AnyPath:
    """Return the place of a new run: ``home``, or the next number under ``./runs``, or on the server that it names.

    Raises:
        StorageUnavailable: the server does not answer.
    """
    if home is not None and addresses.names_server(home):
        return addresses.next_home(home)
    return addresses.located(home, "run") if home else next_home(RUNS)


def chosen_archive(home: str | None, archive: str | None) -> Archive:
    """Return the archive ``archive``, else the archive of the run ``home``, else that of the newest run.

    Args:
        home: a run.
        archive: a directory, the address of an archive, or the name of one that ships, such as ``shipped:evolve``.

    Raises:
        InputError: there is no such archive or run.
    """
    if archive is None:
        return chosen_run(home).archive
    if archive.startswith(PREFIX):
        return Archive(shipped_root(archive))
    root = addresses.located(archive, "archive")
    if not root.is_dir():
        ships, what = ", ".join(shipped_archives()), "directory" if isinstance(root, Path) else "archive on this server"
        raise InputError(f"{archive} is not an archive: no such {what}; {ships} ship with the program")
    return Archive(root)


def run_of(archive: Archive) -> Run | None:
    """Return the run that ``archive`` belongs to; None for an archive alone."""
    home = addresses.run_home_of(archive.root)
    return None if home is None else Run(home)


def qualified(archive: Archive, version: str) -> str:
    """Return the name of a version that says where it is: ``shipped:evolve:ID``, ``runs/1:ID``, or ``PLACE:ID``."""
    run = run_of(archive)
    return f"{run.home if run else archive_name(archive.root)}:{version}"


def champions_of(archive: Archive) -> dict[str, str]:
    """Return the champions of an archive, by name: those that ship in it, or those of its run.

    A run has champions after its final evaluation.
    """
    if is_shipped(archive.root):
        here = archive.root.resolve().name
        return {name: version for name, (lineage, version) in named_champions().items() if lineage == here}
    run = run_of(archive)
    report = read_report(run) if run else None
    return {role: version for role, version in report.champions.items() if version in archive} if report else {}


def version_in(archive: Archive, text: str) -> str:
    """Return the id of the version of ``archive`` that ``text`` names: a champion, an id, or the beginning of one.

    Raises:
        InputError: it names none, or more than one.
    """
    return text if text in archive else champions_of(archive).get(text) or archive.resolve(text)


def find_controller(text: str, home: str | None = None, archive: str | None = None) -> FoundController:
    """Return the controller that ``text`` names (see this module).

    Args:
        text: a baseline, a champion, a file, or a version of an archive.
        home: the run in which to look first.
        archive: the archive in which to look first.

    Raises:
        InputError: ``text`` names nothing, or several versions.
    """
    if found := _qualified(text):
        return found
    if addresses.is_address(text):
        raise InputError(f"{text} names no version: add its id, as in {text}:ID, or name the place with --run")
    if _is_path(text):
        return FoundController(_read(Path(text)))
    given = chosen_archive(home, archive) if home or archive else None
    ships = _shipped(text)
    if given is None and ships is not None:
        _tell_of_run(text, ships)
        return ships
    try:
        where = given or chosen_archive(None, None)
        found = _in_archive(text, where)
        if found is None and ships is None:
            version = version_in(where, text)
            found = FoundController(Candidate(version, where.source(version)), where, version)
    except InputError as error:
        if ships is not None:
            return ships
        ours = ", ".join([*champion_names(), *every_baseline()])
        raise InputError(f"no controller {text!r}: not one of ours ({ours}), not a file, and {error}") from None
    if found is None:
        assert ships is not None
        return ships
    same = ships is not None and ships.archive is not None and is_shipped(where.root) and ships.version == found.version
    if ships is not None and not same and ships.candidate.source != found.candidate.source:
        place = archive_name(where.root)
        _LOG.warning("%s is %s of %s; %s%s is the one that ships", text, found.version, place, PREFIX, text)
    return found


def find_version(text: str, home: str | None = None, archive: str | None = None) -> tuple[Archive, str]:
    """Return the archive and the id of the version that ``text`` names (see this module).

    Raises:
        InputError: ``text`` names no version of an archive.
    """
    found = find_controller(text, home, archive)
    if found.archive is not None:
        return found.archive, found.version
    name = found.candidate.name.removeprefix(PREFIX)
    if name not in every_baseline():
        raise InputError(f"{text} is a file, and no version of an archive; `autotts evaluate` and `try` take files")
    if not text.startswith(PREFIX):
        try:
            where = chosen_archive(home, archive)
        except InputError:
            if home or archive:
                raise
        else:
            if name in where:
                return where, name
    if name not in baseline_names():
        raise InputError(f"{text} ships, and no archive here has it; `autotts evaluate` and `try` take it")
    return champion(champion_names()[0])[0], name  # a shipped lineage has the baselines too


def _qualified(text: str) -> FoundController | None:
    """Return the controller of a name that says where it is; None for any other name."""
    where, _, name = text.rpartition(":")
    if not where or not name or _is_path(name):
        return None
    if where == PREFIX.removesuffix(":"):
        if (found := _shipped(name)) is None:
            ours = ", ".join(f"{PREFIX}{each}" for each in [*champion_names(), *every_baseline()])
            raise InputError(f"no controller {text!r}: there are {ours}")
        return FoundController(Candidate(text, found.candidate.source), found.archive, found.version)
    if not where.startswith(PREFIX) and not addresses.is_address(where) and not Path(where).is_dir():
        return None
    is_run = not where.startswith(PREFIX) and (addresses.located(where, "run") / "config.json").is_file()
    archive = chosen_archive(where, None) if is_run else chosen_archive(None, where)
    found = _in_archive(name, archive)
    if found is None:
        version = version_in(archive, name)
        found = FoundController(Candidate(version, archive.source(version)), archive, version)
    return FoundController(Candidate(text, found.candidate.source), archive, found.version)


def _is_path(text: str) -> bool:
    return text.endswith(".py") or os.sep in text


def _shipped(name: str) -> FoundController | None:
    if name in every_baseline():
        return FoundController(Candidate(name, baseline_source(name)))
    if name in champion_names():
        archive, version = champion(name)
        return FoundController(Candidate(name, champion_source(name)), archive, version)
    return None


def _in_archive(name: str, archive: Archive) -> FoundController | None:
    """Return the version of ``archive`` whose id, or whose role in its run, is ``name``; None if there is none."""
    version = name if name in archive else champions_of(archive).get(name)
    if version is None:
        return None
    return FoundController(Candidate(version, archive.source(version)), archive, version)


def _tell_of_run(name: str, ships: FoundController) -> None:
    """Tell that the newest run has a champion of the same name as one that ships."""
    try:
        archive = chosen_archive(None, None)
        own = champions_of(archive).get(name)
    except InputError:
        return  # no run, or a damaged one: what ships is not affected
    if own is not None and archive.source(own) != ships.candidate.source:
        home = addresses.run_home_of(archive.root)
        _LOG.warning("%s is the champion that ships; %s:%s is that of the newest run", name, home, name, extra=ONCE)


def _read(path: Path) -> Candidate:
    try:
        with path.open(encoding="utf-8") as file:
            source = file.read(_MOST + 1)
    except FileNotFoundError:
        what = "" if path.suffix == ".py" else "; a controller is a .py file, and --run names a run"
        raise InputError(f"{path}: no such controller file{what}") from None
    except IsADirectoryError:
        raise InputError(
            f"{path} is a directory, not a controller: name a run with --run, an archive with --archive, and a version "
            f"in it as {path}:ID"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file") from None
    if len(source) > _MOST:
        raise InputError(f"{path}: more than {_MOST:,} characters are no controller")
    return Candidate(path.stem, source)
