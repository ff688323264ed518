"""Holds a run or an archive, wherever it is kept, while one process works on it: a lock of its directory (`run_lock`),
or a lease of its database (`storage.protocol.Storage.hold`)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from . import run_lock
from .holder_file import RunningProcess
from .run_lock import RunIsLocked
from .storage.stored_path import AnyPath

__all__ = ["RunIsLocked", "holds_no_run", "refuse_a_second", "running", "working_on"]


def working_on(home: AnyPath) -> AbstractContextManager[None]:
    """Hold a run, as a context manager; a directory that stays empty is removed again.

    Args:
        home: where the run is, or an archive alone; it need not exist yet.

    Raises:
        RunIsLocked: another process or thread holds it.
        OSError: the lock file cannot be written.
        StorageUnavailable: the database does not answer.
    """
    return run_lock.working_on(home) if isinstance(home, Path) else home.storage.hold()


def running(home: AnyPath) -> RunningProcess | None:
    """Return the process that works on a run; None if none does. This changes nothing."""
    return run_lock.running(home) if isinstance(home, Path) else home.storage.holder()


def refuse_a_second(home: AnyPath) -> None:
    """Check that nobody works on a run, before anything is changed.

    Raises:
        RunIsLocked: another process or thread works on it.
    """
    if isinstance(home, Path):
        run_lock.refuse_a_second(home)
    elif (busy := running(home)) is not None:
        raise RunIsLocked(f"{home} is being worked on by {busy}")


def holds_no_run(home: AnyPath) -> bool:
    """Return whether a place does not exist, or holds nothing except a lock."""
    return run_lock.holds_no_run(home) if isinstance(home, Path) else not home.exists()
