"""What each question adds to a version's quality, so that some of the questions have a quality too.

Quality (`population.quality`) is a mean over token budgets of what a curve attains, and a curve is a mean over
questions. To first order it is therefore a mean of one *contribution* of each cell, a question of an environment: the
infinitesimal jackknife (Jaeckel 1972). A part of the questions, or all models but one, are then a mean of some cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from envs.statistics import Floats
from envs.synthetic.simulated import is_simulated, origin

from .question_results import Ints as Ints32
from .question_results import QuestionResults

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

GROUPS = 32
"""Groups into which the questions of an environment fall, at most: enough to tell an error by."""
_SPACING = 0.2
"""Distance of two budgets, as a logarithm, where there is but one."""


@dataclass(frozen=True, slots=True)
class QualityPanel:
    """The contributions of V versions, N cells each, to their qualities."""

    values: Floats
    """(V, N) in per cent; the mean with ``weights`` is a version's quality."""
    weights: Floats
    """(N,) parts of the whole, adding up to 1."""
    environment: Ints
    """(N,) which environment a cell belongs to."""
    question: Ints
    """(N,) which group of questions a cell belongs to: the same ones in environments of the same size."""
    origin: Ints
    """(N,) the recorded environment that a cell comes from: its own, or that to which a simulated one was fitted."""
    recorded: Bools
    """(N,) whether the cell was recorded. Simulated ones take part in a choice, but nothing is measured on them."""


@dataclass(frozen=True, slots=True, eq=False)
class PanelCells:
    """The questions of environments: see `QuestionResults`."""

    environments: tuple[str, ...]
    environment: Ints32
    question: Ints32


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one version contributes: all that a panel needs of its figures, and a twentieth of their size."""

    cells: PanelCells
    """One object for all versions with the same ones."""
    values: Floats
    """(N,) the mean of `contributions` over the budgets."""
    at: bytes
    """The token budgets."""
    simulated: float

    @classmethod
    def of(cls, figures: QuestionResults, at: Floats, simulated: float = 0.0) -> Contribution:
        """Return the contribution of the version that ``figures`` are of (see `panel`)."""
        cells = _cells(figures.environments, figures.environment.tobytes(), figures.question.tobytes())
        return cls(cells, contributions(figures, at, simulated).mean(axis=0), at.tobytes(), simulated)

    def holds(self, at: Floats, simulated: float) -> bool:
        """Return whether it is that at these budgets, with this weight."""
        return self.at == at.tobytes() and self.simulated == simulated


@lru_cache(maxsize=16)
def _cells(environments: tuple[str, ...], environment: bytes, question: bytes) -> PanelCells:
    return PanelCells(environments, np.frombuffer(environment, np.int32), np.frombuffer(question, np.int32))


def panel(figures: Sequence[QuestionResults], at: Floats, simulated: float = 0.0) -> QualityPanel:
    """Return the contributions of versions whose ``figures`` have the same cells.

    Args:
        figures: at least one.
        at: (T,) token budgets.
        simulated: the weight of all simulated environments together; the recorded ones have the rest.
    """
    return joined([Contribution.of(each, at, simulated) for each in figures])


def joined(rows: Sequence[Contribution]) -> QualityPanel:
    """Return the panel of versions, at least one, with the same cells, budgets and weight."""
    cells, names = rows[0].cells, rows[0].cells.environments
    return QualityPanel(
        values=np.stack([row.values for row in rows]),
        weights=cell_weights(cells, rows[0].simulated),
        environment=cells.environment.astype(np.int64),
        question=_groups(cells),
        origin=np.array([names.index(origin(name)) for name in names])[cells.environment],
        recorded=np.array([not is_simulated(name) for name in names])[cells.environment],
    )


def cell_weights(cells: PanelCells | QuestionResults, simulated: float) -> Floats:
    """Return (N,) the part of each cell in the mean: environments of a kind count the same, and so do questions."""
    kind = np.array([is_simulated(name) for name in cells.environments])
    share = simulated if kind.any() else 0.0
    each = np.where(kind, share / max(1, kind.sum()), (1 - share) / max(1, (~kind).sum()))
    return np.asarray((each / np.bincount(cells.environment))[cells.environment])


def contributions(figures: QuestionResults, at: Floats, simulated: float = 0.0) -> Floats:
    """Return (T, N) the contribution of each cell to what the version attains at each budget of ``at``, in per cent."""
    return contributions_by(figures, at, cell_weights(figures, simulated))


def contributions_by(figures: QuestionResults, at: Floats, weights: Floats) -> Floats:
    """Return (T, N) contributions of all cells to a curve that is the mean of those cells alone that have ``weights``.

    Which points of the curve are used at which budget is decided by these: what other cells contribute is then no
    choice of the best afterwards.
    """
    weights = weights / weights.sum()
    accuracy, tokens = 100 * figures.right, figures.tokens
    a, t = accuracy @ weights, tokens @ weights
    value, by_accuracy, by_tokens = slopes(t, a, at)
    moved = by_accuracy @ (accuracy - a[:, None]) + (by_tokens / np.maximum(1.0, t)) @ (tokens - t[:, None])
    return np.asarray(value[:, None] + moved)


def slopes(tokens: Floats, accuracy: Floats, at: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what a curve attains at each budget, and how that changes with its points.

    Args:
        tokens, accuracy: (B,) the points of the curve, in any order.
        at: (T,) token budgets.

    Returns:
        (T,) what `population.attained` gives, and its derivatives by the accuracies and by the logarithms of the
        tokens, (T, B) each. Where two points nearly share their tokens, the curve between them is taken to rise over
        the distance of two budgets: few budgets would miss such a step, or see it far too steep.
    """
    order = np.lexsort((accuracy, tokens))
    x = np.log(np.maximum(1.0, tokens[order]))
    best = np.maximum.accumulate(accuracy[order])
    owner = np.maximum.accumulate(np.where(accuracy[order] == best, np.arange(len(x)), 0))  # whose the best is
    place = np.log(at)
    right = np.clip(np.searchsorted(x, place, side="right"), 1, max(1, len(x) - 1))
    left = right - 1
    right = np.minimum(right, len(x) - 1)
    gap = x[right] - x[left]
    part = np.clip(np.divide(place - x[left], gap, out=np.zeros_like(place), where=gap > 0), 0.0, 1.0)
    part[place >= x[-1]] = 1.0
    scale = np.minimum(1.0, np.exp(place - x[0]))
    value = scale * ((1 - part) * best[left] + part * best[right])

    rows = np.arange(len(at))
    by_accuracy, by_tokens = np.zeros((len(at), len(x))), np.zeros((len(at), len(x)))
    np.add.at(by_accuracy, (rows, order[owner[left]]), scale * (1 - part))
    np.add.at(by_accuracy, (rows, order[owner[right]]), scale * part)
    inside = (place > x[0]) & (place < x[-1]) & (gap > 0)
    spacing = (place[-1] - place[0]) / (len(at) - 1) if len(at) > 1 else _SPACING
    steep = np.where(inside, (best[right] - best[left]) / np.maximum(gap, spacing), 0.0)
    np.add.at(by_tokens, (rows, order[left]), -steep * (1 - part))
    np.add.at(by_tokens, (rows, order[right]), -steep * part)
    by_tokens[:, order[0]] -= np.where(scale < 1, value, 0.0)
    return value, by_accuracy, by_tokens


def _groups(cells: PanelCells) -> Ints:
    """Return (N,) the group of questions of each cell. Environments of the same size are taken to ask the same ones."""
    sizes = np.bincount(cells.environment)[cells.environment]
    _, group = np.unique(np.stack([sizes, cells.question % GROUPS]), axis=1, return_inverse=True)
    return np.asarray(group.ravel(), np.int64)
