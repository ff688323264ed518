"""Environments simulated from fits of recorded ones, with questions of another difficulty."""

from __future__ import annotations

PREFIX = "simulated/"
"""What the name of every such environment begins with: nothing recorded may be called so."""


def is_simulated(name: str) -> bool:
    """Return whether the environment ``name`` was simulated, not recorded."""
    return name.startswith(PREFIX)


def origin(name: str) -> str:
    """Return the name of the recorded environment that ``name`` was fitted to; its own, if it was recorded."""
    return name.split("/", 2)[2] if is_simulated(name) else name
