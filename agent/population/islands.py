"""Islands: populations that breed apart, and now and then send their elites on, round a ring.

Where a version was born is in its card; who lives on an island at a given time follows from the cards alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..cards import Card
from .frontier import Space, contributions, elites, space

EVERY = 3
"""Generations from one migration to the next."""
EMIGRANTS = 3
"""Elites, those with the largest part in the front of their island, that move on to the next one: copies, for they
stay at home too."""


def of_turn(generation: int, turn: int, each: int, islands: int) -> int:
    """Return the island whose turn it is: they take turns with the proposals of all generations.

    Args:
        generation: from 1.
        turn: of a proposal in its step, from 0.
        each: proposals of a generation's first step. The second step begins with the same island.
        islands: how many there are.
    """
    return ((generation - 1) * each + turn) % islands


def native(card: Card, islands: int) -> int | None:
    """Return the island on which a version was born: None if on all, as what was written by hand."""
    return None if card.island is None or card.generation == 0 else card.island % islands


def members(cards: Sequence[Card], island: int, islands: int, generation: int, latency: bool = False) -> list[Card]:
    """Return who of ``cards`` lives on ``island`` during ``generation``: natives and immigrants, in the given order."""
    if islands == 1:
        return list(cards)
    within = space(cards, latency)
    living = [{card.id for card in cards if native(card, islands) in (None, place)} for place in range(islands)]
    for past in range(EVERY, generation, EVERY):
        born = [card for card in cards if card.generation <= past]
        leaving = [_emigrants([card for card in born if card.id in here], within) for here in living]
        for place in range(islands):
            living[place] |= leaving[place - 1]
    return [card for card in cards if card.id in living[island]]


def _emigrants(cards: Sequence[Card], within: Space) -> set[str]:
    best = elites([card for card in cards if card.ok and card.generation > 0], within)
    parts = contributions(best, within)
    order = sorted(range(len(best)), key=lambda i: (-parts[i], best[i].id))
    return {best[i].id for i in order[:EMIGRANTS]}
