"""The lock of a run directory: one process at a time works on a run, however it was started.

The lock is a POSIX record lock on the file ``lock``. The system releases it when the process ends, also after a
``kill -9``, and children of the process do not inherit it. The file stays; it names the last process.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autotts.envs.errors import InputError
from autotts.envs.store import naming_os_errors

LOCK = "lock"
"""Name of the file in the run directory."""
_FLOCK = "hhqqi"
"""The C structure ``flock`` of Linux: type, whence, start, length, process."""
_held: dict[Path, RunningProcess] = {}
"""Locks of this process. Its own locks do not stop it, and closing any descriptor of a locked file would release it."""
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """The process that works on a run."""

    process: int
    since: str
    """Local time at which it began, such as ``14:02``; empty if it is not known."""

    def __str__(self) -> str:
        here = " (this one)" if self.process == os.getpid() else ""
        return f"process {self.process}{here}{' since ' if self.since else ''}{self.since}"


class RunIsLocked(InputError):
    """Another process, or another thread, works on the run."""


@contextmanager
def working_on(home: Path) -> Iterator[None]:
    """Hold the lock of a run directory, as a context manager; a directory that stays empty is removed again.

    Args:
        home: the run directory, which need not exist yet.

    Raises:
        RunIsLocked: another process or thread holds it.
        OSError: the lock file cannot be written.
    """
    path = home.resolve() / LOCK
    existed = home.exists()
    with _guard:
        refuse_a_second(home)
        with naming_os_errors(path):
            home.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise RunIsLocked(_refusal(home, running(home))) from None
        _held[path] = RunningProcess(os.getpid(), time.strftime("%H:%M"))
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps({"process": os.getpid(), "since": _held[path].since}).encode(), 0)
        yield
    finally:
        with _guard:
            del _held[path]
            os.close(file)
        if not existed and holds_no_run(home):
            path.unlink(missing_ok=True)
            home.rmdir()


def refuse_a_second(home: Path) -> None:
    """Check that nobody works on a run, before anything is changed.

    Raises:
        RunIsLocked: another process or thread works on it.
    """
    if (busy := running(home)) is not None:
        raise RunIsLocked(_refusal(home, busy))


def running(home: Path) -> RunningProcess | None:
    """Return the process that works on a run; None if none does. This takes no lock, and changes nothing."""
    path = home.resolve() / LOCK
    if path in _held:
        return _held[path]
    try:
        with path.open("rb") as file:
            query = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, holder = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, query))
            text = file.read()
    except OSError:  # no such file, or a file system without locks
        return None
    if kind == fcntl.F_UNLCK:
        return None
    try:
        written = json.loads(text)
        return RunningProcess(int(written["process"]), str(written["since"]))
    except (ValueError, KeyError, TypeError):  # it has just begun
        return RunningProcess(holder, "")


def holds_no_run(home: Path) -> bool:
    """Return whether a directory does not exist, or holds nothing except a lock."""
    return not home.is_dir() or all(path.name == LOCK for path in home.iterdir())


def _refusal(home: Path, busy: RunningProcess | None) -> str:
    return f"{home} is being worked on by {busy or 'another process'}"
