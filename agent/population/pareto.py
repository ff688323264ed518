"""How good versions are: curves at token budgets, and the hypervolume of the Pareto front that they make together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import moocore
import numpy as np
import numpy.typing as npt

from envs.statistics import Floats

from ..records.version import Cost, CurvePoint, ScalingCurve
from .preference import preferred

Ints = npt.NDArray[np.int64]

BUDGETS = 24
"""Token budgets at which controllers are compared, evenly spaced on a logarithmic scale."""
MOST_ELITES = 12
"""Versions of a front, at most."""
ROUNDING = 1e-9
"""A gain of hypervolume, in points, that is rounding."""


class Scored(Protocol):
    """What the figures here need of a version: a card has it, and so has a row of the index."""

    @property
    def id(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def explorer(self) -> str: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def ok(self) -> bool: ...
    @property
    def mean_curve(self) -> Sequence[CurvePoint]: ...
    @property
    def believed_curve(self) -> Sequence[CurvePoint]: ...
    @property
    def noise(self) -> Sequence[float]: ...
    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=Scored)


def budgets(cards: Sequence[Scored]) -> Floats:
    """Return the token budgets: from twice what the cheapest hand-written controller spends at most to what any does.

    That is from about two whole branches to the whole budget: below, nobody has a choice worth the name.
    """
    most = [max(point.tokens for point in curve) for curve in _seed_curves(cards)] or [1.0]
    low = max(1.0, 2 * min(most))
    return np.geomspace(low, max(2 * low, *most), BUDGETS)


def attained(curve: Sequence[CurvePoint], at: Floats) -> Floats:
    """Return the accuracy (per cent) that ``curve`` attains within each budget of ``at``.

    Between two points of the curve it is interpolated on the logarithm of tokens; beyond the last it is what the best
    point gives; below the first it is what one gets by leaving questions unanswered until the rest fits.
    """
    return np.asarray(attained_by([curve], at)[0])


def attained_by(curves: Sequence[Sequence[CurvePoint]], at: Floats) -> Floats:
    """Return (curves, budgets) what each curve has `attained`: of thousands at once, for every choice asks for it."""
    values, owner = _joined(curves)
    sizes = np.bincount(owner, minlength=len(curves))
    there = np.arange(sizes.max(initial=1) + 1) < sizes[:, None]  # one column more than the longest has points
    tokens, accuracy = np.full(there.shape, np.inf), np.full(there.shape, -np.inf)
    tokens[there], accuracy[there] = values[:, 2], values[:, 1]
    order = np.lexsort((accuracy, tokens), axis=1)
    tokens = np.maximum(1.0, np.take_along_axis(tokens, order, axis=1))
    best = np.maximum.accumulate(np.take_along_axis(accuracy, order, axis=1), axis=1)
    x, budget = np.log(tokens), np.log(at)
    left = (x[:, None, :-1] <= budget[:, None]).sum(axis=2) - 1  # the last point within each budget
    from_, to = np.maximum(left, 0), np.maximum(left, 0) + 1
    (x0, y0), (x1, y1) = ([np.take_along_axis(column, i, axis=1) for column in (x, best)] for i in (from_, to))
    with np.errstate(invalid="ignore", divide="ignore"):  # of curves without a point, and before the first: left out
        risen = (y1 - y0) / (x1 - x0) * (budget - x0) + y0
        found = np.where(left < 0, y0, risen) * np.minimum(1.0, at / tokens[:, :1])
    return np.where(sizes[:, None] > 0, found, 0.0)


def quality(card: Scored, at: Floats) -> float:
    """Return one number for a version: the mean accuracy that it attains over the budgets, in per cent, as measured."""
    return float(attained(card.mean_curve, at).mean())


def merit(card: Scored, at: Floats) -> float:
    """Return what is believed of the `quality` of a version: its figure without what is likely to be luck."""
    return float(attained(card.believed_curve, at).mean())


def qualities(cards: Sequence[Scored], at: Floats) -> Floats:
    """Return (cards,) the `quality` of each."""
    return np.asarray(attained_by([card.mean_curve for card in cards], at).mean(axis=1))


def merits(cards: Sequence[Scored], at: Floats) -> Floats:
    """Return (cards,) the `merit` of each."""
    return np.asarray(attained_by([card.believed_curve for card in cards], at).mean(axis=1))


def ranked(cards: Sequence[S]) -> list[S]:
    """Return the versions that ran, the best first (see `by_merit`)."""
    return by_merit([card for card in cards if card.ok], budgets(cards))


def best_baseline(cards: Sequence[S], at: Floats) -> S | None:
    """Return the hand-written controller with the highest `quality`: what a search is measured against."""
    seeds = [card for card in cards if card.generation == 0 and card.ok]
    return max(seeds, key=lambda card: quality(card, at), default=None)


def by_merit(cards: Sequence[S], at: Floats) -> list[S]:
    """Return ``cards``, the best first: by `merit`, and where that may be noise the simpler (`preferred`)."""
    ordered = sorted(cards, key=lambda card: (card.generation, card.id))
    groups = max((len(card.noise) for card in ordered), default=0)
    noise = np.zeros((len(ordered), groups))
    for row, card in zip(noise, ordered, strict=True):
        row[: len(card.noise)] = card.noise
    return [ordered[v] for v in preferred(merits(ordered, at), noise, [card.size for card in ordered])]


@dataclass(frozen=True, slots=True)
class ObjectiveSpace:
    """The objectives: accuracy, to be raised, and tokens, to be lowered; with ``latency``, that too."""

    budgets: Floats
    latency: tuple[float, float] | None = None
    """Tokens on the critical path, from the least to the most of any hand-written controller's points."""

    def points(self, curve: Sequence[CurvePoint]) -> Floats:
        """Return (n, 2 or 3) points to be minimised, for those of ``curve`` within the budgets.

        Each objective is scaled to [0, 1]; tokens and latency on the logarithm, and below the lowest is the lowest.
        """
        return self.points_of([curve])[0]

    def points_of(self, curves: Sequence[Sequence[CurvePoint]]) -> tuple[Floats, Ints]:
        """Return the `points` of all ``curves``, one curve after another, and (n,) which of them each is of."""
        values, owner = _joined(curves)
        _, accuracy, tokens, latency = values.T
        columns = [_scaled(tokens, self.budgets[0], self.budgets[-1]), 1 - accuracy / 100]
        if self.latency is not None:
            columns.append(_scaled(latency, *self.latency))
        points = np.stack(columns, axis=1)
        inside = (points < 1).all(axis=1)
        return np.ascontiguousarray(points[inside]), owner[inside]

    def volume(self, points: Floats) -> float:
        """Return the hypervolume that ``points`` dominate, in points: 100 would be all right answers for nothing.

        With accuracy and tokens alone it is the accuracy that the points attain, a mean over budgets on a logarithmic
        scale, without interpolation.
        """
        return 100 * float(moocore.hypervolume(points, ref=[1.0] * points.shape[1])) if len(points) else 0.0

    def best(self, points: Floats) -> Floats:
        """Return those of ``points`` that no other dominates."""
        return points[moocore.is_nondominated(points)] if len(points) else points


def space(cards: Sequence[Scored], latency: bool = False) -> ObjectiveSpace:
    """Return the objectives, whose scales follow from the hand-written controllers among ``cards``."""
    found = [max(1.0, point.latency) for curve in _seed_curves(cards) for point in curve] or [1.0]
    return ObjectiveSpace(budgets(cards), (min(found), max(2 * min(found), *found)) if latency else None)


def hypervolume(cards: Sequence[Scored], latency: bool = False) -> float:
    """Return the hypervolume (`ObjectiveSpace.volume`) of all the versions that ran."""
    within = space(cards, latency)
    return within.volume(within.points_of([card.mean_curve for card in cards if card.ok])[0])


def front(cards: Sequence[S], most: int = MOST_ELITES, latency: bool = False) -> list[S]:
    """Return the elites of the versions that ran (see `elites`)."""
    return elites([card for card in cards if card.ok], space(cards, latency), most)


def elites(cards: Sequence[S], within: ObjectiveSpace, most: int = MOST_ELITES) -> list[S]:
    """Return the versions whose curves make up the Pareto front, from frugal to accurate.

    Of those with a point that no other dominates, the first is the one with the largest hypervolume, each further one
    the one that adds most to it, until none adds anything or there are ``most``: no choice of as many among them has
    more than e / (e - 1) times the hypervolume (Nemhauser, Wolsey and Fisher 1978).
    """
    left = [(card, within.points(card.believed_curve)) for card in by_merit(on_front(cards, within), within.budgets)]
    chosen: list[tuple[S, Floats]] = []
    reached, volume = _together([], within), 0.0
    while left and len(chosen) < most:
        gains = [within.volume(np.concatenate([reached, points])) - volume for _, points in left]
        best = int(np.argmax(gains))  # the first of equals is the better one over all budgets
        if gains[best] <= ROUNDING:
            break
        chosen.append(left.pop(best))
        reached = np.concatenate([reached, chosen[-1][1]])
        volume = within.volume(reached)
    frugal = [(float(points[:, 0].min()), place) for place, (_, points) in enumerate(chosen)]
    return [chosen[place][0] for _, place in sorted(frugal)]


def on_front(cards: Sequence[S], within: ObjectiveSpace) -> list[S]:
    """Return those of ``cards`` with a point that no point of another dominates."""
    points, owner = within.points_of([card.believed_curve for card in cards])
    if not len(points):
        return []
    best = moocore.is_nondominated(points, keep_weakly=True)
    return [cards[i] for i in np.unique(owner[best]).tolist()]


def contributions(cards: Sequence[Scored], within: ObjectiveSpace) -> list[float]:
    """Return by how much the hypervolume of ``cards`` would fall without each of them."""
    points = [within.points(card.believed_curve) for card in cards]
    whole = within.volume(_together(points, within))
    return [whole - within.volume(_together(points[:i] + points[i + 1 :], within)) for i in range(len(points))]


def _seed_curves(cards: Sequence[Scored]) -> list[Sequence[CurvePoint]]:
    return [curve for card in cards if card.generation == 0 and (curve := card.mean_curve)]


def _joined(curves: Sequence[Sequence[CurvePoint]]) -> tuple[Floats, Ints]:
    """Return (n, 4) the values of all curves (see `ScalingCurve`), and (n,) which of ``curves`` each point is of."""
    parts = [ScalingCurve.of(curve).values for curve in curves]
    sizes = np.array([len(part) for part in parts], int)
    return np.concatenate([*parts, np.empty((0, 4))]), np.repeat(np.arange(len(parts)), sizes)


def _scaled(values: Floats, low: float, high: float) -> Floats:
    return np.asarray(np.log(np.maximum(values, low) / low) / np.log(high / low))


def _together(points: Sequence[Floats], within: ObjectiveSpace) -> Floats:
    return np.concatenate([*points, np.empty((0, 2 if within.latency is None else 3))])


