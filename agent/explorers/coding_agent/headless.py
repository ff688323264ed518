"""Runs a foreign program without a person: with a time limit, a clean end, and bounded output."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal

End = Literal["ended", "time is over", "stopped"]

MARK = "AUTOTTS_WORKSPACE"
"""Environment variable that marks all processes of a workspace, also those that leave its process group."""

_TICK = 0.2
_CHUNK = 1 << 16
_DEATH_SECONDS = 10.0

# The program dies with the thread that started it: a killed run must not leave a program behind that spends money.
_DIE_WITH_PARENT = """
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
except (OSError, AttributeError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""


@dataclass(frozen=True, slots=True)
class AgentExit:
    """How a program ended, and its output."""

    why: End
    code: int | None
    """Exit code (negative: the signal that killed the process); None if we killed the program."""
    output: str
    errors: str


class OutputTail:
    """The beginning and the end of an output; if the middle is left out, whole lines are left out."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._head = bytearray()
        self._rest: deque[bytes] = deque()
        self._size = 0
        self._lost = 0

    def add(self, data: bytes) -> None:
        """Add output."""
        room = self._half - len(self._head)
        self._head += data[:room]
        if data := data[room:]:
            self._rest.append(data)
            self._size += len(data)
        while self._rest and self._size - len(self._rest[0]) >= self._half:
            gone = len(self._rest.popleft())
            self._size -= gone
            self._lost += gone

    def text(self) -> str:
        """Return the text. Lines that were cut are dropped, because a part of a secret would not be recognised."""
        head, rest = bytes(self._head), b"".join(self._rest)
        if self._lost:
            head = head[: head.rfind(b"\n") + 1]
            rest = rest[rest.find(b"\n") + 1 :] if b"\n" in rest else b""
            rest = b"[... %d bytes and the lines they cut are left out ...]\n" % self._lost + rest
        return (head + rest).decode(errors="replace")


def run(
    command: Sequence[str],
    home: Path,
    environment: Mapping[str, str],
    seconds: float,
    hide: Sequence[Path] = (),
    clock: Callable[[], float] = time.monotonic,
    stop: threading.Event | None = None,
    most: int = 1 << 20,
) -> AgentExit:
    """Run ``command`` in ``home`` with standard input closed, then kill it and all processes that it started.

    Args:
        command: program and arguments; no shell is involved.
        home: working directory, which also marks the processes.
        environment: all environment variables.
        seconds: time limit, by ``clock``.
        hide: directories that the program must not see, except ``home``, if `hides` says that this is possible.
        clock: returns seconds.
        stop: stops the program early when set.
        most: bytes to keep of each output.

    Raises:
        OSError: the program cannot be started.
    """
    home = home.resolve()
    environment = {**environment, MARK: str(home)}
    deadline = clock() + seconds
    process = subprocess.Popen(
        _wrapped(command, home, hide),
        cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, bufsize=0,
    )  # fmt: skip
    assert process.stdout and process.stderr
    kept: dict[IO[bytes], OutputTail] = {process.stdout: OutputTail(most), process.stderr: OutputTail(most)}
    why: End = "ended"
    try:
        with selectors.DefaultSelector() as waiting:
            for pipe in kept:
                os.set_blocking(pipe.fileno(), False)
                waiting.register(pipe, selectors.EVENT_READ)
            while not _over(process):
                if stop is not None and stop.is_set():
                    why = "stopped"
                    break
                if clock() >= deadline:
                    why = "time is over"
                    break
                _read(waiting, kept)
    finally:
        end(process, home)
        for pipe, tail in kept.items():  # all writers are dead: no more output can follow
            with suppress(OSError):
                for _ in range(64):
                    data = pipe.read(_CHUNK)
                    if not data:
                        break
                    tail.add(data)
            pipe.close()
    output, errors = (tail.text() for tail in kept.values())
    return AgentExit(why, process.returncode if why == "ended" else None, output, errors)


def _over(process: subprocess.Popen[bytes]) -> bool:
    """Return whether ``process`` has ended. It is not reaped, so that its group number cannot be reused."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read(waiting: selectors.DefaultSelector, kept: Mapping[IO[bytes], OutputTail]) -> None:
    """Read the available output, or wait a moment."""
    if not waiting.get_map():
        time.sleep(_TICK / 10)  # the program has closed its outputs but still runs
        return
    for key, _ in waiting.select(_TICK):
        pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]
        data = pipe.read(_CHUNK)
        if data:
            kept[pipe].add(data)
        elif data is not None:
            waiting.unregister(pipe)


def end(process: subprocess.Popen[bytes], home: Path) -> None:
    """Kill a program, its process group, and its processes that left the group; wait at most `_DEATH_SECONDS`."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    sweep(home)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_DEATH_SECONDS)


def sweep(home: Path) -> None:
    """Kill every process of the workspace ``home``, also those that a killed run left behind."""
    for _ in range(100):  # repeated, because processes may fork while they are killed
        numbers = marked(home)
        if not numbers:
            return
        for number in numbers:
            with suppress(OSError):
                handle = os.pidfd_open(number)
                try:
                    if _is_marked(number, home):  # the number may have been reused by another process
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                finally:
                    os.close(handle)


def marked(home: Path) -> list[int]:
    """Return the process ids of the workspace ``home``."""
    home = home.resolve()
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc") else []
    return [number for number in numbers if number != os.getpid() and _is_marked(number, home)]


def _is_marked(number: int, home: Path) -> bool:
    try:
        environment = Path(f"/proc/{number}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={home}".encode() in environment.split(b"\0")  # the environment of a dead process is empty


def _wrapped(command: Sequence[str], home: Path, hide: Sequence[Path]) -> list[str]:
    """Return the command that runs ``command`` with ``hide`` hidden; if impossible, at least dying with its parent."""
    hidden = [path.resolve() for path in hide if path.is_dir()]
    if not hidden or hides():
        return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
    line = [_bubblewrap() or "", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent"]
    for path in sorted(hidden, key=lambda path: len(path.parts)):
        line += ["--tmpfs", str(path)]
    line += ["--bind", str(home), str(home)]
    for path in hidden:
        if path != home:
            line += ["--remount-ro", str(path)]
    return [*line, "--chdir", str(home), "--", *command]


def _bubblewrap() -> str | None:
    return shutil.which("bwrap")


@lru_cache
def hides() -> str:
    """Return why directories cannot be hidden from a program on this machine; empty if they can."""
    if _bubblewrap() is None:
        return "bubblewrap is not installed"
    line = [_bubblewrap() or "", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--", "true"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["bubblewrap failed"])[-1]
