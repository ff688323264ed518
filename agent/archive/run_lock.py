"""The lock of a run directory: one process at a time works on a run, however it was started.

The lock is a POSIX record lock on the file ``lock``. The system releases it when the process ends, also after a
``kill -9``, and children of the process do not inherit it; NFS servers keep it for all their clients. The file stays;
it names the last process and its machine. On a file system without locks, a file that only one process can create
takes the place of the lock (`holder_file`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autotts.envs.errors import InputError
from autotts.envs.store import naming_os_errors

from .holder_file import HOLDER, RunningProcess, holder_of, release, take

LOCK = "lock"
"""Name of the file in the run directory."""
_FLOCK = "hhqqi"
"""The C structure ``flock`` of Linux: type, whence, start, length, process."""
_TAKEN = (errno.EACCES, errno.EAGAIN)
"""Errors of a lock that another process holds."""
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
"""Errors of a file system without locks."""
_held: dict[Path, RunningProcess] = {}
"""Locks of this process. Its own locks do not stop it, and closing any descriptor of a locked file would release it."""
_guard = threading.Lock()


class RunIsLocked(InputError):
    """Another process, or another thread, works on the run."""


@contextmanager
def working_on(home: Path) -> Iterator[None]:
    """Hold the lock of a run directory, as a context manager; a directory that stays empty is removed again.

    Args:
        home: the run directory, or the directory of an archive alone; it need not exist yet.

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
        mine = RunningProcess.this()
        try:
            by_file = not _locked(file, home)
            if by_file and (other := take(path.with_name(HOLDER), mine)) is not None:
                raise RunIsLocked(_refusal(home, other, path.with_name(HOLDER)))
        except BaseException:
            os.close(file)
            raise
        _held[path] = mine
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, mine.text(), 0)
        yield
    finally:
        with _guard:
            del _held[path]
            os.close(file)
            if by_file:
                release(path.with_name(HOLDER), mine)
        if not existed and holds_no_run(home):
            path.unlink(missing_ok=True)
            home.rmdir()


def _locked(file: int, home: Path) -> bool:
    """Take the record lock, and return whether the file system has locks.

    Raises:
        RunIsLocked: another process holds it.
    """
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if error.errno not in _TAKEN:
            raise
        raise RunIsLocked(_refusal(home, running(home))) from None
    return True


def refuse_a_second(home: Path) -> None:
    """Check that nobody works on a run, before anything is changed.

    Raises:
        RunIsLocked: another process or thread works on it.
    """
    if (busy := running(home)) is not None:
        raise RunIsLocked(_refusal(home, busy, home / HOLDER if (home / HOLDER).exists() else None))


def running(home: Path) -> RunningProcess | None:
    """Return the process that works on a run; None if none does. This takes no lock, and changes nothing."""
    path = home.resolve() / LOCK
    if path in _held:
        return _held[path]
    try:
        with path.open("rb") as file:
            text = file.read()
            query = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_, holder = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, query))
    except FileNotFoundError:
        return None
    except OSError:  # a file system without locks
        return holder_of(path.with_name(HOLDER))
    if kind == fcntl.F_UNLCK:
        return None
    # the number from the system says nothing if the process is on another machine: the file names both
    return RunningProcess.read(text) or RunningProcess(holder, "", "")  # without a text, it has just begun


def holds_no_run(home: Path) -> bool:
    """Return whether a directory does not exist, or holds nothing except a lock."""
    return not home.is_dir() or all(path.name in (LOCK, HOLDER) for path in home.iterdir())


def _refusal(home: Path, busy: RunningProcess | None, holder: Path | None = None) -> str:
    text = f"{home} is being worked on by {busy or 'another process'}"
    if holder is None or busy is None or busy.here:
        return text
    return f"{text}; if that process has ended, remove {holder} (this file system has no locks)"
