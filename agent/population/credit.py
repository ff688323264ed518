"""Credit for gains in hypervolume, by explorer or by bandit arm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit, ScalingCurve
from .pareto import ROUNDING, S, Scored, space

_NO_CURVE = ScalingCurve.of(())
_WINDOW = 1024
"""Points that are compared with a front at once."""
_FADE = 0.9
"""Factor by which tries and wins fade per generation: an arm that helped early need not help later."""


def by_explorer(card: Scored) -> Iterable[str]:
    """Return the name of the explorer that wrote ``card``."""
    return (card.explorer,)


def by_arm(card: Card) -> Iterable[str]:
    """Return the bandit arms that were drawn for ``card``."""
    return card.arms


def credits(
    cards: Sequence[S], names: Callable[[S], Iterable[str]] = by_explorer, latency: bool = False
) -> dict[str, Credit]:
    """Return the credit of each of the ``names`` of versions, hand-written controllers excluded.

    A gain (`Credit.gain`) counts over all earlier versions, by generation and id, so that gains add up to the total. A
    win counts over earlier generations only, so that versions of one generation have the same chance.

    Args:
        cards: all versions of the run.
        names: returns the names under which a version is credited.
        latency: whether latency is a third objective.
    """
    return credited(gains(cards, latency), names)


def gains(cards: Sequence[S], latency: bool = False) -> list[tuple[S, float, float]]:
    """Return each version by generation and id, its gain, and its win (see `credits`), in points and in [0, 1]."""
    within = space(cards, latency)
    front, volume, largest = np.empty((0, 3 if latency else 2)), 0.0, 0.0
    result: list[tuple[S, float, float]] = []
    ordered = sorted(cards, key=lambda card: (card.generation, card.id))
    of_all, owner = within.points_of([card.believed_curve if card.ok else _NO_CURVE for card in ordered])
    covered = _Covered(of_all)
    ends = np.searchsorted(owner, np.arange(len(ordered) + 1)).tolist()
    for generation, group in groupby(enumerate(ordered), lambda each: each[1].generation):
        positions, group_cards = zip(*group, strict=True)
        first, last = ends[positions[0]], ends[positions[-1] + 1]
        # most versions add nothing to the front: no hypervolume is computed for them
        adds = set(owner[first:last][~covered.between(first, last, front)].tolist())
        points = [of_all[ends[i] : ends[i + 1] if i in adds else ends[i]] for i in positions]
        rises = [_rise(within.volume(np.concatenate([front, new])) - volume) if len(new) else 0.0 for new in points]
        if generation > 0:
            largest = max(largest * _FADE, *rises)
        for card, new, rise in zip(group_cards, points, rises, strict=True):
            before = volume
            if len(new):
                front = within.best(np.concatenate([front, new]))
                volume = within.volume(front)
            result.append((card, _rise(volume - before), rise / largest if rise and generation > 0 else 0.0))
    return result


def credited(
    measured: Sequence[tuple[S, float, float]], names: Callable[[S], Iterable[str]] = by_explorer
) -> dict[str, Credit]:
    """Return the credit of each of the ``names`` of versions, given their `gains` (see `credits`)."""
    result: dict[str, Credit] = {}
    generation = 0
    for card, gain, won in measured:
        if card.generation == 0:
            continue
        if card.generation != generation:
            generation = card.generation
            result = {name: _faded(credit) for name, credit in result.items()}
        for name in names(card):
            result[name] = _added(result.get(name, NOTHING), gain, card.cost.dollars, won)
    return result


NOTHING = Credit(0, 0.0, 0.0, 0.0, 0.0)
"""Credit of an arm that has not been drawn yet."""


def _rise(difference: float) -> float:
    return difference if difference > ROUNDING else 0.0


class _Covered:
    """Tells which points a front covers: equal to or dominated by one of its points.

    The front changes rarely, so the points of many generations are compared with it at once.

    Args:
        points: (n, objectives) the points of all versions, in the order in which they are asked for.
    """

    def __init__(self, points: Floats) -> None:
        self._points, self._front = points, points[:0]
        self._first, self._found = 0, np.empty(0, np.bool_)

    def between(self, first: int, last: int, front: Floats) -> npt.NDArray[np.bool_]:
        """Return (last - first,) whether ``front`` covers each of these points."""
        if front is not self._front or not self._first <= first <= last <= self._first + len(self._found):
            self._front, self._first = front, first
            some = self._points[first : max(last, first + _WINDOW)]
            self._found = np.asarray((front[:, None] <= some).all(axis=2).any(axis=0))
        return self._found[first - self._first : last - self._first]


def _faded(old: Credit) -> Credit:
    return Credit(old.proposals, old.gain, old.dollars, old.tries * _FADE, old.wins * _FADE)


def _added(old: Credit, gain: float, dollars: float, won: float) -> Credit:
    return Credit(old.proposals + 1, old.gain + gain, old.dollars + dollars, old.tries + 1, old.wins + won)
