"""Unpacks Debian packages: the files of PyPy, on any Debian machine, without installing anything on it.

`debootstrap` finds, fetches and verifies the packages. They are then unpacked aside; no script of theirs is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..base import SandboxError

Report = Callable[[str], None]

_FIRST = "base-files"
"""It holds the links from /lib to /usr/lib, which must be there before any file below them."""


def unpack(names: Sequence[str], suite: str, to: Path, report: Report) -> None:
    """Unpack the packages ``names`` of a Debian ``suite``, and all that they depend on, in the directory ``to``.

    Args:
        names: names of packages.
        suite: the name of the release.
        to: an empty directory.
        report: called with a line for every step.

    Raises:
        SandboxError: debootstrap, dpkg-deb or, for a user without privileges, bubblewrap is missing; or no Debian
            mirror answers.
    """
    for tool, package in (("debootstrap", "debootstrap"), ("dpkg-deb", "dpkg")):
        if shutil.which(tool) is None:
            raise SandboxError(f"PyPy comes from Debian packages; install {package} with `apt-get install {package}`")
    with tempfile.TemporaryDirectory(prefix="autotts-packages-") as home:
        report(f"fetching the Debian packages of {', '.join(names)} ({suite})")
        target = Path(home) / "tree"
        line = ["debootstrap", "--download-only", "--variant=minbase", f"--include={','.join(names)}", suite]
        run([*_as_root(), *line, str(target), *mirror()], "debootstrap failed")
        fetched = {file.name.partition("_")[0]: file for file in (target / "var/cache/apt/archives").glob("*.deb")}
        report("unpacking them")
        for name in _needed(fetched, names):
            run(["dpkg-deb", "--extract", str(fetched[name]), str(to)], f"cannot unpack {name}")


def mirror() -> list[str]:
    """Return the Debian mirror that apt uses on this machine, or nothing if apt does not name one."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return []
    return done.stdout.split()[:1]


def run(line: list[str], failed: str) -> str:
    """Run a command, and return its output.

    Raises:
        SandboxError: it failed; ``failed`` begins the message, and its last line ends it.
    """
    try:
        done = subprocess.run(line, capture_output=True, text=True, umask=0o022)
    except OSError as error:
        raise SandboxError(f"{failed}: {error}") from error
    if done.returncode != 0:
        said = [*done.stderr.splitlines(), *done.stdout.splitlines()] or ["no output"]
        raise SandboxError(f"{failed}: {said[-1]}")
    return done.stdout


def _as_root() -> list[str]:
    """Return what makes debootstrap believe that a user without privileges is root: a download needs no rights."""
    if os.geteuid() == 0:
        return []
    if shutil.which("bwrap") is None:
        raise SandboxError("without root, this takes bubblewrap; install it with `apt-get install bubblewrap`")
    return ["bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--dev-bind", "/", "/"]


def _needed(fetched: dict[str, Path], names: Sequence[str]) -> list[str]:
    """Return ``names`` and the packages on which they depend, as far as they have been fetched."""
    found, waiting = {_FIRST: None}, list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name not in fetched:  # one of several alternatives, or a virtual package
            continue
        found[name] = None
        fields = run(["dpkg-deb", "--show", "--showformat=${Depends},${Pre-Depends}", str(fetched[name])], "dpkg-deb")
        waiting += [part.split()[0].partition(":")[0] for part in re.split("[,|]", fields) if part.strip()]
    return list(found)
