"""A file that names the process that works on a run: in place of a lock, where the file system has none."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import content, is_sealed, sealed

HOLDER = "lock.holder"
"""Name of the file in the run directory."""
_FORM = "holder.json"
"""Its content has the form, and the checksum, of a file of this name."""


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """The process that works on a run."""

    process: int
    since: str
    """Local time at which it began, such as ``14:02``; empty if it is not known."""
    host: str = ""
    """Name of its machine; empty if it is not known."""
    boot: str = ""
    """Id of the present run of its machine, which changes with each boot."""
    started: str = ""
    """When the system started the process, in ticks since the boot: numbers of processes are used again."""

    @classmethod
    def this(cls) -> RunningProcess:
        """Return this process."""
        number = os.getpid()
        return cls(number, time.strftime("%H:%M"), socket.gethostname(), _boot(), _started(number))

    @classmethod
    def read(cls, text: bytes) -> RunningProcess | None:
        """Return the process that a file names; None if it names none."""
        try:
            written = json.loads(content(Path(_FORM), text))
            if "boot" in written and not is_sealed(_FORM, text):  # earlier versions wrote neither
                return None
            names = ("since", "host", "boot", "started")
            return cls(int(written["process"]), *(str(written.get(name, ""))[:100] for name in names))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DamagedFile):
            return None

    def text(self) -> bytes:
        """Return the content of the file."""
        return sealed(_FORM, json.dumps(asdict(self)).encode())

    @property
    def here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host in ("", socket.gethostname())

    @property
    def gone(self) -> bool:
        """Whether it has certainly ended: only a process of this machine can be looked at."""
        if not self.here or not self.boot:
            return False
        if self.boot != _boot():
            return True
        return _started(self.process) != self.started

    def __str__(self) -> str:
        here = " (this one)" if self.here and self.process == os.getpid() else ""
        since = f" since {self.since}" if self.since else ""
        return f"process {self.process}{here}{since}{' on ' if self.host else ''}{self.host}"


def take(path: Path, mine: RunningProcess) -> RunningProcess | None:
    """Create the file for a process, in place of that of one that has ended.

    Returns:
        None if the file is that of ``mine`` now, else the process that holds it.

    Raises:
        OSError: the file cannot be written.
    """
    for _ in range(2):
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            other = _read(path)
            if other is not None and (not other.gone or not _removed(path, other)):
                return other
            continue
        try:
            os.write(file, mine.text())
            os.fsync(file)
        finally:
            os.close(file)
        return None
    return _read(path) or RunningProcess(0, "")


def holder_of(path: Path) -> RunningProcess | None:
    """Return the process that holds the file; None if there is no file, or its process has ended."""
    other = _read(path)
    return None if other is None or other.gone else other


def release(path: Path, mine: RunningProcess) -> None:
    """Remove the file, if it is that of ``mine``."""
    if _read(path) == mine:
        path.unlink(missing_ok=True)


def _removed(path: Path, stale: RunningProcess) -> bool:
    """Remove the file of a process that has ended, and return whether nobody else has taken it meanwhile."""
    aside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return True
    try:
        if _read(aside) == stale:
            return True
        with suppress(FileExistsError):  # another process was quicker: it keeps the file
            os.link(aside, path)
        return False
    finally:
        aside.unlink(missing_ok=True)


def _read(path: Path) -> RunningProcess | None:
    """Return the process that the file names, a nameless one if it cannot be read; None if there is no file."""
    try:
        return RunningProcess.read(path.read_bytes()) or RunningProcess(0, "", "an unknown machine")
    except FileNotFoundError:
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(process: int) -> str:
    """Return when the system started a process; "" if there is none, or if it is one that has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
