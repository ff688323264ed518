"""The environments under one data root, by name."""

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
    """Return the data root: what was given, else ``AUTOTTS_DATA``, else ``./data``."""
    return Path(given or os.environ.get("AUTOTTS_DATA") or "data")


def path_of(root: Path, name: str) -> Path:
    """Return the file of the environment ``name`` (``benchmark/model``).

    Raises:
        InputError: the name has other characters than letters, digits and ``. _ + - /``, begins with a hyphen, a part
            of it begins with a dot, or it is the name that the average over environments has.
    """
    if name == MEAN:
        raise InputError(f"environment name {name!r}: figures use it for the average over environments; take another")
    if not _NAME.fullmatch(name):
        raise InputError(f"environment name {name!r}: use letters, digits and . _ + -, as in benchmark/model")
    return root / (name + store.SUFFIX)


def names(root: Path) -> list[str]:
    """Return the names of all environments under ``root``, sorted; files whose names nobody could give are left out."""
    found = (path.relative_to(root).as_posix().removesuffix(store.SUFFIX) for path in root.rglob("*" + store.SUFFIX))
    return sorted(name for name in found if _NAME.fullmatch(name) and name != MEAN)


def matching(root: Path, patterns: Sequence[str]) -> list[str]:
    """Return the names that ``patterns`` (names, or shell patterns such as ``aime24/*``) stand for, without repeats.

    Raises:
        InputError: a pattern stands for none.
    """
    known = names(root)
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matches = [name for name in known if name == pattern] or fnmatch.filter(known, pattern)
        if not matches:
            there = f"there are {', '.join(known)}" if known else "there are none; see `autotts env import --help`"
            raise InputError(f"no environment {pattern!r} under {root}: {there}")
        chosen.update(dict.fromkeys(matches))
    return list(chosen)


def find(root: Path, patterns: Sequence[str]) -> list[Environment]:
    """Load the environments that ``patterns`` stand for (see `matching`).

    Raises:
        InputError: a pattern stands for none.
        Damaged: a file is damaged.
    """
    return [named(store.load(path_of(root, name)), name) for name in matching(root, patterns)]


def named(environment: Environment, name: str) -> Environment:
    """Return ``environment`` under the name that its file has now."""
    from dataclasses import replace

    return environment if environment.name == name else replace(environment, name=name)
