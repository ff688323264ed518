"""Contributions of single questions to a version's quality, so that a part of the questions has a quality too.

Quality (`population.quality`) is a mean over token budgets of the accuracy that a curve attains, and a curve is a mean
over questions. To first order, quality is therefore a mean of one *contribution* per cell, where a cell is a question
of an environment: the infinitesimal jackknife (Jaeckel 1972). The quality on a part of the questions, or on all models
but one, is then a mean over some of the cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats
from autotts.envs.synthetic.simulated import is_simulated, origin

from .question_results import Ints as Ints32
from .question_results import QuestionResults

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

GROUPS = 32
"""Groups of questions per environment, at most: enough to estimate a standard error."""
_SPACING = 0.2
"""Distance of two token budgets on the natural logarithm, where there is only one budget."""


@dataclass(frozen=True, slots=True)
class QualityPanel:
    """The contributions of V versions, N cells each, to their qualities."""

    values: Floats
    """(V, N) in per cent; the mean with ``weights`` is a version's quality."""
    weights: Floats
    """(N,) weight of each cell; the weights sum to 1."""
    environment: Ints
    """(N,) index of the cell's environment."""
    question: Ints
    """(N,) index of the cell's group of questions. Environments with equally many questions share the groups."""
    origin: Ints
    """(N,) index of the recorded environment: the cell's own, or the one that a simulated environment was fitted to."""
    recorded: Bools
    """(N,) whether the cell was recorded. Simulated cells affect the choice of a version and are never measured on."""


@dataclass(frozen=True, slots=True, eq=False)
class PanelCells:
    """The questions of environments: see `QuestionResults`."""

    environments: tuple[str, ...]
    environment: Ints32
    question: Ints32


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """The contribution of one version: everything that a panel needs of its results, at a twentieth of their size."""

    cells: PanelCells
    """Versions with the same cells share one object."""
    values: Floats
    """(N,) the mean of `contributions` over the budgets."""
    at: bytes
    """The token budgets."""
    simulated: float

    @classmethod
    def of(cls, results: QuestionResults, at: Floats, simulated: float = 0.0) -> Contribution:
        """Return the contribution of the version with these ``results`` (see `panel`)."""
        cells = _cells(results.environments, results.environment.tobytes(), results.question.tobytes())
        return cls(cells, contributions(results, at, simulated).mean(axis=0), at.tobytes(), simulated)

    def holds(self, at: bytes, simulated: float) -> bool:
        """Return whether this contribution was computed for these budgets (as bytes) and this weight."""
        return self.at == at and self.simulated == simulated


@lru_cache(maxsize=16)
def _cells(environments: tuple[str, ...], environment: bytes, question: bytes) -> PanelCells:
    return PanelCells(environments, np.frombuffer(environment, np.int32), np.frombuffer(question, np.int32))


def panel(results: Sequence[QuestionResults], at: Floats, simulated: float = 0.0) -> QualityPanel:
    """Return the contributions of versions whose ``results`` have the same cells.

    Args:
        results: at least one.
        at: (T,) token budgets.
        simulated: the weight of all simulated environments together; the recorded ones have the rest.
    """
    return joined([Contribution.of(each, at, simulated) for each in results])


def joined(rows: Sequence[Contribution]) -> QualityPanel:
    """Return the panel of at least one version; all ``rows`` must have the same cells, budgets and weight."""
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
    """Return (N,) the weight of each cell: equal for environments of a kind, and for questions of an environment."""
    kind = np.array([is_simulated(name) for name in cells.environments])
    share = simulated if kind.any() else 0.0
    each = np.where(kind, share / max(1, kind.sum()), (1 - share) / max(1, (~kind).sum()))
    return np.asarray((each / np.bincount(cells.environment))[cells.environment])


def contributions(results: QuestionResults, at: Floats, simulated: float = 0.0) -> Floats:
    """Return (T, N) the contribution of each cell to the accuracy attained at each budget of ``at``, in per cent."""
    return contributions_by(results, at, cell_weights(results, simulated))


def contributions_by(results: QuestionResults, at: Floats, weights: Floats) -> Floats:
    """Return (T, N) the contributions of all cells to a curve that is the mean of only the cells with ``weights``.

    The weighted cells alone decide which points of the curve are used at each budget. The contributions of other cells
    are therefore free of selection.
    """
    weights = weights / weights.sum()
    accuracy, tokens = 100 * results.right, results.tokens
    a, t = accuracy @ weights, tokens @ weights
    value, by_accuracy, by_tokens = slopes(t, a, at)
    moved = by_accuracy @ (accuracy - a[:, None]) + (by_tokens / np.maximum(1.0, t)) @ (tokens - t[:, None])
    return np.asarray(value[:, None] + moved)


def slopes(tokens: Floats, accuracy: Floats, at: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the accuracy that a curve attains at each budget, and its derivatives by the points of the curve.

    Args:
        tokens, accuracy: (B,) the points of the curve, in any order; accuracy in per cent.
        at: (T,) token budgets.

    Returns:
        (T,) the values of `population.attained`, and their derivatives by the accuracies and by the logarithms of the
        tokens, (T, B) each. Between two points with nearly equal tokens, the curve is assumed to rise over the distance
        of two budgets, because only few budgets would see the step, and those would see it far too steep.
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
    """Return (N,) the group of questions of each cell. Environments of equal size are assumed to share questions."""
    sizes = np.bincount(cells.environment)[cells.environment]
    _, group = np.unique(np.stack([sizes, cells.question % GROUPS]), axis=1, return_inverse=True)
    return np.asarray(group.ravel(), np.int64)
