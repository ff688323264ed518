"""Quality of versions: accuracy at token budgets, and the hypervolume of their joint Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats

from ..records.version import GIVEN, CurvePoint
from .curve_table import CurveTable, Ints
from .measured import MeasuredVersions, S, Scored, measured
from .preference import preferred

__all__ = [
    "BUDGETS", "MOST_ELITES", "ROUNDING", "Ints", "ObjectiveSpace", "S", "Scored", "attained", "attained_by",
    "best_baseline", "budgets", "by_merit", "contributions", "covered", "elites", "front", "hypervolume", "merit",
    "merit_order", "merits", "on_front", "qualities", "quality", "ranked", "space",
]  # fmt: skip

BUDGETS = 24
"""Token budgets at which controllers are compared, evenly spaced on a logarithmic scale."""
MOST_ELITES = 12
"""Versions on a reported front, at most."""
ROUNDING = 1e-9
"""Hypervolume gain, in points, up to which a gain counts as a rounding error."""
_MANY = 4096
"""Points from which on those that are clearly dominated are left out before the front is looked for."""


def budgets(cards: Sequence[Scored]) -> Floats:
    """Return (BUDGETS,) token budgets, from about two whole branches to the full budget.

    The lowest budget is twice the largest spending of the cheapest hand-written controller; the highest budget is the
    largest spending of any. Below the lowest budget a controller has no real choice.
    """
    most = [max(point.tokens for point in curve) for curve in _baseline_curves(cards)] or [1.0]
    low = max(1.0, 2 * min(most))
    return np.geomspace(low, max(2 * low, *most), BUDGETS)


def attained(curve: Sequence[CurvePoint], at: Floats) -> Floats:
    """Return (budgets,) the accuracy (per cent) that ``curve`` attains within each token budget of ``at``.

    Between two points, accuracy is interpolated on the logarithm of tokens. Above the last point it is the best
    accuracy. Below the first point it is the accuracy of the first point times budget over tokens, as if a part of the
    questions were left unanswered.
    """
    return np.asarray(attained_by([curve], at)[0])


def attained_by(curves: Sequence[Sequence[CurvePoint]], at: Floats) -> Floats:
    """Return (curves, budgets): `attained` for many curves at once, because every selection needs thousands."""
    return CurveTable.of(curves).attained(at)


def quality(card: Scored, at: Floats) -> float:
    """Return the quality of a version: the mean accuracy, in per cent, that its measured curve attains over budgets."""
    return float(attained(card.mean_curve, at).mean())


def merit(card: Scored, at: Floats) -> float:
    """Return the quality of a version after shrinkage (`Card.believed_curve`), in per cent: likely luck is removed."""
    return float(attained(card.believed_curve, at).mean())


def qualities(cards: Sequence[Scored], at: Floats) -> Floats:
    """Return (cards,) the `quality` of each version."""
    return np.asarray(attained_by([card.mean_curve for card in cards], at).mean(axis=1))


def merits(cards: Sequence[Scored], at: Floats) -> Floats:
    """Return (cards,) the `merit` of each version."""
    return np.asarray(measured(cards).believed.attained(at).mean(axis=1))


def ranked(cards: Sequence[S]) -> list[S]:
    """Return the versions that ran, best first (see `by_merit`)."""
    return by_merit([card for card in cards if card.ok], budgets(cards))


def best_baseline(cards: Sequence[S], at: Floats) -> S | None:
    """Return the hand-written controller with the highest `quality`, the reference of a search; None if none ran."""
    baselines = [card for card in cards if card.generation == 0 and card.ok]
    return max(baselines, key=lambda card: quality(card, at), default=None)


def by_merit(cards: Sequence[S], at: Floats) -> list[S]:
    """Return ``cards``, best first: by `merit`; a simpler version precedes a lead that may be noise (`preferred`)."""
    ordered = measured(cards).by_age()
    return [ordered[v] for v in merit_order(ordered, at)]


def merit_order(ordered: MeasuredVersions[S], at: Floats) -> list[int]:
    """Return the indices of versions, best first (see `by_merit`).

    Args:
        ordered: the versions, by generation and id.
        at: the token budgets.
    """
    return preferred(merits(ordered, at), ordered.noise, ordered.size)


@dataclass(frozen=True, slots=True)
class ObjectiveSpace:
    """The objectives: accuracy (maximised), tokens (minimised) and, optionally, latency (minimised)."""

    budgets: Floats
    latency: tuple[float, float] | None = None
    """Tokens on the critical path: the minimum and maximum over the points of all hand-written controllers."""

    def points(self, curve: Sequence[CurvePoint]) -> Floats:
        """Return (n, 2 or 3) points to be minimised: those points of ``curve`` that lie within the budgets.

        Each objective is scaled to [0, 1]. Tokens and latency are scaled on the logarithm and clipped at the lowest.
        """
        return self.points_of([curve])[0]

    def points_of(self, curves: CurveTable | Sequence[Sequence[CurvePoint]]) -> tuple[Floats, Ints]:
        """Return the `points` of all ``curves``, one curve after another, and (n,) the index of each point's curve."""
        table = curves if isinstance(curves, CurveTable) else CurveTable.of(curves)
        _, accuracy, tokens, latency = table.values.T
        columns = [_scaled(tokens, self.budgets[0], self.budgets[-1]), 1 - accuracy / 100]
        if self.latency is not None:
            columns.append(_scaled(latency, *self.latency))
        inside = np.logical_and.reduce([column < 1 for column in columns])
        return np.stack([column[inside] for column in columns], axis=1), table.owner[inside]

    def volume(self, points: Floats) -> float:
        """Return the hypervolume that ``points`` dominate. 100 would be perfect accuracy at no cost.

        With accuracy and tokens alone, the hypervolume is the accuracy that the points attain, averaged over budgets
        on a logarithmic scale, without interpolation.
        """
        return 100 * float(moocore.hypervolume(points, ref=[1.0] * points.shape[1])) if len(points) else 0.0

    def best(self, points: Floats) -> Floats:
        """Return the non-dominated ``points``."""
        return points[moocore.is_nondominated(points)] if len(points) else points


def space(cards: Sequence[Scored], latency: bool = False) -> ObjectiveSpace:
    """Return the objectives. The hand-written controllers among ``cards`` set their scales."""
    latencies = [max(1.0, point.latency) for curve in _baseline_curves(cards) for point in curve] or [1.0]
    low, high = min(latencies), max(latencies)
    return ObjectiveSpace(budgets(cards), (low, max(2 * low, high)) if latency else None)


def hypervolume(cards: Sequence[Scored], latency: bool = False) -> float:
    """Return the hypervolume (`ObjectiveSpace.volume`) of all versions that ran."""
    within = space(cards, latency)
    return within.volume(within.points_of([card.mean_curve for card in cards if card.ok])[0])


def front(cards: Sequence[S], most: int = MOST_ELITES, latency: bool = False) -> list[S]:
    """Return the elites of the versions that ran (see `elites`)."""
    return elites([card for card in cards if card.ok], space(cards, latency), most)


def elites(cards: Sequence[S], within: ObjectiveSpace, most: int = MOST_ELITES) -> list[S]:
    """Return the versions whose curves make up the Pareto front, from frugal to accurate.

    The choice is greedy among the versions with a non-dominated point: each version chosen adds the most hypervolume,
    until none adds any or ``most`` are chosen. No choice of equal size among them has more than e / (e - 1) times the
    hypervolume (Nemhauser, Wolsey and Fisher 1978).
    """
    left = [(card, within.points(card.believed_curve)) for card in by_merit(on_front(cards, within), within.budgets)]
    chosen: list[tuple[S, Floats]] = []
    reached, volume = _together([], within), 0.0
    while left and len(chosen) < most:
        gains = [within.volume(np.concatenate([reached, points])) - volume for _, points in left]
        best = int(np.argmax(gains))  # argmax takes the first of equals, which has the higher quality over all budgets
        if gains[best] <= ROUNDING:
            break
        chosen.append(left.pop(best))
        reached = np.concatenate([reached, chosen[-1][1]])
        volume = within.volume(reached)
    frugal = [(float(points[:, 0].min()), index) for index, (_, points) in enumerate(chosen)]
    return [chosen[index][0] for _, index in sorted(frugal)]


def on_front(cards: Sequence[S], within: ObjectiveSpace) -> list[S]:
    """Return the ``cards`` that have at least one non-dominated point."""
    points, owner = measured(cards).points(within)
    if not len(points):
        return []
    near = np.flatnonzero(_near_front(points))
    best = near[moocore.is_nondominated(points[near], keep_weakly=True)]
    return [cards[i] for i in np.unique(owner[best]).tolist()]


def _near_front(points: Floats) -> npt.NDArray[np.bool_]:
    """Return (n,) whether each point may be on the front; those that a few others dominate are left out."""
    if len(points) < _MANY or points.shape[1] != 2:
        return np.ones(len(points), np.bool_)
    some = points[:: len(points) // 1024]
    return ~covered(points, some[moocore.is_nondominated(some)], True)


def covered(points: Floats, front: Floats, strictly: bool = False) -> npt.NDArray[np.bool_]:
    """Return (n,) whether each point is equal to or dominated by one of ``front``.

    Args:
        points: (n, objectives), to be minimised.
        front: (m, objectives).
        strictly: count only points that one of the front beats in the second of two objectives.
    """
    if not len(front):
        return np.zeros(len(points), np.bool_)
    if points.shape[1] != 2:
        return np.asarray((front[:, None] <= points).all(axis=2).any(axis=0))
    order = np.argsort(front[:, 0])
    least = np.concatenate([[np.inf], np.minimum.accumulate(front[order, 1])])
    second = least[np.searchsorted(front[order, 0], points[:, 0], side="right")]
    return np.asarray(second < points[:, 1] if strictly else second <= points[:, 1])


def contributions(cards: Sequence[Scored], within: ObjectiveSpace) -> list[float]:
    """Return the hypervolume that each of ``cards`` alone contributes: the loss if the card were removed."""
    points = [within.points(card.believed_curve) for card in cards]
    whole = within.volume(_together(points, within))
    return [whole - within.volume(_together(points[:i] + points[i + 1 :], within)) for i in range(len(points))]


def _baseline_curves(cards: Sequence[Scored]) -> list[Sequence[CurvePoint]]:
    """Return the curves of the baselines; a controller that a user gave sets no scale, so that runs stay comparable."""
    first = cards.baselines if isinstance(cards, MeasuredVersions) else [c for c in cards if c.generation == 0]
    return [curve for card in first if card.explorer != GIVEN and (curve := card.mean_curve)]


def _scaled(values: Floats, low: float, high: float) -> Floats:
    return np.asarray(np.log(np.maximum(values, low) / low) / np.log(high / low))


def _together(points: Sequence[Floats], within: ObjectiveSpace) -> Floats:
    return np.concatenate([*points, np.empty((0, 2 if within.latency is None else 3))])
