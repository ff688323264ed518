"""Builds and finds the file tree that bubblewrap shows to a candidate: copies of the few files that a worker needs.

The tree is kept in the user's cache directory, and is built anew when the interpreter, one of the files or our own code
has changed. Its files are those of `sandbox.worker.shrink`. It is used only if nobody but this user can write to it.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from .. import wire
from ..base import SandboxError

SCRIPTS = Path(__file__).parents[1] / "worker"
KEPT_SECONDS = 30 * 86400
"""Trees that were not used for so long are removed when another one is built."""

_LIST = "files.json"


@cache
def root() -> Path:
    """Return the directory that becomes the root of the sandbox.

    Raises:
        SandboxError: the files cannot be copied.
    """
    try:
        home = _home()
        place = home / _key()
        if not _is_current(place):
            _build(home, place)
        os.utime(place)
        return place / "root"
    except OSError as error:
        raise SandboxError(f"cannot copy the interpreter for bubblewrap: {error}") from error


def _home() -> Path:
    """Return the directory of all trees: in the user's cache, or a temporary one if others could write to it."""
    parent = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    home = parent / "autotts" / "sandbox-roots"
    with suppress(OSError, RuntimeError):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if all(_is_ours(place) for place in (home, home.parent, parent, parent.parent)):
            return home
    home = Path(tempfile.mkdtemp(prefix="autotts-root-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def _is_ours(place: Path) -> bool:
    """Return whether only this user and the superuser can change what is in ``place``."""
    status = place.stat()
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _key() -> str:
    """Return the name of the tree for this interpreter and this version of our code."""
    code = b"".join((SCRIPTS / name).read_bytes() for name in ("shrink.py", "worker.py"))
    what = [os.path.realpath(sys.executable), sys.version, wire.preloaded(), hashlib.sha256(code).hexdigest()]
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


def _build(home: Path, place: Path) -> None:
    """Build the tree aside and move it to ``place``; another process may do the same at the same time."""
    aside = Path(tempfile.mkdtemp(prefix="new-", dir=home))
    try:
        new = aside / "root"
        new.mkdir(mode=0o755)
        line = [sys.executable, "-I", "-S", str(SCRIPTS / "shrink.py"), str(new), *wire.preloaded()]
        done = subprocess.run(line, capture_output=True, text=True, env={}, cwd="/", umask=0o022)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise SandboxError(f"cannot copy the interpreter for bubblewrap: {reason}")
        kept = {"from": _marks(json.loads(done.stdout)), "to": _tree(new)}
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
