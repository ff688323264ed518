"""Runs candidates in bubblewrap: own namespaces, no network, and no files but those of the Python interpreter."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

from ..base import SandboxError
from ..worker import seccomp
from .process import WORKER, ProcessWorker
from .runner import WorkerSandbox
from .workers import Worker

_UNSHARED = ("ipc", "pid", "net", "uts", "cgroup-try")
"""The namespaces that a worker does not share with the host."""


class BubblewrapSandbox(WorkerSandbox):
    """A `sandbox.base.Sandbox` whose processes share only the kernel with the host."""

    name = "bubblewrap"
    about = "namespaces, no network, no files of the host"

    def start(self) -> Worker:
        """See `WorkerSandbox.start`."""
        return ProcessWorker(_command(), strict=True)


def works() -> str:
    """Return the reason why bubblewrap does not work on this machine, or an empty text if it works."""
    try:
        line = [*_command()[:-1], "-c", "pass"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=20, env={})
    except (SandboxError, OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]


def _command() -> list[str]:
    """Return the command that starts a worker.

    Raises:
        SandboxError: bubblewrap is not installed; or there is no filter of system calls for this processor (bubblewrap
            has no filter of its own); or we run as root and other users cannot read the interpreter, so that a
            candidate could not give up its privileges.
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
    python = Path(sys.executable).resolve()
    library = Path(os.__file__).resolve().parent
    if os.geteuid() == 0 and not all(
        path.stat().st_mode & stat.S_IROTH for path in (python, library, Path(os.__file__))
    ):
        raise SandboxError(f"{python} or its library cannot be read by others, so that candidates would run as root")
    for place in _places(python, library):
        for parent in reversed(place.parents[:-1]):
            arguments += ["--perms", "0755", "--dir", str(parent)]
        arguments += ["--ro-bind", str(place), str(place)]
    if (library / "site-packages").is_dir():
        arguments += ["--tmpfs", str(library / "site-packages"), "--remount-ro", str(library / "site-packages")]
    arguments += ["--ro-bind", str(WORKER), "/worker.py", "--proc", "/proc"]
    # under root, bubblewrap leaves the kernel's parameters writable, some of them for every user
    arguments += ["--remount-ro", "/proc"]
    arguments += ["--perms", "0755", "--dir", "/dev", "--dev-bind", "/dev/null", "/dev/null"]
    arguments += ["--remount-ro", "/", "--chdir", "/"]
    return [*arguments, "--", str(python), "-I", "-S", "/worker.py"]


def _places(python: Path, library: Path) -> list[Path]:
    """Return only the paths that the interpreter needs: its binary, its standard library and the system's libraries."""
    places = [python, library]
    shared, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    if shared and name:
        places.append(Path(shared) / name)
    system = sysconfig.get_config_var("MULTIARCH") or ""
    places += [Path("/lib64"), Path("/lib") / system, Path("/usr/lib") / system]
    return [place for place in places if os.path.exists(place)]  # Path.exists may raise
