"""Islands: separate breeding populations that periodically send their elites to the next island of a ring.

A card names the island on which its version was born. The members of an island at a given generation follow from the
cards alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..records.card import Card
from .pareto import ObjectiveSpace, contributions, elites, on_front, space

EVERY = 3
"""Generations from one migration to the next."""
EMIGRANTS = 3
"""Elites that migrate to the next island, at most: those that contribute most to the front of their island. Migration
copies: the elites also stay on their island."""


def island_of(generation: int, turn: int, each: int, islands: int) -> int:
    """Return the island of a proposal. Islands take turns over the proposals of all generations.

    Args:
        generation: from 1.
        turn: index of the proposal in its step, from 0.
        each: proposals in the first step of a generation. The second step begins with the same island.
        islands: number of islands.
    """
    return ((generation - 1) * each + turn) % islands


def native(card: Card, islands: int) -> int | None:
    """Return the island on which a version was born; None for a hand-written version, which belongs to all islands."""
    return None if card.island is None or card.generation == 0 else card.island % islands


def immigrants(cards: Sequence[Card], islands: int, generation: int, latency: bool = False) -> list[set[str]]:
    """Return, per island, the ids of the versions that migrated there before ``generation``, without later cards."""
    if islands == 1:
        return [set()]
    within = space(cards, latency)
    moved: list[set[str]] = [set() for _ in range(islands)]
    useful: list[list[Card]] = [[] for _ in range(islands)]  # a version that has left the front never returns to it
    before = 0
    for past in range(EVERY, generation, EVERY):
        new = [card for card in cards if before < card.generation <= past and card.ok]
        for island, pool in enumerate(useful):
            pool += (card for card in new if native(card, islands) in (None, island))
            useful[island] = on_front(pool, within)
        before, leaving = past, [_emigrants(pool, within) for pool in useful]
        for island in range(islands):
            present = {card.id for card in useful[island]} | moved[island]
            useful[island] += (card for card in leaving[island - 1] if card.id not in present)
            moved[island] |= {card.id for card in leaving[island - 1]}
    return moved


def members(cards: Sequence[Card], island: int, islands: int, moved: Collection[str]) -> Sequence[Card]:
    """Return the ``cards`` on ``island``, in order: natives, and those whose ids are in ``moved`` (`immigrants`)."""
    if islands == 1:
        return cards
    return [card for card in cards if native(card, islands) in (None, island) or card.id in moved]


def _emigrants(cards: Sequence[Card], within: ObjectiveSpace) -> list[Card]:
    best = elites(cards, within)
    parts = contributions(best, within)
    order = sorted(range(len(best)), key=lambda i: (-parts[i], best[i].id))
    return [best[i] for i in order[:EMIGRANTS]]
