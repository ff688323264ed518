"""Islands: populations that breed apart, and now and then send their elites on, round a ring.

Where a version was born is in its card; who lives on an island at a given time follows from the cards alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..records.card import Card
from .pareto import ObjectiveSpace, contributions, elites, on_front, space

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


def immigrants(cards: Sequence[Card], islands: int, generation: int, latency: bool = False) -> list[set[str]]:
    """Return for each island the ids of those that have moved there before ``generation``, later cards aside."""
    within = space(cards, latency)
    moved: list[set[str]] = [set() for _ in range(islands)]
    useful: list[list[Card]] = [[] for _ in range(islands)]  # who has no part in the front now never has one again
    before = 0
    for past in range(EVERY, generation, EVERY) if islands > 1 else ():
        new = [card for card in cards if before < card.generation <= past and card.ok]
        for place, pool in enumerate(useful):
            pool += (card for card in new if native(card, islands) in (None, place))
            useful[place] = on_front(pool, within)
        before, leaving = past, [_emigrants(pool, within) for pool in useful]
        for place in range(islands):
            there = {card.id for card in useful[place]} | moved[place]
            useful[place] += (card for card in leaving[place - 1] if card.id not in there)
            moved[place] |= {card.id for card in leaving[place - 1]}
    return moved


def members(cards: Sequence[Card], island: int, islands: int, moved: Collection[str]) -> list[Card]:
    """Return who of ``cards`` lives on ``island``, in their order: natives, and those of ``moved`` (`immigrants`)."""
    return [card for card in cards if native(card, islands) in (None, island) or card.id in moved]


def _emigrants(cards: Sequence[Card], within: ObjectiveSpace) -> list[Card]:
    best = elites(cards, within)
    parts = contributions(best, within)
    order = sorted(range(len(best)), key=lambda i: (-parts[i], best[i].id))
    return [best[i] for i in order[:EMIGRANTS]]
