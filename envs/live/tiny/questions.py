"""The questions of the tiny model: where a walk of named moves on a ring of 13 places ends. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

PLACES = 13
MOVES: dict[str, tuple[int, int]] = {
    "next": (1, 1),
    "back": (1, 12),
    "skip": (1, 2),
    "hop": (1, 3),
    "jump": (1, 4),
    "leap": (1, 5),
    "turn": (1, 6),
    "drop": (1, 10),
    "double": (2, 0),
    "triple": (3, 0),
    "fourfold": (4, 0),
    "fivefold": (5, 0),
    "halve": (7, 0),
    "negate": (12, 0),
    "mirror": (12, 12),
    "twist": (2, 1),
}
"""For each move its (a, b): it leads from place x to place a * x + b, counted around the ring."""
SHORTEST, LONGEST = 5, 12
"""Moves of a walk, at least and at most. No move comes twice in a walk."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A start (0 to 12) and the names of moves."""

    start: int
    moves: tuple[str, ...]

    @property
    def text(self) -> str:
        """The question."""
        return f"Ring of {PLACES}, start at {self.start}: {', '.join(self.moves)}. Where do you end?"

    @property
    def end(self) -> int:
        """The place where the walk ends: the gold answer."""
        place = self.start
        for name in self.moves:
            place = moved(name, place)
        return place


def moved(name: str, place: int) -> int:
    """Return the place to which the move ``name`` leads from ``place``."""
    a, b = MOVES[name]
    return (a * place + b) % PLACES


def walk(random: random.Random, shortest: int = SHORTEST, longest: int = LONGEST) -> Walk:
    """Return a random walk of ``shortest`` to ``longest`` different moves."""
    names: Sequence[str] = tuple(MOVES)
    return Walk(random.randrange(PLACES), tuple(random.sample(names, random.randint(shortest, longest))))


def questions(count: int, seed: int) -> list[tuple[str, str]]:
    """Return ``count`` questions, each with its gold answer; no question comes twice.

    The model is trained on other walks: there are 10^13, and training draws 10^5 of them.
    """
    source = random.Random(f"questions of the tiny model, {seed}")
    found: dict[str, str] = {}
    while len(found) < count:
        drawn = walk(source)
        found[drawn.text] = str(drawn.end)
    return list(found.items())
