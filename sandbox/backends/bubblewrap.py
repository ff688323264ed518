"""Runs candidates in bubblewrap: own namespaces, no network, and copies of the few files that the interpreter needs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

from ..base import SandboxError
from ..worker import seccomp
from .process import ProcessWorker
from .root import root
from .runner import WorkerSandbox
from .workers import ENVIRONMENT, Worker

_UNSHARED = ("ipc", "pid", "net", "uts", "cgroup-try")
"""The namespaces that a worker does not share with the host."""


class BubblewrapSandbox(WorkerSandbox):
    """A `sandbox.base.Sandbox` whose processes share only the kernel with the host."""

    name = "bubblewrap"
    about = "namespaces, no network, no files of the host"

    def start(self) -> Worker:
        """See `WorkerSandbox.start`."""
        return ProcessWorker(_command(self.interpreter), strict=True, compiler=self.interpreter == "pypy")


def works() -> str:
    """Return the reason why bubblewrap does not work on this machine, or an empty text if it works."""
    try:
        line = [*_command()[:-1], "-c", "pass"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=20, env={})
    except (SandboxError, OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]


def _command(interpreter: str = "cpython") -> list[str]:
    """Return the command that starts a worker.

    Args:
        interpreter: see `root`.

    Raises:
        SandboxError: bubblewrap is not installed; or there is no filter of system calls for this processor (bubblewrap
            has no filter of its own); or the interpreter cannot be copied, or has not been built.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxError("bubblewrap is not installed; install it with `apt-get install bubblewrap`")
    if platform.machine() not in seccomp.MACHINES:
        raise SandboxError("the bubblewrap sandbox has no seccomp filter for this processor; use Docker")
    arguments = [bwrap, *(f"--unshare-{name}" for name in _UNSHARED), "--die-with-parent", "--new-session"]
    # without this option a candidate could open bubblewrap's own first process, and in it the pipe with other jobs
    arguments += ["--as-pid-1"]
    arguments += ["--clearenv", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if os.geteuid() == 0:  # under root, the worker keeps only the rights that it needs to run the candidate as nobody
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        arguments += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    # a moved interpreter finds its library by the path
    for name, value in (*ENVIRONMENT.items(), ("LD_LIBRARY_PATH", "/python/lib")):
        arguments += ["--setenv", name, value]
    arguments += ["--ro-bind", str(root(interpreter)), "/", "--proc", "/proc"]
    # under root, bubblewrap leaves the kernel's parameters writable, some of them for every user
    arguments += ["--remount-ro", "/proc", "--chdir", "/"]
    return [*arguments, "--", "/python3", "-I", "-S", "/worker.py"]
