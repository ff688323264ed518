"""Who has brought what: the rise of the hypervolume, by explorer or by whatever else versions are told apart by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import numpy as np

from ..versions.cards import Card
from ..versions.version import Credit
from .frontier import ROUNDING, S, Scored, space

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
    for generation, group in groupby(sorted(cards, key=lambda card: (card.generation, card.id)), _generation):
        there = list(group)
        points = [within.points(card.believed_curve if card.ok else ()) for card in there]
        rises = [_rise(within.volume(np.concatenate([front, new])) - volume) for new in points]
        if generation > 0:
            largest = max(largest * _FADE, *rises)
            found = {name: _faded(credit) for name, credit in found.items()}
        for card, new, rise in zip(there, points, rises, strict=True):
            front, before = within.best(np.concatenate([front, new])), volume
            volume = within.volume(front)
            for name in names(card) if generation > 0 else ():
                won = rise / largest if rise else 0.0
                found[name] = _added(found.get(name, NOTHING), _rise(volume - before), card.cost.dollars, won)
    return found


NOTHING = Credit(0, 0.0, 0.0, 0.0, 0.0)
"""What one has brought who has not had a try."""


def _rise(difference: float) -> float:
    return difference if difference > ROUNDING else 0.0


def _generation(card: Scored) -> int:
    return card.generation


def _faded(old: Credit) -> Credit:
    return Credit(old.proposals, old.gain, old.dollars, old.tries * _FADE, old.wins * _FADE)


def _added(old: Credit, gain: float, dollars: float, won: float) -> Credit:
    return Credit(old.proposals + 1, old.gain + gain, old.dollars + dollars, old.tries + 1, old.wins + won)
