"""Selects parents: a bandit chooses among three selection strategies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from autotts.envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit
from .bandit import draw
from .map_elites import edges, grid
from .novelty import Shapes, novelty
from .pareto import ObjectiveSpace, by_merit, contributions, elites

WAYS = ("front", "grid", "novelty")
"""Selection strategies: the Pareto front, the quality-diversity grid, or the most novel of the better half."""
_LOOKED_AT = 150
"""Best versions among which the novelty strategy searches, at most."""
_TOURNAMENT = 3
_LEAST = 1e-6


class ChosenParent(NamedTuple):
    """A chosen version, and the strategy (bandit arm) that chose it."""

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
    """Choose ``count`` parents among the versions that ran; a version may be chosen twice.

    Args:
        cards: all versions of an island. The hand-written versions set the scales of the grid.
        count: number of parents.
        seed: seed of the random generator.
        own: whether to choose only versions that carry explorer data (`Card.data`).
        within: the objectives.
        shapes: returns the shape of a version's syntax tree.
        credits: the credit of each of `WAYS`.

    Returns:
        The parents; an empty list if no version qualifies.
    """
    able = by_merit([card for card in cards if card.ok and (card.data or not own)], within.budgets)
    between = edges(cards)
    weights: dict[str, dict[str, float]] = {
        "front": _front(able, within),
        "grid": _cells(grid(able, between, within.budgets).values()),
        "novelty": _novel([card for card in able if card.behaviour is not None], between, shapes),
    }
    ways, by_id = [way for way in WAYS if weights[way]], {card.id: card for card in able}
    rng, chosen = random.Random(seed), []
    for _ in range(count if ways else 0):
        way = draw(ways, credits, rng, priced=False)
        (version,) = rng.choices(list(weights[way]), list(weights[way].values()))
        chosen.append(ChosenParent(by_id[version], way))
    return chosen


def _front(able: Sequence[Card], within: ObjectiveSpace) -> dict[str, float]:
    """Return a weight for each elite: half is equal for all, half is the elite's contribution to the hypervolume."""
    best = elites(able, within) or able[:1]
    parts = contributions(best, within)
    mean = sum(parts) / max(1, len(parts))
    return {card.id: mean + part + _LEAST for card, part in zip(best, parts, strict=True)}


def _cells(elites: Iterable[Card]) -> dict[str, float]:
    """Return a weight for each elite of the grid: the number of its cells."""
    return {version: float(cells) for version, cells in Counter(card.id for card in elites).items()}


def _novel(able: Sequence[Card], between: tuple[Floats, Floats], shapes: Shapes) -> dict[str, float]:
    """Return a weight for each of the better half: the probability to win a novelty tournament of `_TOURNAMENT`."""
    better = able[: min(_LOOKED_AT, -(-len(able) // 2))]
    distances = novelty(better, between, shapes)
    order = sorted(range(len(better)), key=lambda i: (distances[i], -i))
    size = max(1, len(better))
    chances = [((rank + 1) / size) ** _TOURNAMENT - (rank / size) ** _TOURNAMENT for rank in range(len(better))]
    return {better[i].id: chances[rank] for rank, i in enumerate(order)}
