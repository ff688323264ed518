"""Builds and finds the file tree that bubblewrap shows to a candidate: copies of the few files that a worker needs.

The tree is kept in the user's cache directory, and is built anew when the interpreter, one of the files or our own code
has changed. Its files are those of `sandbox.worker.shrink`. It is used only if nobody but this user can write to it.

The tree of PyPy is made in the same way, from Debian packages that `build_pypy` has unpacked beside it. It is also the
content of PyPy's Docker image (see `sandbox.backends.image`).
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from .. import wire
from ..base import SandboxError
from . import debian

SCRIPTS = Path(__file__).parents[1] / "worker"
KEPT_SECONDS = 30 * 86400
"""Trees that were not used for so long are removed when another one is built."""

PYPY_SUITE = "trixie"
"""The Debian release from which PyPy comes: the first whose PyPy has the version of Python that we need."""
NO_PYPY = "PyPy has not been built on this machine; `autotts sandbox build --interpreter pypy` makes it"

_LIST = "files.json"
_PYPY = "pypy-packages"
_PYPY_PROGRAM = "usr/bin/pypy3"
_NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/lib/x86_64-linux-gnu/gconv", "usr/sbin")


@cache
def root(interpreter: str = "cpython") -> Path:
    """Return the directory that becomes the root of the sandbox.

    Args:
        interpreter: ``cpython``, for copies of the interpreter that runs us, or ``pypy``.

    Raises:
        SandboxError: the files cannot be copied, or PyPy has not been built.
    """
    try:
        if interpreter == "pypy" and not has_pypy():
            raise SandboxError(NO_PYPY)
        home = _home()
        place = home / _key(interpreter)
        if not _is_current(place):
            _build(home, place, interpreter)
        for used in (place, home / _PYPY) if interpreter == "pypy" else (place,):
            os.utime(used)
        return place / "root"
    except OSError as error:
        raise SandboxError(f"cannot copy the interpreter for the sandbox: {error}") from error


def has_pypy() -> bool:
    """Return whether `build_pypy` has made what PyPy's root is made from."""
    home = _kept_home()
    return home is not None and (home / _PYPY / _PYPY_PROGRAM).exists()


def build_pypy(report: Callable[[str], None]) -> Path:
    """Fetch PyPy from Debian, and return its root.

    Raises:
        SandboxError: a tool is missing, no Debian mirror answers, or others can write to the user's cache directory.
    """
    if platform.machine() != "x86_64":
        raise SandboxError(
            "PyPy writes machine code, which could read the clock of this processor: only that of x86-64 can be hidden"
        )
    home = _kept_home()
    if home is None:
        raise SandboxError(f"others can write to {_cache()}: PyPy is kept only where nobody can change it")
    if shutil.which("bwrap") is None:
        raise SandboxError("building PyPy's root takes bubblewrap; install it with `apt-get install bubblewrap`")
    try:
        aside = Path(tempfile.mkdtemp(prefix="new-", dir=home))
        try:
            debian.unpack(["pypy3"], PYPY_SUITE, aside, report)
            for name in _NOT_NEEDED:
                shutil.rmtree(aside / name, ignore_errors=True)
            aside.chmod(0o755)
            os.utime(aside)  # a package has set another time, and old trees are removed
            with suppress(OSError):
                (home / _PYPY).rename(home / f"old-{aside.name}")
            aside.rename(home / _PYPY)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(home / f"old-{aside.name}", ignore_errors=True)
    except OSError as error:
        raise SandboxError(f"PyPy cannot be unpacked: {error}") from error
    report("copying what a worker needs")
    root.cache_clear()
    return root("pypy")


def root_hash(place: Path) -> str:
    """Return a hash of all files of a root that `root` has returned."""
    return hashlib.sha256((place.parent / _LIST).read_bytes()).hexdigest()


def _cache() -> Path:
    """Return the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())


def _kept_home() -> Path | None:
    """Return the directory of all trees in the user's cache, or None if others could write to it."""
    with suppress(OSError, RuntimeError):
        parent = _cache()
        home = parent / "autotts" / "sandbox-roots"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if all(_is_ours(place) for place in (home, home.parent, parent, parent.parent)):
            return home
    return None


def _home() -> Path:
    """Return the directory of all trees: in the user's cache, or a temporary one if others could write to it."""
    if (kept := _kept_home()) is not None:
        return kept
    home = Path(tempfile.mkdtemp(prefix="autotts-root-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def _is_ours(place: Path) -> bool:
    """Return whether only this user and the superuser can change what is in ``place``."""
    status = place.stat()
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _key(interpreter: str) -> str:
    """Return the name of the tree for this interpreter and this version of our code."""
    code = b"".join((SCRIPTS / name).read_bytes() for name in ("shrink.py", "worker.py"))
    which = [os.path.realpath(sys.executable), sys.version]
    if interpreter == "pypy":
        program = (_home() / _PYPY / _PYPY_PROGRAM).stat()
        which = ["pypy", f"{program.st_ino} {program.st_ctime_ns}"]
    what = [*which, wire.preloaded(), hashlib.sha256(code).hexdigest()]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _is_current(place: Path) -> bool:
    """Return whether the tree at ``place`` is whole, and all files are as they were when they were copied."""
    try:
        kept = json.loads((place / _LIST).read_text())
        return bool(kept["from"] == _marks(kept["from"]) and kept["to"] == _tree(place / "root"))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _marks(files: list[str] | dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the size and the time of the last change of each file; a source that lies elsewhere now has another."""
    return {file: [(status := os.stat(file)).st_size, status.st_mtime_ns] for file in files}


def _tree(root: Path) -> dict[str, str]:
    """Return the hash of each file below ``root``, and the target of each link."""
    found = {}
    for folder, _, names in sorted(os.walk(root)):
        for path in (Path(folder) / name for name in sorted(names)):
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(root))] = hashlib.sha256(data).hexdigest()
    return found


def _build(home: Path, place: Path, interpreter: str) -> None:
    """Build the tree aside and move it to ``place``; another process may do the same at the same time."""
    aside = Path(tempfile.mkdtemp(prefix="new-", dir=home))
    try:
        new = aside / "root"
        new.mkdir(mode=0o755)
        copied = _shrunk_pypy(home / _PYPY, new) if interpreter == "pypy" else _shrunk(new)
        kept = {"from": _marks(copied), "to": _tree(new)}
        (aside / _LIST).write_text(json.dumps(kept))
        with suppress(OSError):  # there may be none; the one that is not current may still be in use
            place.rename(home / f"old-{aside.name}")
        try:
            aside.rename(place)
        except OSError:
            if not _is_current(place):  # another process was faster
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    for other in home.iterdir():
        with suppress(OSError):
            if time.time() - other.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)


def _shrunk(new: Path) -> list[str]:
    """Copy the interpreter that runs us to ``new``, and return the files from which the copies were made."""
    line = [sys.executable, "-I", "-S", str(SCRIPTS / "shrink.py"), str(new), *wire.preloaded()]
    done = subprocess.run(line, capture_output=True, text=True, env={}, cwd="/", umask=0o022)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise SandboxError(f"cannot copy the interpreter for bubblewrap: {reason}")
    copied: list[str] = json.loads(done.stdout)
    return copied


def _shrunk_pypy(base: Path, new: Path) -> list[str]:
    """Copy the PyPy of ``base`` to ``new``: it runs in its own tree, which knows this program as /home."""
    line = ["bwrap", "--unshare-user", "--unshare-net", "--unshare-pid", "--clearenv", "--ro-bind", str(base), "/"]
    line += ["--proc", "/proc", "--ro-bind", str(SCRIPTS), "/home", "--bind", str(new), "/tmp", "--chdir", "/", "--"]
    line += ["/usr/bin/pypy3", "-I", "-S", "/home/shrink.py", "/tmp", *wire.preloaded()]
    copied = json.loads(debian.run(line, "cannot copy PyPy for the sandbox"))
    paths = (str(SCRIPTS / file[6:]) if file.startswith("/home/") else str(base) + file for file in copied)
    return [path for path in paths if os.path.exists(path)]
