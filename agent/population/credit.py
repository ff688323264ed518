"""Credit for gains in hypervolume, by explorer or by bandit arm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit
from .pareto import ROUNDING, S, Scored, space

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
    within = space(cards, latency)
    front, volume, largest = np.empty((0, 3 if latency else 2)), 0.0, 0.0
    result: dict[str, Credit] = {}
    ordered = sorted(cards, key=lambda card: (card.generation, card.id))
    of_all, owner = within.points_of([card.believed_curve if card.ok else () for card in ordered])
    ends = np.searchsorted(owner, np.arange(len(ordered) + 1)).tolist()
    for generation, group in groupby(enumerate(ordered), lambda each: each[1].generation):
        positions, group_cards = zip(*group, strict=True)
        first, last = ends[positions[0]], ends[positions[-1] + 1]
        # most versions add nothing to the front: no hypervolume is computed for them
        adds = set(owner[first:last][~_covered(of_all[first:last], front)].tolist())
        points = [of_all[ends[i] : ends[i + 1] if i in adds else ends[i]] for i in positions]
        rises = [_rise(within.volume(np.concatenate([front, new])) - volume) if len(new) else 0.0 for new in points]
        if generation > 0:
            largest = max(largest * _FADE, *rises)
            result = {name: _faded(credit) for name, credit in result.items()}
        for card, new, rise in zip(group_cards, points, rises, strict=True):
            before = volume
            if len(new):
                front = within.best(np.concatenate([front, new]))
                volume = within.volume(front)
            for name in names(card) if generation > 0 else ():
                won = rise / largest if rise else 0.0
                result[name] = _added(result.get(name, NOTHING), _rise(volume - before), card.cost.dollars, won)
    return result


NOTHING = Credit(0, 0.0, 0.0, 0.0, 0.0)
"""Credit of an arm that has not been drawn yet."""


def _rise(difference: float) -> float:
    return difference if difference > ROUNDING else 0.0


def _covered(points: Floats, front: Floats) -> npt.NDArray[np.bool_]:
    """Return (n,) whether each of ``points`` is equal to or dominated by a point of ``front``."""
    return np.asarray((front[:, None] <= points).all(axis=2).any(axis=0))


def _faded(old: Credit) -> Credit:
    return Credit(old.proposals, old.gain, old.dollars, old.tries * _FADE, old.wins * _FADE)


def _added(old: Credit, gain: float, dollars: float, won: float) -> Credit:
    return Credit(old.proposals + 1, old.gain + gain, old.dollars + dollars, old.tries + 1, old.wins + won)
