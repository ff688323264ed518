"""Runs candidates in a separate interpreter: a guard against accidents, not against malice.

Each worker is an isolated interpreter without your environment, inherited descriptors or module path. The
process that plays the candidate has limits on CPU time, memory, processes and file size, and is killed when its time is
over. It can still read every file and reach every network address that its user can: run candidates that you do not
trust in a container.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from .. import wire
from ..base import SandboxError
from .root import NO_PYPY, has_pypy, root
from .runner import WorkerSandbox
from .workers import ENVIRONMENT, PIPE, PipeWorker, Worker

WORKER = Path(__file__).parents[1] / "worker" / "worker.py"


class ProcessSandbox(WorkerSandbox):
    """A `sandbox.base.Sandbox` of plain processes.

    Subclass it to start workers in another way: give the class a ``name`` and an ``about``, and override `command`.

    Args:
        workers: the number of workers that share the episodes of a run.
        limits: the resources of each worker.
    """

    name = "process"
    about = "a guard against accidents, not malice"

    def command(self) -> list[str]:
        """Return the command that starts a worker: a program that reads its standard input until that ends.

        An override puts another program before it, for example ``["firejail", "--quiet", *super().command()]``.
        """
        program = [sys.executable] if self.interpreter == "cpython" else pypy()
        return [*program, "-I", "-S", str(WORKER)]

    def start(self) -> Worker:
        """See `WorkerSandbox.start`."""
        return ProcessWorker(self.command(), compiler=self.interpreter == "pypy")


def pypy() -> list[str]:
    """Return the command of a PyPy for plain processes: the one that was built, or else ``pypy3`` of the PATH.

    Raises:
        SandboxError: there is neither, or that of the PATH is older than Python 3.11.
    """
    if not has_pypy():
        if (found := _pypy_on_path()) is None:
            raise SandboxError(f"{NO_PYPY}; a pypy3 of Python 3.11 or later on the PATH would do for plain processes")
        return [found]
    place = root("pypy")
    libraries = sorted({file.parent for file in place.glob("usr/lib/**/libpypy*") if not file.is_symlink()})
    loader = next(
        place.glob("usr/lib*/ld-linux-*")
    )  # it needs the C library of its own release, and not this machine's
    return [str(loader), "--library-path", ":".join(map(str, libraries)), str(place / "usr/bin/pypy3.11")]


def finds_pypy() -> bool:
    """Return whether plain processes can run under PyPy."""
    return has_pypy() or _pypy_on_path() is not None


@cache
def _pypy_on_path() -> str | None:
    found = shutil.which("pypy3")
    if found is None:
        return None
    try:
        line = [found, "-I", "-S", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        return found if subprocess.run(line, capture_output=True, timeout=20).returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        return None


class ProcessWorker(PipeWorker):
    """A worker that ``command`` starts. Its only descriptors are three pipes.

    Args:
        command: the command.
        strict: see `wire.setup`.
        compiler: see `wire.setup`.

    Raises:
        SandboxError: the command could not be started.
    """

    def __init__(self, command: Sequence[str], *, strict: bool = False, compiler: bool = False) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise SandboxError(f"cannot start {command[0]}: {error}") from error
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._pipes = [pipe for pipe in pipes if pipe is not None]
        for pipe in self._pipes[:2]:
            with suppress(OSError):  # optional: a larger pipe only saves switches between the two processes
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
        with suppress(OSError):  # if the worker died at once, the end of its results shows it
            self._pipes[0].write(wire.setup(strict=strict, compiler=compiler))
        super().__init__(*(pipe.fileno() for pipe in self._pipes))

    def ended(self) -> str:
        """See `Worker.ended`."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(2)
            return f"died of signal {-code}" if code < 0 else f"ended with code {code}"
        return "closed its results"

    def stop(self) -> None:
        """See `Worker.stop`."""
        process = self._process
        if process.returncode is None:
            group = process.pid
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGSTOP)  # stopped, it reaps no child, so no process id is reused
                for child in _children(group):
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(child, signal.SIGKILL)  # a child may have left the group
                os.killpg(group, signal.SIGKILL)
            process.wait()
        for pipe in self._pipes:
            pipe.close()


def _children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return [int(number) for number in text.split()]
