"""What a part of the episodes proves of the whole: the best that a candidate's curve can be, at a given risk.

A curve has a point for each beta: mean accuracy and mean cost over the whole batch; cost is tokens, and where it is an
objective latency. From a part of the batch they are estimated, with the front's figures on the very same episodes as
control variates (Cochran 1977, chapters 6 and 7): accuracy by regression, cost by ratio. What is known of the front on
the whole batch thus takes away most of the noise that lies in the choice of questions and branch orders. Neighbouring
betas share an estimate of how far the candidate is from its control, as few episodes of each have been seen; `MARGIN`
is left for what they differ in.

A candidate is given up if at every beta even the optimistic point, that is the upper bound of accuracy at the lower
bound of cost, is below a point of the front. That is wrong only if one of these bounds fails at the beta which is good:
so they share the risk, and betas, however many, do not (an intersection-union test; Berger 1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from envs.episodes import Episodes
from envs.statistics import Floats

from ...population import attained
from ...records.version import CurvePoint
from .rungs import Ints

MARGIN = 3.0
"""Points of accuracy that one beta may be above all others together; for a group of betas, of several, less."""
_GROUP = 64.0
"""The number of groups grows with the root of the number of episodes over this."""
_FLOOR = 1.0
"""Squared residuals that are taken to have been missed: what never happened in few episodes may happen in others."""


@dataclass(frozen=True)
class ScreeningReference:
    """The front, which a candidate is held against.

    Attributes:
        episodes: the whole batch.
        correct: (E,) the part of the front's versions that answer right, in [0, 1].
        cost: (E, K) their mean tokens and, where it is an objective, their mean latency.
        points: (P, 1 + K) accuracy, in per cent, and cost of all points of the front's curves, as they are believed.
        least: (K,) costs than which a lower one is no better.
        budgets: token budgets at which quality is measured.
        finalist: the lowest quality with which a version would be among the last choice.
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
        """(E,) the number of each episode's beta."""
        return np.unique(self.episodes.beta, return_inverse=True)[1]

    @cached_property
    def weight(self) -> Floats:
        """(E,) what each episode counts in the mean at its beta: all environments together count the same."""
        environments = len(self.episodes.environments)
        key = self.beta * environments + self.episodes.environment
        return np.asarray(np.bincount(self.beta)[self.beta] / np.bincount(key)[key] / environments)


@dataclass(frozen=True)
class CurveEstimate:
    """A candidate's curve as a part of the episodes shows it.

    Attributes:
        accuracy: (betas,) per cent.
        spread: (betas,) standard error.
        freedom: (betas,) degrees of freedom of ``spread``.
        slack: points of accuracy by which a single beta may differ from its neighbours.
        cost: (betas, K) means.
        cost_spread: (betas, K) standard error as a part of ``cost``.
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
        """Return (betas,) accuracy and (betas, K) cost, all of which are worse in truth but for ``risk``."""
        level = 1 - risk / (1 + self.cost.shape[1])
        up = _quantile(level, self.freedom) * self.spread + self.slack
        return self.accuracy + up, self.cost * np.exp(-_quantile(level, self.cost_freedom) * self.cost_spread)


def estimate_curve(control: ScreeningReference, seen: Ints, correct: Floats, cost: Floats) -> CurveEstimate:
    """Return what a part of the episodes says of the whole batch.

    Args:
        control: the front.
        seen: (n,) the part.
        correct: (n,) 1 where the candidate answers right, else 0.
        cost: (n, K) what it spends.
    """
    beta, betas, weight = control.beta[seen], int(control.beta.max()) + 1, control.weight[seen]
    size, whole = np.bincount(beta, minlength=betas), np.bincount(control.beta)
    groups = min(betas, max(2, round(math.sqrt(len(seen) / _GROUP))))
    group = np.arange(betas) * groups // betas  # of each beta
    n, all_of = _sums(np.ones(len(seen)), group[beta], groups).clip(1), np.bincount(group, whole, groups)

    slope = _slope(correct * weight, control.correct[seen] * weight, beta)
    rest = (correct - slope * control.correct[seen]) * weight
    mean = _sums(rest, group[beta], groups) / n
    squares = _sums((rest - mean[group[beta]]) ** 2, group[beta], groups) + _FLOOR
    error = squares / (n - 1).clip(1) / n * (1 - n / all_of)
    known = _sums(control.correct * control.weight, control.beta, betas) / whole

    spent = np.maximum(1, _sums(cost * weight[:, None], beta, betas))
    theirs = np.maximum(1, _sums(control.cost[seen] * weight[:, None], beta, betas))
    ratio, seen_of = spent / theirs, np.maximum(1, size)[:, None]
    off = (cost - ratio[beta] * control.cost[seen]) * weight[:, None] / (spent / seen_of)[beta]
    left = (n - np.bincount(group, minlength=groups)).clip(1)[:, None]
    varies = _sums(off**2, group[beta], groups) / left
    return CurveEstimate(
        accuracy=100 * (mean[group] + slope * known),
        spread=100 * np.sqrt(error)[group],
        freedom=(n - 1).clip(1)[group],
        slack=MARGIN / math.sqrt(groups),
        cost=ratio * _sums(control.cost * control.weight[:, None], control.beta, betas) / whole[:, None],
        cost_spread=np.sqrt(varies[group] / seen_of * (1 - size / whole)[:, None]),
        cost_freedom=left[group],
    )


def behind(control: ScreeningReference, accuracy: Floats, cost: Floats) -> float:
    """Return by how many points of accuracy, at the least, a curve's points are below the front at their cost."""
    affordable = (control.points[:, 1:] <= np.maximum(cost, control.least)[:, None, :]).all(axis=2)
    best = np.where(affordable, control.points[:, 0], -np.inf).max(axis=1)
    return float((best - accuracy).min())


def cannot_reach_front(control: ScreeningReference, found: CurveEstimate, risk: float) -> bool:
    """Return whether a candidate can, but for ``risk``, neither come up to the front nor be in the last choice."""
    accuracy, cost = found.optimistic(risk)
    curve = [CurvePoint(0, a, t, 0) for a, t in zip(accuracy.tolist(), cost[:, 0].tolist(), strict=True)]
    quality = float(attained(curve, control.budgets).mean())
    return behind(control, accuracy, cost) > 0 and quality < control.finalist


def risk_of(control: ScreeningReference, found: CurveEstimate) -> float:
    """Return the smallest risk at which a candidate that is `cannot_reach_front` at some risk still is."""
    low, high = -12.0, 0.0  # powers of ten
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if cannot_reach_front(control, found, 10**middle) else (middle, high)
    return float(10**high)


def _slope(mine: Floats, theirs: Floats, beta: Ints) -> float:
    """Return the slope of the regression of ``mine`` on ``theirs`` within betas, in [0, 1]."""
    n = np.bincount(beta).clip(1)
    x, y = (values - (np.bincount(beta, values) / n)[beta] for values in (theirs, mine))
    return min(1.0, max(0.0, float(x @ y) / max(1e-9, float(x @ x))))


def _sums(values: Floats, which: Ints, n: int) -> Floats:
    """Return (n, ...) the sums of ``values`` whose ``which`` is the same."""
    total = np.zeros((n, *values.shape[1:]))
    np.add.at(total, which, values)
    return total


def _quantile(level: float, freedom: Floats) -> Floats:
    """Return Student's quantile, to three terms of its expansion (Abramowitz and Stegun 26.7.5)."""
    z, n = NormalDist().inv_cdf(level), freedom
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return np.asarray(z + first / n + second / n**2 + third / n**3)
