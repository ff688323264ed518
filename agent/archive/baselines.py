"""The hand-written controllers that ship with the program: generation 0, and published methods that need more."""

from __future__ import annotations

from collections.abc import Sequence

from autotts.envs.declarations import read_declarations
from autotts.envs.errors import InputError
from autotts.envs.store import Environment

from .shipped import BASELINES as HOME

_OF_EVERY_RUN = (
    "adaptive_consistency", "answer_consistency", "confidence_momentum", "early_stopping", "parallel_probe",
    "self_consistency",
)  # fmt: skip


def baseline_names() -> list[str]:
    """Return the names of the baselines of every run, sorted: controllers that need nothing but answers."""
    return list(_OF_EVERY_RUN)


def baselines_for(environments: Sequence[Environment]) -> list[str]:
    """Return the names of the baselines that play on ``environments``, sorted: those of generation 0 of a run on them.

    Where the environments hold answers alone, these are the baselines of every run. Where they also hold what another
    baseline needs (a signal, a verifier, forks), all baselines whose needs they meet take part.
    """
    playable = [name for name in every_baseline() if not read_declarations(baseline_source(name)).refusal(environments)]
    if not environments or not any(read_declarations(baseline_source(name)).needs for name in playable):
        return baseline_names()
    return playable


def left_out(environments: Sequence[Environment]) -> str:
    """Return which baselines do not play on ``environments`` and what they need, in one line.

    The line is empty where none is left out, and where the environments hold answers alone.
    """
    if not any(each.signal_names or each.verifier is not None or each.parents is not None for each in environments):
        return ""
    lacking: dict[str, list[str]] = {}
    playing = baselines_for(environments)
    for name in every_baseline():
        if name not in playing:
            declared = read_declarations(baseline_source(name))
            missing = {need: None for each in environments for need in declared.missing_in(each)}
            lacking.setdefault(" and ".join(missing) or "a signal, a verifier or forks", []).append(name)
    parts = [f"{', '.join(names)} (for lack of {what})" for what, names in lacking.items()]
    return f"baselines left out: {'; '.join(parts)}" if parts else ""


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
