"""The hand-written controllers that ship with the program: generation 0."""

from __future__ import annotations

from pathlib import Path

import agent
from envs.errors import InputError

HOME = Path(agent.__file__).parent.parent / "controllers_archive" / "baselines"


def baseline_names() -> list[str]:
    """Return the names of all seeds, sorted."""
    return sorted(path.stem for path in HOME.glob("*.py"))


def baseline_source(name: str) -> str:
    """Return the source of the seed ``name``.

    Raises:
        InputError: there is no such seed.
    """
    if name not in baseline_names():
        raise InputError(f"no seed controller {name!r}: there are {', '.join(baseline_names())}")
    return (HOME / f"{name}.py").read_text(encoding="utf-8")
