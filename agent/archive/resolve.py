"""Resolves names that a user types to versions, controllers, runs, archives and environments."""

from __future__ import annotations

import argparse
import fnmatch
import logging
import os
from collections.abc import Sequence

import numpy as np

from autotts.envs import catalogue
from autotts.envs.counting import counted
from autotts.envs.episodes import MAX_BRANCHES
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments, default_models
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import INTERPRETERS, interpreter_of
from autotts.sandbox.cluster.choice import open_executor
from autotts.sandbox.outcome import Candidate

from .archive import Archive
from .champions import shipped_sources
from .names import RUNS, chosen_archive, chosen_home, chosen_run, find_controller, find_version, new_home, run_of

__all__ = [
    "RUNS",
    "chosen_archive",
    "chosen_home",
    "chosen_run",
    "controller",
    "describe_sandbox",
    "environments",
    "environments_at_hand",
    "find_controller",
    "find_version",
    "new_home",
    "note_width",
    "note_workers",
    "run_of",
    "sandbox",
    "shipped",
    "workers",
]  # fmt: skip

LOGGER = logging.getLogger("autotts")


def controller(text: str, home: str | None = None, archive: str | None = None) -> Candidate:
    """Return the controller that ``text`` names: a baseline, a champion, a file, or a version of an archive.

    Raises:
        InputError: ``text`` names none of these (see `names`).
    """
    return find_controller(text, home, archive).candidate


def environments(patterns: Sequence[str] | None, data: str | None) -> list[Environment]:
    """Return the environments that ``patterns`` name: under the data root, or built-in synthetic ones.

    Without patterns, return all under the data root, or the built-in synthetic ones if it holds none.

    Raises:
        InputError: a pattern matches none.
        DamagedFile: a file is damaged.
    """
    root, found = catalogue.data_root(data), dict[str, Environment]()
    if not patterns:
        return catalogue.find(root, catalogue.names(root)) or default_environments()
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


def environments_at_hand(archive: Archive) -> set[str]:
    """Return the names of the environments on which a version of ``archive`` can be replayed here without options."""
    run = run_of(archive)
    held = [*run.config.environments, *run.config.simulated] if run else []
    return {*catalogue.names(catalogue.data_root(None)), *default_models(), *held}


def sandbox(args: argparse.Namespace, candidates: Sequence[Candidate] | None = None) -> Sandbox:
    """Return the sandbox that the command line names; the caller closes it.

    With the default "auto", candidates that all ship with this program run in a plain process.
    """
    ours = candidates is not None and shipped(candidates)
    name = "process" if args.sandbox == "auto" and args.runtime is None and ours else args.sandbox
    # a search runs code that nobody has read; elsewhere `autotts doctor` is the place to say what could be better
    tell = LOGGER.warning if candidates is None else LOGGER.debug
    where, cluster = getattr(args, "executor", "local"), getattr(args, "ray_address", None)
    number = args.workers if where == "ray" else workers(args.workers)
    if where != "ray":
        note_workers(number)
    return open_executor(where, cluster, name, number, args.runtime, weaker=tell, interpreter=args.interpreter)


def describe_sandbox(args: argparse.Namespace, sandbox: Sandbox) -> str:
    """Return the name of a sandbox that `sandbox` has opened for some candidates, and what it does or why it was taken.

    Args:
        args: the command line that chose it.
        sandbox: the sandbox.
    """
    ours = args.sandbox == "auto" and sandbox.name == ProcessSandbox.name  # otherwise only chosen by its name
    why = "for controllers that ship" if ours else sandbox.about
    return f"{sandbox.name} ({why}), {INTERPRETERS[interpreter_of(sandbox)]}"


def note_workers(number: int) -> None:
    """Tell the user if there are more workers than cores."""
    cores = workers(None)
    if number > cores:
        LOGGER.info(
            "%d workers share the %s of this machine: more than one for each core gains nothing",
            number, counted(cores, "core"),
        )  # fmt: skip


def note_width(max_branches: int, environments: Sequence[Environment]) -> None:
    """Tell the user if no question has as many recorded branches as ``max_branches``, unless that is the default."""
    most = max(int(np.diff(env.branch_offsets).max()) for env in environments)
    if max_branches > max(most, MAX_BRANCHES):
        LOGGER.info("at most %d branches of a question: no question has more than %d recorded", max_branches, most)


def shipped(candidates: Sequence[Candidate]) -> bool:
    """Return whether all ``candidates`` came with this program."""
    return {candidate.source for candidate in candidates} <= shipped_sources()


def workers(given: int | None) -> int:
    """Return the number of workers: ``given``, or by default one for each core that this process may use."""
    return given or len(os.sched_getaffinity(0))
