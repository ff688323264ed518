"""Bounds, from a part of the episodes, how good a candidate's curve on the whole batch can be, at a given risk.

A curve has a point for each beta: mean accuracy and mean cost over the whole batch. Cost is tokens, and also latency
if latency is an objective. Both are estimated from a part of the batch, with the front's figures on the very same
episodes as control variates (Cochran 1977, chapters 6 and 7): accuracy by regression, cost by ratio. The front's
figures on the whole batch are known, which removes most of the noise that lies in the choice of questions and branch
orders. Neighbouring betas share an estimate of how far the candidate is from the front, because few episodes of each
beta have run; `MARGIN` allows for the differences between such betas.

A candidate is stopped if at every beta even the optimistic point, the upper bound of accuracy at the lower bound of
cost, is below a point of the front. This is wrong only if one of the bounds fails at the beta that is good. So the
bounds share the risk, and the betas, however many, do not (an intersection-union test; Berger 1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from autotts.envs.episodes import Episodes
from autotts.envs.statistics import Floats

from ...population import attained
from ...records.version import CurvePoint
from .rungs import Ints

MARGIN = 3.0
"""Points of accuracy by which one beta may exceed the mean of all; less where several groups of betas are estimated."""
_GROUP = 64.0
"""The number of groups of betas is the square root of the number of episodes divided by this."""
_FLOOR = 1.0
"""Added to the sum of squared residuals: an event that never occurred in a few episodes may occur in the others."""


@dataclass(frozen=True)
class ScreeningReference:
    """The front that a candidate is compared with.

    Attributes:
        episodes: the whole batch of E episodes.
        correct: (E,) the share of the front's versions that answer right, in [0, 1].
        cost: (E, K) the mean tokens of the front's versions and, if latency is an objective, their mean latency.
        points: (P, 1 + K) accuracy, in per cent, and cost of all points of the front's believed curves.
        least: (K,) cost levels below which a lower cost is no better.
        budgets: the token budgets at which quality is measured.
        finalist: the lowest quality with which a version would be a finalist.
    """

    episodes: Episodes
    correct: Floats
    cost: Floats
    points: Floats
    least: Floats
    budgets: Floats
    finalist: float

    @cached_property
    def beta(self) -> Ints:
        """(E,) the index of each episode's beta in the grid."""
        return np.unique(self.episodes.beta, return_inverse=True)[1]

    @cached_property
    def weight(self) -> Floats:
        """(E,) the weight of each episode in the mean at its beta: every environment has the same total weight."""
        environments = len(self.episodes.environments)
        key = self.beta * environments + self.episodes.environment
        return np.asarray(np.bincount(self.beta)[self.beta] / np.bincount(key)[key] / environments)


@dataclass(frozen=True)
class CurveEstimate:
    """A candidate's curve, estimated from a part of the episodes.

    Attributes:
        accuracy: (betas,) per cent.
        spread: (betas,) standard error.
        freedom: (betas,) degrees of freedom of ``spread``.
        slack: points of accuracy by which a single beta may differ from its neighbours.
        cost: (betas, K) means.
        cost_spread: (betas, K) standard error as a share of ``cost``.
        cost_freedom: (betas, 1) degrees of freedom of ``cost_spread``.
    """

    accuracy: Floats
    spread: Floats
    freedom: Floats
    slack: float
    cost: Floats
    cost_spread: Floats
    cost_freedom: Floats

    def optimistic(self, risk: float) -> tuple[Floats, Floats]:
        """Return (betas,) accuracy and (betas, K) cost; the true figures are all worse, except with probability
        ``risk``."""
        level = 1 - risk / (1 + self.cost.shape[1])
        up = _quantile(level, self.freedom) * self.spread + self.slack
        return self.accuracy + up, self.cost * np.exp(-_quantile(level, self.cost_freedom) * self.cost_spread)


def estimate_curve(reference: ScreeningReference, seen: Ints, correct: Floats, cost: Floats) -> CurveEstimate:
    """Return the candidate's curve on the whole batch, estimated from the episodes that it has played.

    Args:
        reference: the front.
        seen: (n,) indices of the episodes that the candidate has played.
        correct: (n,) 1 where the candidate answers right, else 0.
        cost: (n, K) the candidate's cost.
    """
    beta, betas, weight = reference.beta[seen], int(reference.beta.max()) + 1, reference.weight[seen]
    size, whole = np.bincount(beta, minlength=betas), np.bincount(reference.beta)
    groups = min(betas, max(2, round(math.sqrt(len(seen) / _GROUP))))
    group = np.arange(betas) * groups // betas  # of each beta
    n, all_of = _sums(np.ones(len(seen)), group[beta], groups).clip(1), np.bincount(group, whole, groups)

    slope = _slope(correct * weight, reference.correct[seen] * weight, beta)
    rest = (correct - slope * reference.correct[seen]) * weight
    mean = _sums(rest, group[beta], groups) / n
    squares = _sums((rest - mean[group[beta]]) ** 2, group[beta], groups) + _FLOOR
    error = squares / (n - 1).clip(1) / n * (1 - n / all_of)
    known = _sums(reference.correct * reference.weight, reference.beta, betas) / whole

    spent = np.maximum(1, _sums(cost * weight[:, None], beta, betas))
    theirs = np.maximum(1, _sums(reference.cost[seen] * weight[:, None], beta, betas))
    ratio, seen_of = spent / theirs, np.maximum(1, size)[:, None]
    off = (cost - ratio[beta] * reference.cost[seen]) * weight[:, None] / (spent / seen_of)[beta]
    left = (n - np.bincount(group, minlength=groups)).clip(1)[:, None]
    varies = _sums(off**2, group[beta], groups) / left
    return CurveEstimate(
        accuracy=100 * (mean[group] + slope * known),
        spread=100 * np.sqrt(error)[group],
        freedom=(n - 1).clip(1)[group],
        slack=MARGIN / math.sqrt(groups),
        cost=ratio * _sums(reference.cost * reference.weight[:, None], reference.beta, betas) / whole[:, None],
        cost_spread=np.sqrt(varies[group] / seen_of * (1 - size / whole)[:, None]),
        cost_freedom=left[group],
    )


def behind(reference: ScreeningReference, accuracy: Floats, cost: Floats) -> float:
    """Return the smallest distance, in points of accuracy, of the curve's points below the front at their cost."""
    affordable = (reference.points[:, 1:] <= np.maximum(cost, reference.least)[:, None, :]).all(axis=2)
    best = np.where(affordable, reference.points[:, 0], -np.inf).max(axis=1)
    return float((best - accuracy).min())


def cannot_reach_front(reference: ScreeningReference, estimate: CurveEstimate, risk: float) -> bool:
    """Return whether a candidate can reach neither the front nor the finalists, except with probability ``risk``."""
    accuracy, cost = estimate.optimistic(risk)
    curve = [CurvePoint(0, a, t, 0) for a, t in zip(accuracy.tolist(), cost[:, 0].tolist(), strict=True)]
    quality = float(attained(curve, reference.budgets).mean())
    return behind(reference, accuracy, cost) > 0 and quality < reference.finalist


def risk_of(reference: ScreeningReference, estimate: CurveEstimate) -> float:
    """Return the smallest risk at which `cannot_reach_front` is still true of a candidate."""
    low, high = -12.0, 0.0  # powers of ten
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if cannot_reach_front(reference, estimate, 10**middle) else (middle, high)
    return float(10**high)


def _slope(mine: Floats, theirs: Floats, beta: Ints) -> float:
    """Return the slope of the regression of ``mine`` on ``theirs`` within betas, in [0, 1]."""
    n = np.bincount(beta).clip(1)
    x, y = (values - (np.bincount(beta, values) / n)[beta] for values in (theirs, mine))
    return min(1.0, max(0.0, float(x @ y) / max(1e-9, float(x @ x))))


def _sums(values: Floats, which: Ints, n: int) -> Floats:
    """Return (n, ...) the sums of the ``values`` that share an index in ``which``."""
    total = np.zeros((n, *values.shape[1:]))
    np.add.at(total, which, values)
    return total


def _quantile(level: float, freedom: Floats) -> Floats:
    """Return Student's quantile, to three terms of its expansion (Abramowitz and Stegun 26.7.5)."""
    z, n = NormalDist().inv_cdf(level), freedom
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return np.asarray(z + first / n + second / n**2 + third / n**3)
