"""The hand-written controllers that ship with the program: generation 0, and published methods that need more."""

from __future__ import annotations

from autotts.envs.errors import InputError

from .shipped import BASELINES as HOME

_OF_EVERY_RUN = (
    "adaptive_consistency", "answer_consistency", "confidence_momentum", "early_stopping", "parallel_probe",
    "self_consistency",
)  # fmt: skip


def baseline_names() -> list[str]:
    """Return the names of the baselines of every run, sorted: controllers that need nothing but answers."""
    return list(_OF_EVERY_RUN)


def every_baseline() -> list[str]:
    """Return the names of all baselines, sorted: also of those that need signals, a verifier or forks."""
    return sorted(path.stem for path in HOME.glob("*.py"))


def baseline_source(name: str) -> str:
    """Return the source of the baseline ``name``.

    Raises:
        InputError: there is no such baseline.
    """
    if name not in every_baseline():
        raise InputError(f"no baseline {name!r}: there are {', '.join(every_baseline())}")
    return (HOME / f"{name}.py").read_text(encoding="utf-8")
