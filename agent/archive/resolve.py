"""Resolves names that a user types to versions, controllers, runs, archives and environments."""

from __future__ import annotations

import argparse
import fnmatch
import os
from collections.abc import Sequence
from pathlib import Path

from autotts.envs import catalogue
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.outcome import Candidate

from .archive import Archive
from .baselines import baseline_names, baseline_source
from .champions import champion, champion_names, champion_source
from .run_directory import Run, newest_home

RUNS = Path("runs")
"""Default parent directory of runs."""


def chosen_run(home: str | None) -> Run:
    """Return the run at ``home``, or the newest one."""
    return Run(Path(home) if home else newest_home(RUNS))


def chosen_archive(home: str | None, archive: str | None) -> Archive:
    """Return the archive ``archive``, else the archive of the run ``home``, else that of the newest run.

    Raises:
        InputError: there is no such archive or run.
    """
    if archive is None:
        return chosen_run(home).archive
    if not Path(archive).is_dir():
        raise InputError(f"{archive} is not an archive: no such directory")
    return Archive(Path(archive))


def version(text: str, home: str | None = None, archive: str | None = None) -> tuple[Archive, str]:
    """Return the archive and the id of the version that ``text`` names: a champion, or a version of an archive.

    Raises:
        InputError: ``text`` is the name of neither.
    """
    if text in champion_names():
        return champion(text)
    versions = chosen_archive(home, archive)
    return versions, versions.resolve(text)


def controller(text: str, home: str | None = None, archive: str | None = None) -> Candidate:
    """Return the controller that ``text`` names: a baseline, a champion, a file, or a version of an archive.

    Raises:
        InputError: ``text`` is the name of none of these.
    """
    if text in baseline_names():
        return Candidate(text, baseline_source(text))
    if text in champion_names():
        return Candidate(text, champion_source(text))
    path = Path(text)
    if path.suffix == ".py" or os.sep in text:
        try:
            return Candidate(path.stem, path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{path}: no such controller file") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a text file") from None
    try:
        versions = chosen_archive(home, archive)
        id = versions.resolve(text)
    except InputError as error:
        ours = ", ".join([*champion_names(), *baseline_names()])
        raise InputError(f"no controller {text!r}: not one of ours ({ours}), not a file, and {error}") from None
    return Candidate(id, versions.source(id))


def environments(patterns: Sequence[str] | None, data: str | None) -> list[Environment]:
    """Return the environments that ``patterns`` name under the data root, else the built-in synthetic ones."""
    if not patterns:
        return default_environments()
    root, found = catalogue.data_root(data), dict[str, Environment]()
    for pattern in patterns:
        try:
            matching = catalogue.find(root, [pattern])
        except DamagedFile:
            raise
        except InputError:
            matching = [env for env in default_environments() if fnmatch.fnmatch(env.name, pattern)]
            if not matching:
                raise
        found |= {env.name: env for env in matching}
    return list(found.values())


def sandbox(args: argparse.Namespace, candidates: Sequence[Candidate] | None = None) -> Sandbox:
    """Return the sandbox that the command line names; the caller closes it.

    With the default "auto", candidates that all ship with this program run in a plain process.
    """
    ours = candidates is not None and shipped(candidates)
    name = "process" if args.sandbox == "auto" and args.runtime is None and ours else args.sandbox
    return open_sandbox(name, workers(args.workers), args.runtime)


def shipped(candidates: Sequence[Candidate]) -> bool:
    """Return whether all ``candidates`` came with this program."""
    sources = {*map(baseline_source, baseline_names()), *map(champion_source, champion_names())}
    return {candidate.source for candidate in candidates} <= sources


def workers(given: int | None) -> int:
    """Return the number of workers: ``given``, or by default one for each core that this process may use."""
    return given or len(os.sched_getaffinity(0))
