"""Faults that the stub server injects by plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from random import Random
from typing import Literal, get_args

Fault = Literal[
    "429", "500", "503", "cut", "silent", "reset", "lost reply", "restart", "garbage", "context full", "wrong usage"
]
"""What happens to one attempt at a completion.

429: too many requests, with retry-after. 503: loading. cut: the reply breaks in its middle. silent: nothing comes any
more. reset: the connection is closed before anything is generated. lost reply: everything is generated, and the
connection is closed. restart: all connections are closed, and none are accepted for a moment. garbage: no JSON.
context full: refused, as if the prompt were too long. wrong usage: an impossible count of tokens.
"""
ALL: tuple[Fault, ...] = get_args(Fault)


class FaultPlan:
    """Which attempts fail, and how; the same plan gives the same faults to the same sequence of attempts.

    Args:
        total: faults to inject.
        kinds: their kinds, in turn.
        share: the share of attempts that fail while faults are left.
        seed: chooses the attempts.
    """

    def __init__(self, total: int, kinds: Sequence[Fault] = ALL, share: float = 0.5, seed: int = 0) -> None:
        self._left, self._kinds, self._share, self._random = total, cycle(kinds), share, Random(seed)
        self.injected: Counter[Fault] = Counter()

    def next(self) -> Fault | None:
        """Return the fault of the next attempt, or None."""
        if not self._left or self._random.random() >= self._share:
            return None
        self._left -= 1
        fault = next(self._kinds)
        self.injected[fault] += 1
        return fault
