"""How good versions are: curves at token budgets, and the hypervolume of the Pareto front that they make together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import moocore
import numpy as np
import numpy.typing as npt

from ..generalisation.shrinkage import preferred
from ..versions.version import Cost, CurvePoint

Floats = npt.NDArray[np.float64]

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
    points = sorted((point.tokens, point.accuracy) for point in curve)
    if not points:
        return np.zeros(len(at))
    tokens = np.array([max(1.0, tokens) for tokens, _ in points])
    best = np.maximum.accumulate([accuracy for _, accuracy in points])
    values = np.interp(np.log(at), np.log(tokens), best)
    return np.asarray(values * np.minimum(1.0, at / tokens[0]))


def quality(card: Scored, at: Floats) -> float:
    """Return one number for a version: the mean accuracy that it attains over the budgets, in per cent, as measured."""
    return float(attained(card.mean_curve, at).mean())


def merit(card: Scored, at: Floats) -> float:
    """Return what is believed of the `quality` of a version: its figure without what is likely to be luck."""
    return float(attained(card.believed_curve, at).mean())


def ranked(cards: Sequence[S]) -> list[S]:
    """Return the versions that ran, the best first (see `by_merit`)."""
    return by_merit([card for card in cards if card.ok], budgets(cards))


def best_seed(cards: Sequence[S], at: Floats) -> S | None:
    """Return the hand-written controller with the highest `quality`: what a search is measured against."""
    seeds = [card for card in cards if card.generation == 0 and card.ok]
    return max(seeds, key=lambda card: quality(card, at), default=None)


def by_merit(cards: Sequence[S], at: Floats) -> list[S]:
    """Return ``cards``, the best first: by `merit`, and where that may be noise the simpler (`shrinkage.preferred`)."""
    ordered = sorted(cards, key=lambda card: (card.generation, card.id))
    groups = max((len(card.noise) for card in ordered), default=0)
    noise = np.zeros((len(ordered), groups))
    for row, card in zip(noise, ordered, strict=True):
        row[: len(card.noise)] = card.noise
    merits = np.array([merit(card, at) for card in ordered])
    return [ordered[v] for v in preferred(merits, noise, [card.size for card in ordered])]


@dataclass(frozen=True, slots=True)
class Space:
    """The objectives: accuracy, to be raised, and tokens, to be lowered; with ``latency``, that too."""

    budgets: Floats
    latency: tuple[float, float] | None = None
    """Tokens on the critical path, from the least to the most of any hand-written controller's points."""

    def points(self, curve: Sequence[CurvePoint]) -> Floats:
        """Return (n, 2 or 3) points to be minimised, for those of ``curve`` within the budgets.

        Each objective is scaled to [0, 1]; tokens and latency on the logarithm, and below the lowest is the lowest.
        """
        tokens = _scaled([point.tokens for point in curve], self.budgets[0], self.budgets[-1])
        columns = [tokens, 1 - np.array([point.accuracy for point in curve]) / 100]
        if self.latency is not None:
            columns.append(_scaled([point.latency for point in curve], *self.latency))
        points = np.stack(columns, axis=1)
        return np.ascontiguousarray(points[(points < 1).all(axis=1)])

    def volume(self, points: Floats) -> float:
        """Return the hypervolume that ``points`` dominate, in points: 100 would be all right answers for nothing.

        With accuracy and tokens alone it is the accuracy that the points attain, a mean over budgets on a logarithmic
        scale, without interpolation.
        """
        return 100 * float(moocore.hypervolume(points, ref=[1.0] * points.shape[1])) if len(points) else 0.0

    def best(self, points: Floats) -> Floats:
        """Return those of ``points`` that no other dominates."""
        return points[moocore.is_nondominated(points)] if len(points) else points


def space(cards: Sequence[Scored], latency: bool = False) -> Space:
    """Return the objectives, whose scales follow from the hand-written controllers among ``cards``."""
    found = [max(1.0, point.latency) for curve in _seed_curves(cards) for point in curve] or [1.0]
    return Space(budgets(cards), (min(found), max(2 * min(found), *found)) if latency else None)


def hypervolume(cards: Sequence[Scored], latency: bool = False) -> float:
    """Return the hypervolume (`Space.volume`) of all the versions that ran."""
    within = space(cards, latency)
    return within.volume(_together([within.points(card.mean_curve) for card in cards if card.ok], within))


def front(cards: Sequence[S], most: int = MOST_ELITES, latency: bool = False) -> list[S]:
    """Return the elites of the versions that ran (see `elites`)."""
    return elites([card for card in cards if card.ok], space(cards, latency), most)


def elites(cards: Sequence[S], within: Space, most: int = MOST_ELITES) -> list[S]:
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


def on_front(cards: Sequence[S], within: Space) -> list[S]:
    """Return those of ``cards`` with a point that no point of another dominates."""
    points = [within.points(card.believed_curve) for card in cards]
    if not sum(map(len, points)):
        return []
    best = moocore.is_nondominated(np.concatenate(points), keep_weakly=True)
    parts = np.split(best, np.cumsum([len(each) for each in points])[:-1])
    return [card for card, part in zip(cards, parts, strict=True) if part.any()]


def contributions(cards: Sequence[Scored], within: Space) -> list[float]:
    """Return by how much the hypervolume of ``cards`` would fall without each of them."""
    points = [within.points(card.believed_curve) for card in cards]
    whole = within.volume(_together(points, within))
    return [whole - within.volume(_together(points[:i] + points[i + 1 :], within)) for i in range(len(points))]


def _seed_curves(cards: Sequence[Scored]) -> list[Sequence[CurvePoint]]:
    return [curve for card in cards if card.generation == 0 and (curve := card.mean_curve)]


def _scaled(values: Sequence[float], low: float, high: float) -> Floats:
    return np.asarray(np.log(np.maximum(np.array(values, float), low) / low) / np.log(high / low))


def _together(points: Sequence[Floats], within: Space) -> Floats:
    return np.concatenate([*points, np.empty((0, 2 if within.latency is None else 3))])


