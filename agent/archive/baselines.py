"""The hand-written controllers that ship with the program: generation 0."""

from __future__ import annotations

from autotts.envs.errors import InputError

from .shipped import BASELINES as HOME


def baseline_names() -> list[str]:
    """Return the names of all baselines, sorted."""
    return sorted(path.stem for path in HOME.glob("*.py"))


def baseline_source(name: str) -> str:
    """Return the source of the baseline ``name``.

    Raises:
        InputError: there is no such baseline.
    """
    if name not in baseline_names():
        raise InputError(f"no baseline {name!r}: there are {', '.join(baseline_names())}")
    return (HOME / f"{name}.py").read_text(encoding="utf-8")
