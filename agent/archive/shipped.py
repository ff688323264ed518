"""The archives that ship with the program: their names, and where files that are derived from them go.

A shipped archive is never written to: it may lie in a directory of installed packages. Its index, and the figures of
replays on other environments, go to the user's cache directory.
"""

from __future__ import annotations

import os
from pathlib import Path

from autotts.envs.errors import InputError

from .storage.stored_path import AnyPath

HOME = Path(__file__).parents[2] / "controllers_archive"
BASELINES, DISCOVERED, FAST = HOME / "baselines", HOME / "discovered", HOME / "champions"
PREFIX = "shipped:"
"""Begins the name of everything that ships: ``shipped:evolve`` is an archive, ``shipped:balanced`` a champion."""
CACHE_VARIABLE = "XDG_CACHE_HOME"


def shipped_archives() -> list[str]:
    """Return the names of the shipped archives, such as ``shipped:evolve``."""
    return [f"{PREFIX}{path.name}" for path in sorted(DISCOVERED.iterdir()) if path.is_dir()]


def shipped_root(name: str) -> Path:
    """Return the directory of the shipped archive ``name``.

    Raises:
        InputError: there is no such archive.
    """
    if name not in shipped_archives():
        raise InputError(f"no archive {name!r}: {', '.join(shipped_archives())} ship with the program")
    return DISCOVERED / name.removeprefix(PREFIX)


def is_shipped(root: AnyPath) -> bool:
    """Return whether the archive at ``root`` is a shipped one, whatever path names it."""
    return isinstance(root, Path) and root.resolve().is_relative_to(DISCOVERED.resolve())


def archive_name(root: AnyPath) -> str:
    """Return the name of an archive for people: ``shipped:evolve``, or its directory."""
    return f"{PREFIX}{root.resolve().name}" if is_shipped(root) else str(root)


def derived_root(root: AnyPath) -> AnyPath:
    """Return the directory for files derived from the archive at ``root``: the archive, or the cache if it is shipped.

    The cache is ``$XDG_CACHE_HOME/autotts``, or ``~/.cache/autotts``.
    """
    if not is_shipped(root):
        return root
    given = os.environ.get(CACHE_VARIABLE, "")
    cache = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return cache / "autotts" / "shipped" / root.resolve().name
