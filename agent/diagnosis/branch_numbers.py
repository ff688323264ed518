"""The numbers that the branches of an episode carry beside their answers, as they are drawn: signals and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from autotts.envs.declarations import Declarations
from autotts.envs.recordings import signal_cells, verifier_cells
from autotts.envs.signals import SCORE, VERIFIER, meaning
from autotts.envs.store import Environment

MOST = 150_000
"""Numbers of an episode that are drawn; signals beyond that are left out, those that the controller declares last."""
_ENDS = (0.02, 0.98)
_UNIT = "probability"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OpenedBranch:
    """A branch of an episode."""

    recorded: int
    """The branch of the environment."""
    parent: int
    """The branch of the episode that was forked; -1 for none."""
    start: int
    """The depth at which it was opened."""


@dataclass(frozen=True, slots=True)
class DrawnNumber:
    """A signal, or the scores of the verifier, of all branches of an episode."""

    name: str
    unit: str
    """Empty for a signal that is not in `envs.signals`."""
    comes_with: Literal["interval", "probe", "verification"]
    """What shows it to the controller."""
    higher_is: str
    """Empty where nobody has said it."""
    definition: str
    declared: bool
    """Whether the controller declares that it uses it; otherwise it never saw it."""
    low: float
    """The low end of the colour scale: 2% of the question's recorded numbers lie below. Of probabilities, it is 0."""
    high: float
    """The high end, likewise. ``low`` equals it where all numbers are equal, or where there are none."""
    cells: tuple[tuple[float | None, ...], ...]
    """For each branch in the order of opening, its number by interval, that of the finished branch last."""


def drawn_numbers(
    env: Environment, question: int, branches: Sequence[OpenedBranch], declared: Declarations
) -> tuple[tuple[DrawnNumber, ...], int]:
    """Return the numbers of an episode, those that the controller declares first, and how many were left out.

    Args:
        env: the environment.
        question: the question.
        branches: the opened branches, in their order.
        declared: what the controller declares.
    """
    found: list[DrawnNumber] = []
    room, names = MOST, _names(env, declared)
    for name, is_declared in names:
        number = _number(env, question, branches, name, is_declared)
        size = sum(map(len, number.cells))
        if size > room and found:
            break
        room -= size
        found.append(number)
    return tuple(found), len(names) - len(found)


def _names(env: Environment, declared: Declarations) -> list[tuple[str, bool]]:
    """Return the names of the numbers that the environment has, each with whether it is declared; these come first."""
    verifies = env.verifier is not None
    names = [name for name in env.signal_names if not (verifies and name == VERIFIER)]
    used = [*declared.shown(names), *([VERIFIER] if verifies and declared.verifier else [])]
    others = [name for name in (*names, *([VERIFIER] if verifies else [])) if name not in used]
    return [*((name, True) for name in used), *((name, False) for name in others)]


def _number(
    env: Environment, question: int, branches: Sequence[OpenedBranch], name: str, declared: bool
) -> DrawnNumber:
    scores = verifier_cells(env, question) if name == VERIFIER else None
    found, column = (meaning(name), signal_cells(env, question, name)) if scores is None else (SCORE, scores)
    low, high = _ends(column, scores is not None or found.unit == _UNIT)
    return DrawnNumber(
        name=name,
        **asdict(found),
        declared=declared,
        low=low,
        high=high,
        cells=tuple(tuple(map(_shown, row)) for row in _rows(env, question, branches, column)),
    )


def _rows(env: Environment, question: int, branches: Sequence[OpenedBranch], column: Floats) -> list[list[float]]:
    """Return the numbers of each branch; a fork that was recorded at a lower depth begins with those of its parent."""
    mine = env.branches(question)
    offsets = np.concatenate(([0], np.cumsum(env.probes[mine.start : mine.stop].astype(np.int64) + 1)))
    rows: list[list[float]] = []
    for branch in branches:
        at = branch.recorded - mine.start
        own = column[offsets[at] : offsets[at + 1]].tolist()
        if env.fork_depths is not None and env.fork_depths[branch.recorded] < branch.start:
            own = rows[branch.parent][: branch.start] + (own[branch.start :] or own[-1:])
        rows.append(own)
    return rows


def _ends(column: Floats, may_be_probability: bool) -> tuple[float, float]:
    there = column[np.isfinite(column)]
    if not len(there):
        return 0.0, 0.0
    if may_be_probability and there.min() >= 0 and there.max() <= 1:
        return 0.0, 1.0
    low, high = np.quantile(there, _ENDS).tolist()
    return float(f"{low:.4g}"), float(f"{high:.4g}")


def _shown(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
