"""Who becomes a parent: a bandit over three ways of looking for one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit
from .bandit import draw
from .map_elites import edges, grid
from .novelty import Shapes, novelty
from .pareto import ObjectiveSpace, by_merit, contributions, elites

WAYS = ("front", "grid", "novelty")
"""Where a parent may come from: the Pareto front, the quality-diversity grid, or the most novel of the better half."""
_LOOKED_AT = 150
"""Versions, the best, among which novelty is looked for."""
_TOURNAMENT = 3
_LEAST = 1e-6


class ChosenParent(NamedTuple):
    """A version that was chosen, and the arm of the bandit that led to it."""

    card: Card
    way: str


def choose_parents(
    cards: Sequence[Card],
    count: int,
    seed: int,
    own: bool,
    within: ObjectiveSpace,
    shapes: Shapes,
    credits: Mapping[str, Credit],
) -> list[ChosenParent]:
    """Choose ``count`` parents among the versions that ran; one may be chosen twice. None, if there is no choice.

    Args:
        cards: of an island, the hand-written ones included: they set the scales of the grid.
        count: how many.
        seed: for all chance.
        own: whether only those can be chosen in whose data an explorer has left something.
        within: the objectives.
        shapes: of the syntax trees.
        credits: what each of `WAYS` has brought.
    """
    able = by_merit([card for card in cards if card.ok and (card.data or not own)], within.budgets)
    between = edges(cards)
    found: dict[str, dict[str, float]] = {
        "front": _front(able, within),
        "grid": _cells(grid(able, between, within.budgets).values()),
        "novelty": _novel([card for card in able if card.behaviour is not None], between, shapes),
    }
    ways, by_id = [way for way in WAYS if found[way]], {card.id: card for card in able}
    chance, chosen = random.Random(seed), []
    for _ in range(count if ways else 0):
        way = draw(ways, credits, chance, priced=False)
        (version,) = chance.choices(list(found[way]), list(found[way].values()))
        chosen.append(ChosenParent(by_id[version], way))
    return chosen


def _front(able: Sequence[Card], within: ObjectiveSpace) -> dict[str, float]:
    """Return a weight for each elite: half of it the same for all, half by its part in the hypervolume."""
    best = elites(able, within) or able[:1]
    parts = contributions(best, within)
    mean = sum(parts) / max(1, len(parts))
    return {card.id: mean + part + _LEAST for card, part in zip(best, parts, strict=True)}


def _cells(elites: Iterable[Card]) -> dict[str, float]:
    """Return a weight for each elite of the grid: the number of its cells."""
    return {version: float(cells) for version, cells in Counter(card.id for card in elites).items()}


def _novel(able: Sequence[Card], between: tuple[Floats, Floats], shapes: Shapes) -> dict[str, float]:
    """Return a weight for each of the better half: its chance to be the most novel of `_TOURNAMENT` drawn at random."""
    better = able[: min(_LOOKED_AT, -(-len(able) // 2))]
    far = novelty(better, between, shapes)
    order = sorted(range(len(better)), key=lambda i: (far[i], -i))
    size = max(1, len(better))
    chances = [((rank + 1) / size) ** _TOURNAMENT - (rank / size) ** _TOURNAMENT for rank in range(len(better))]
    return {better[i].id: chances[rank] for rank, i in enumerate(order)}
