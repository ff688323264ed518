"""The base class of all controllers, and functions for voting."""

from __future__ import annotations

import math
import random
from collections import _count_elements  # type: ignore[attr-defined]  # as Counter uses, but without its overhead
from collections.abc import Iterable
from functools import lru_cache

from .question import Question


class Controller:
    """A policy that spends tokens on one question. A subclass defines `schedule` and `solve`.

    An instance exists for one episode. A controller is pure standard-library Python, is deterministic, and carries
    nothing from one episode to the next.

    A class that uses more than answers declares it, in literals: the host reads the declarations from the source, and
    shows a controller nothing else. A controller that needs something is refused where an environment lacks it. What
    is optional is used where it is there, and the controller has a rule for where it is not: see `Question.signals`,
    `Question.can_verify` and `Question.can_fork`. For example::

        signals = ("confidence",)
        optional_signals = ("entropy",)
        verifier = "optional"
        forks = "needed"

    Args:
        beta: the budget knob, in [0, 1]: a larger beta spends more tokens.
        seed: the episode's seed, for `random` alone.
    """

    name: str = "controller"
    signals: tuple[str, ...] = ()
    """Signals that the controller needs, by name."""
    optional_signals: tuple[str, ...] = ()
    """Signals that it reads where the question has them."""
    verifier: str = ""
    """How it uses a verifier: ``needed``, ``optional``, or not at all."""
    forks: str = ""
    """How it uses forks: ``needed``, ``optional``, or not at all."""

    def __init__(self, beta: float, seed: int = 0) -> None:
        self.beta = beta
        self.params = self.schedule(beta)
        self._seed = seed
        self._random: random.Random | None = None

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        """Return the inner parameters by name, each a monotone function of ``beta``."""
        return {}

    def solve(self, question: Question) -> str | None:
        """Spend tokens on ``question``, and return one of the answers that it revealed, or None for no answer."""
        raise NotImplementedError

    @property
    def random(self) -> random.Random:
        """A random generator seeded from the episode: the only source of randomness that a controller may use."""
        if self._random is None:
            self._random = random.Random(self._seed)
        return self._random


def majority(answers: Iterable[str | None]) -> str | None:
    """Return the most frequent answer; of equally frequent ones, the first that appeared. None if there are no answers.

    An absent answer (None) counts as a vote like any other value. Remove absent answers before the call if they should
    not vote.
    """
    counts: dict[str | None, int] = {}
    _count_elements(counts, answers)
    return max(counts, key=counts.__getitem__) if counts else None


def answer_without_tokens(question: Question) -> str | None:
    """Return the answer of an episode whose tokens ran out before the controller had an answer.

    So it is if the controller does not catch `TokensSpent`, or has caught it and answers None. The answer is the
    majority of the latest answers that the branches have shown, without absent ones and without pruned branches. A
    controller that was written without a limit in mind thus answers from what it has paid for.
    """
    return majority(answer for answer in question.latest_answers.values() if answer is not None)


def leader(answers: Iterable[str | None]) -> tuple[str | None, int, int]:
    """Return (`majority` of ``answers``, its number of votes, the votes of the second most frequent answer)."""
    counts: dict[str | None, int] = {}
    _count_elements(counts, answers)
    if not counts:
        return None, 0, 0
    winner = max(counts, key=counts.__getitem__)
    votes = counts.pop(winner)
    return winner, votes, max(counts.values(), default=0)


def weighted_majority(votes: Iterable[tuple[str | None, float]]) -> str | None:
    """Return the answer with the largest sum of weights; of equal ones, the first that appeared. None for no votes."""
    totals: dict[str | None, float] = {}
    for answer, weight in votes:
        totals[answer] = totals.get(answer, 0.0) + weight
    return max(totals, key=totals.__getitem__) if totals else None


@lru_cache(maxsize=4096)
def confidence(first: int, second: int) -> float:
    """Return the probability that the leading answer is more likely than the second one, given their votes.

    This is 1 - I(1/2; first + 1, second + 1), where I is the regularised incomplete beta function: the stopping
    criterion of adaptive-consistency (Aggarwal et al. 2023), exact for whole numbers of votes.
    """
    n = first + second + 1
    return 1.0 - float(sum(math.comb(n, j) for j in range(first + 1, n + 1)) / 2**n)
