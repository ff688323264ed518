"""Finds environments by name under a data root."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence
from pathlib import Path

from . import store
from .errors import InputError
from .statistics import MEAN
from .store import Environment

_NAME = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")


def data_root(given: str | None = None) -> Path:
    """Return the data root: ``given``, else the environment variable ``AUTOTTS_DATA``, else ``./data``."""
    return Path(given or os.environ.get("AUTOTTS_DATA") or "data")


def path_of(root: Path, name: str) -> Path:
    """Return the path of the file of the environment ``name`` (``benchmark/model``).

    Raises:
        InputError: the name has characters other than letters, digits and ``. _ + - /``, or begins with a hyphen, or a
            part of it begins with a dot, or it is the name of the average over environments.
    """
    if name == MEAN:
        raise InputError(f"environment name {name!r}: reserved for the average over environments; choose another name")
    if not _NAME.fullmatch(name):
        raise InputError(f"environment name {name!r}: use letters, digits and . _ + -, as in benchmark/model")
    return root / (name + store.SUFFIX)


def names(root: Path) -> list[str]:
    """Return the names of all environments under ``root``, sorted; files without a valid name are left out."""
    stems = (path.relative_to(root).as_posix().removesuffix(store.SUFFIX) for path in root.rglob("*" + store.SUFFIX))
    return sorted(name for name in stems if _NAME.fullmatch(name) and name != MEAN)


def matching(root: Path, patterns: Sequence[str]) -> list[str]:
    """Return the environment names that match ``patterns`` (names, or shell patterns such as ``aime24/*``), each once.

    Raises:
        InputError: a pattern matches no environment.
    """
    available = names(root)
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matches = [name for name in available if name == pattern] or fnmatch.filter(available, pattern)
        if not matches:
            listed = ", ".join(available)
            hint = f"there are {listed}" if available else "there are none; see `autotts env import --help`"
            raise InputError(f"no environment {pattern!r} under {root}: {hint}")
        chosen.update(dict.fromkeys(matches))
    return list(chosen)


def find(root: Path, patterns: Sequence[str]) -> list[Environment]:
    """Load the environments that match ``patterns`` (see `matching`).

    Raises:
        InputError: a pattern matches no environment.
        DamagedFile: a file is damaged.
    """
    return [named(store.load(path_of(root, name)), name) for name in matching(root, patterns)]


def named(environment: Environment, name: str) -> Environment:
    """Return ``environment`` with the name ``name``: its file may have been renamed after it was written."""
    from dataclasses import replace

    return environment if environment.name == name else replace(environment, name=name)
