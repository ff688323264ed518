"""The base class of every controller, and the voting helpers."""

from __future__ import annotations

import math
import random
from collections import _count_elements  # type: ignore[attr-defined]  # what Counter counts with, without its toll
from collections.abc import Iterable
from functools import lru_cache

from .question import Question


class Controller:
    """A policy that spends tokens on one question. Subclass it, and write `schedule` and `solve`.

    An instance lives for one episode. It is pure standard-library Python, deterministic, and keeps nothing from one
    episode to the next.

    Args:
        beta: the one knob, in [0, 1]; more beta, more tokens.
        seed: the episode's seed, for `random` alone.
    """

    name: str = "controller"

    def __init__(self, beta: float, seed: int = 0) -> None:
        self.beta = beta
        self.params = self.schedule(beta)
        self._seed = seed
        self._random: random.Random | None = None

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        """Return every inner parameter as a monotone function of beta."""
        return {}

    def solve(self, question: Question) -> str | None:
        """Spend tokens on ``question``, and return one of the answers that it revealed, or None."""
        raise NotImplementedError

    @property
    def random(self) -> random.Random:
        """A random generator seeded from the episode: the only source of chance that a controller may use."""
        if self._random is None:
            self._random = random.Random(self._seed)
        return self._random


def majority(answers: Iterable[str | None]) -> str | None:
    """Return the most frequent answer; among equals, the one that appeared first. None for no answers.

    An absent answer (None) is a vote like any other value: leave it out before the call if it should not be.
    """
    counts: dict[str | None, int] = {}
    _count_elements(counts, answers)
    return max(counts, key=counts.__getitem__) if counts else None


def leader(answers: Iterable[str | None]) -> tuple[str | None, int, int]:
    """Return the `majority` of ``answers``, its votes, and the votes of the second most frequent answer."""
    counts: dict[str | None, int] = {}
    _count_elements(counts, answers)
    if not counts:
        return None, 0, 0
    winner = max(counts, key=counts.__getitem__)
    votes = counts.pop(winner)
    return winner, votes, max(counts.values(), default=0)


def weighted_majority(votes: Iterable[tuple[str | None, float]]) -> str | None:
    """Return the answer with the largest sum of weights; among equals, the one that appeared first."""
    totals: dict[str | None, float] = {}
    for answer, weight in votes:
        totals[answer] = totals.get(answer, 0.0) + weight
    return max(totals, key=totals.__getitem__) if totals else None


@lru_cache(maxsize=4096)
def confidence(first: int, second: int) -> float:
    """Return the chance that the leading answer is truly ahead of the second, given their votes.

    1 - I(1/2; first + 1, second + 1), with I the regularised incomplete beta function: the criterion of
    adaptive-consistency (Aggarwal et al. 2023), exact for whole numbers of votes.
    """
    n = first + second + 1
    return 1.0 - float(sum(math.comb(n, j) for j in range(first + 1, n + 1)) / 2**n)
