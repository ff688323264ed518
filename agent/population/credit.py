"""Credit for gains in hypervolume, by explorer or by bandit arm."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from autotts.envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit
from .measured import MeasuredVersions, S, Scored, measured
from .pareto import ROUNDING, covered, space

_WINDOW, _WIDEST = 1024, 1 << 16
"""Points that are compared with a front at once, at first and at the most."""
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


@dataclass(frozen=True, slots=True, eq=False)
class VersionGains(Generic[S]):
    """The gain and the win of each version (see `credits`)."""

    cards: MeasuredVersions[S]
    """By generation and id."""
    gain: Floats
    """(V,) in points."""
    won: Floats
    """(V,) in [0, 1]."""
    dollars: Sequence[float]
    """What each cost."""


def gains(cards: Sequence[S], latency: bool = False) -> VersionGains[S]:
    """Return the gain and the win of each version.

    Most versions add nothing to the front. They are found all at once, and no hypervolume is computed for them.
    """
    these = measured(cards).by_age()
    within = space(these, latency)
    points, owner = these.points(within)
    if not these.ran.all():
        ran = these.ran[owner]
        points, owner = points[ran], owner[ran]
    dollars = [card.cost.dollars for card in these.plain]
    found = VersionGains(these, np.zeros(len(these)), np.zeros(len(these)), dollars)
    generations, starts = np.unique(these.generation, return_index=True)
    firsts = [*np.searchsorted(owner, starts).tolist(), len(owner)]
    front, volume, largest, group = np.empty((0, points.shape[1])), 0.0, 0.0, -1
    while (point := _uncovered(points, firsts[group + 1], front)) is not None:
        before, group = group, bisect_right(firsts, point) - 1
        for skipped in generations[before + 1 : group].tolist():
            largest = largest * _FADE if skipped > 0 else largest
        later = bool(generations[group] > 0)
        some = slice(firsts[group], firsts[group + 1])
        adds = np.unique(owner[some][~covered(points[some], front)]).tolist()
        new = [points[slice(*np.searchsorted(owner, (version, version + 1)))] for version in adds]
        rises = [_rise(within.volume(np.concatenate([front, each])) - volume) for each in new]
        if later:
            largest = max(largest * _FADE, *rises)
        for version, each, rise in zip(adds, new, rises, strict=True):
            front = within.best(np.concatenate([front, each]))
            reached = within.volume(front)
            found.gain[version] = _rise(reached - volume)
            found.won[version] = rise / largest if rise and later else 0.0
            volume = reached
    return found


def _uncovered(points: Floats, first: int, front: Floats) -> int | None:
    """Return the index of the first point from ``first`` on that the front does not cover; None if it covers all."""
    window = _WINDOW
    while first < len(points):
        free = np.flatnonzero(~covered(points[first : first + window], front))
        if len(free):
            return first + int(free[0])
        first, window = first + window, min(2 * window, _WIDEST)
    return None


def credited(found: VersionGains[S], names: Callable[[S], Iterable[str]] = by_explorer) -> dict[str, Credit]:
    """Return the credit of each of the ``names`` of versions, given their `gains` (see `credits`)."""
    sums: dict[str, list[float]] = {}  # the fields of each credit
    generation = 0
    columns = found.cards.generation.tolist(), found.gain.tolist(), found.won.tolist(), found.dollars
    for card, born, gain, won, dollars in zip(found.cards.plain, *columns, strict=True):
        if born == 0:
            continue
        if born != generation:
            generation = born
            for each in sums.values():
                each[3] *= _FADE
                each[4] *= _FADE
        for name in names(card):
            each = sums.get(name) or sums.setdefault(name, [0, 0.0, 0.0, 0.0, 0.0])
            each[0] += 1
            each[1] += gain
            each[2] += dollars
            each[3] += 1
            each[4] += won
    return {name: Credit(int(each[0]), *each[1:]) for name, each in sums.items()}


NOTHING = Credit(0, 0.0, 0.0, 0.0, 0.0)
"""Credit of an arm that has not been drawn yet."""


def _rise(difference: float) -> float:
    return difference if difference > ROUNDING else 0.0
