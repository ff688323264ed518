"""The explorers by name."""

from __future__ import annotations

from envs.errors import InputError

from .base import Explorer
from .evolve import Evolve

EXPLORERS: dict[str, type[Explorer]] = {"evolve": Evolve}


def explorer(name: str) -> Explorer:
    """Return the explorer called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in EXPLORERS:
        raise InputError(f"no explorer {name!r}: there are {', '.join(sorted(EXPLORERS))}")
    return EXPLORERS[name]()
