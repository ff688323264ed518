"""Settings of a discovery that only some explorers use: a setting that the chosen explorer ignores is refused."""

from __future__ import annotations

from collections.abc import Iterable

from autotts.envs.errors import InputError

from ..archive.run_directory import RunConfig
from .registry import CALL_A_MODEL, members

_SPEND = (*CALL_A_MODEL, "command")
"""Explorers that cost money."""
USED_BY = {
    "model": _SPEND,
    "command": ("command",),
    "agent-minutes": ("command",),
    "agent-tries": ("command",),
    "pass-env": ("command",),
    "mixture": ("mixture",),
    "max-dollars": _SPEND,
    "max-dollars-each": _SPEND,
    "max-calls": _SPEND,
    "max-calls-each": _SPEND,
    "prices": CALL_A_MODEL,
}
"""The explorers that use a setting, by the name of its option without hyphens before it."""


def unused(config: RunConfig, names: Iterable[str]) -> list[str]:
    """Return those of the options ``names`` that have no effect with the explorer of ``config``.

    Raises:
        InputError: the explorer is unknown, or one of its settings is missing.
    """
    explorers = {config.explorer, *members(config)}
    return [name for name in names if name in USED_BY and not explorers & set(USED_BY[name])]


def describe_unused(config: RunConfig, name: str, written: str) -> str:
    """Return the message about an option that has no effect; ``written`` is its name as the user writes it."""
    explorers = ", ".join(USED_BY[name])
    return f"{written} has no effect with the explorer {config.explorer}: it belongs to {explorers}"


def refuse_unused(config: RunConfig, given: dict[str, object]) -> None:
    """Check the arguments of a call from Python: those that are None or empty were not given.

    Raises:
        InputError: the explorer of ``config`` does not use one of them.
    """
    used = [name for name, value in given.items() if value is not None and value not in ("", ())]
    names = {name.replace("_", "-"): name for name in used}
    for name in unused(config, names):
        raise InputError(describe_unused(config, name, names[name]))
