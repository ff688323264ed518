"""Selects parents: a bandit chooses among three selection strategies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from autotts.envs.statistics import Floats

from ..records.card import Card
from ..records.version import Credit
from .bandit import draw
from .map_elites import edges, grid
from .measured import MeasuredVersions, measured
from .novelty import Shapes, novelty
from .pareto import ObjectiveSpace, contributions, elites, merit_order

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
    return ParentPool.of(cards, own, within, shapes).choose(count, seed, credits)


@dataclass(frozen=True, slots=True)
class ParentPool:
    """The versions of an island that may become parents, and their weights by strategy. Many slots may share it."""

    weights: Mapping[str, Mapping[str, float]]
    """The weight of each version by its id, for each of `WAYS`; empty if the strategy has no version."""
    by_id: Mapping[str, Card]
    """The versions that have a weight."""

    @classmethod
    def of(cls, cards: Sequence[Card], own: bool, within: ObjectiveSpace, shapes: Shapes) -> ParentPool:
        """Return the pool of an island; the arguments are those of `choose_parents`."""
        these = measured(cards).by_age()
        chosen = these.ran
        if own:
            chosen = chosen & np.fromiter((bool(card.data) for card in these.plain), np.bool_, len(these))
        able = these.part(chosen)
        between, order = edges(these), merit_order(able, within.budgets)
        weights: dict[str, dict[str, float]] = {
            "front": _front(able, order, within),
            "grid": _cells(grid(able, between, within.budgets, order).values()),
            "novelty": _novel(_better(able, order), between, shapes),
        }
        weighed = {version for each in weights.values() for version in each}
        return cls(weights, {card.id: able[i] for i, card in enumerate(able.plain) if card.id in weighed})

    def choose(self, count: int, seed: int, credits: Mapping[str, Credit]) -> list[ChosenParent]:
        """Choose parents (see `choose_parents`)."""
        ways = [way for way in WAYS if self.weights[way]]
        rng, chosen = random.Random(seed), []
        for _ in range(count if ways else 0):
            way = draw(ways, credits, rng, priced=False)
            (version,) = rng.choices(list(self.weights[way]), list(self.weights[way].values()))
            chosen.append(ChosenParent(self.by_id[version], way))
        return chosen


def _front(able: Sequence[Card], order: Sequence[int], within: ObjectiveSpace) -> dict[str, float]:
    """Return a weight for each elite: half is equal for all, half is the elite's contribution to the hypervolume."""
    best = elites(able, within) or [able[i] for i in order[:1]]
    parts = contributions(best, within)
    mean = sum(parts) / max(1, len(parts))
    return {card.id: mean + part + _LEAST for card, part in zip(best, parts, strict=True)}


def _cells(elites: Iterable[Card]) -> dict[str, float]:
    """Return a weight for each elite of the grid: the number of its cells."""
    return {version: float(cells) for version, cells in Counter(card.id for card in elites).items()}


def _better(able: MeasuredVersions[Card], order: Sequence[int]) -> list[Card]:
    """Return the better half of the versions with descriptors, best first, and not more than `_LOOKED_AT`."""
    described = [card.behaviour is not None for card in able.plain]
    best = islice((i for i in order if described[i]), min(_LOOKED_AT, -(-sum(described) // 2)))
    return [able[i] for i in best]


def _novel(better: Sequence[Card], between: tuple[Floats, Floats], shapes: Shapes) -> dict[str, float]:
    """Return a weight for each of ``better``: the probability to win a novelty tournament of `_TOURNAMENT`."""
    distances = novelty(better, between, shapes)
    order = sorted(range(len(better)), key=lambda i: (distances[i], -i))
    size = max(1, len(better))
    chances = [((rank + 1) / size) ** _TOURNAMENT - (rank / size) ** _TOURNAMENT for rank in range(len(better))]
    return {better[i].id: chances[rank] for rank, i in enumerate(order)}
