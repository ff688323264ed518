"""Who has brought what: the rise of the hypervolume, by explorer or by whatever else versions are told apart by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit
from .pareto import ROUNDING, S, Scored, space

_FADE = 0.9
"""By how much a generation counts less than the one after it: what helped at first need not help later."""


def by_explorer(card: Scored) -> Iterable[str]:
    """Return the name of the explorer that wrote ``card``."""
    return (card.explorer,)


def by_arm(card: Card) -> Iterable[str]:
    """Return what bandits chose for ``card``."""
    return card.arms


def credits(
    cards: Sequence[S], names: Callable[[S], Iterable[str]] = by_explorer, latency: bool = False
) -> dict[str, Credit]:
    """Return what each of the ``names`` of versions has brought, the hand-written controllers aside.

    A gain (`Credit.gain`) is over all that came before, by generation and id, so that gains add up to what was gained.
    A win is over the generations before alone: there, those of one generation have the same chance.
    """
    within = space(cards, latency)
    front, volume, largest = np.empty((0, 3 if latency else 2)), 0.0, 0.0
    found: dict[str, Credit] = {}
    ordered = sorted(cards, key=lambda card: (card.generation, card.id))
    of_all, owner = within.points_of([card.believed_curve if card.ok else () for card in ordered])
    ends = np.searchsorted(owner, np.arange(len(ordered) + 1)).tolist()
    for generation, group in groupby(enumerate(ordered), lambda each: each[1].generation):
        places, there = zip(*group, strict=True)
        first, last = ends[places[0]], ends[places[-1] + 1]
        # most add nothing to the front, and are not tried
        adds = set(owner[first:last][~_covered(of_all[first:last], front)].tolist())
        points = [of_all[ends[i] : ends[i + 1] if i in adds else ends[i]] for i in places]
        rises = [_rise(within.volume(np.concatenate([front, new])) - volume) if len(new) else 0.0 for new in points]
        if generation > 0:
            largest = max(largest * _FADE, *rises)
            found = {name: _faded(credit) for name, credit in found.items()}
        for card, new, rise in zip(there, points, rises, strict=True):
            before = volume
            if len(new):
                front = within.best(np.concatenate([front, new]))
                volume = within.volume(front)
            for name in names(card) if generation > 0 else ():
                won = rise / largest if rise else 0.0
                found[name] = _added(found.get(name, NOTHING), _rise(volume - before), card.cost.dollars, won)
    return found


NOTHING = Credit(0, 0.0, 0.0, 0.0, 0.0)
"""What one has brought who has not had a try."""


def _rise(difference: float) -> float:
    return difference if difference > ROUNDING else 0.0


def _covered(points: Floats, front: Floats) -> npt.NDArray[np.bool_]:
    """Return (n,) which of ``points`` are no better in anything than one of the ``front``."""
    return np.asarray((front[:, None] <= points).all(axis=2).any(axis=0))


def _faded(old: Credit) -> Credit:
    return Credit(old.proposals, old.gain, old.dollars, old.tries * _FADE, old.wins * _FADE)


def _added(old: Credit, gain: float, dollars: float, won: float) -> Credit:
    return Credit(old.proposals + 1, old.gain + gain, old.dollars + dollars, old.tries + 1, old.wins + won)
