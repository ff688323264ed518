"""Finds the environments that a caller names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from autotts.agent.archive.resolve import environments
from autotts.envs import store
from autotts.envs.errors import InputError
from autotts.envs.store import Environment

EnvironmentName: TypeAlias = "str | os.PathLike[str] | Environment"
"""A name or pattern under the data root, a built-in synthetic environment, the path of a file, or an environment."""
Environments: TypeAlias = "EnvironmentName | Iterable[EnvironmentName] | None"
"""One or several environments; None for all under the data root, or for the built-in ones if it holds none."""


def load_environment(name: EnvironmentName, *, data: str | os.PathLike[str] | None = None) -> Environment:
    """Load one environment.

    Args:
        name: its name under the data root (``aime24/Qwen3-1.7B``), one of the built-in synthetic environments
            (``synthetic/tiny``, ``small``, ``medium``, ``large``), or the path of an ``.env.npz`` file.
        data: the data root; ``$AUTOTTS_DATA``, else ``./data``, if None.

    Raises:
        InputError: there is no such environment, or ``name`` is a pattern that stands for several.
        DamagedFile: its file is damaged.
    """
    found = find_environments(name, data)
    if len(found) != 1:
        raise InputError(f"{name} stands for {len(found)} environments: {', '.join(env.name for env in found)}")
    return found[0]


def find_environments(env: Environments, data: str | os.PathLike[str] | None = None) -> list[Environment]:
    """Return the environments that ``env`` stands for, without repeats.

    Raises:
        InputError: one does not exist, or two different ones have the same name.
        DamagedFile: a file is damaged.
    """
    root = None if data is None else os.fspath(data)
    if env is None:
        return environments(None, root)
    named = [env] if isinstance(env, str | os.PathLike | Environment) else list(env)
    if not named:
        raise InputError("no environments are given; leave `env` out for all under the data root")
    found: dict[str, Environment] = {}
    for each in named:
        for environment in _found(each, root):
            if found.setdefault(environment.name, environment).hash != environment.hash:
                raise InputError(f"two different environments are called {environment.name}; load them under two names")
    return list(found.values())


def _found(name: EnvironmentName, root: str | None) -> list[Environment]:
    if isinstance(name, Environment):
        return [name]
    if isinstance(name, os.PathLike) or name.endswith(store.SUFFIX):
        return [store.load(Path(name))]
    return environments([name], root)
