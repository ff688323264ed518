"""Exact (Clopper-Pearson) 95% bounds of a probability, each one-sided."""

from __future__ import annotations

import math


def lower_bound(successes: int, trials: int) -> float:
    """Return the probability with which at least ``successes`` of ``trials`` come in 5% of all cases."""
    return 1 - upper_bound(trials - successes, trials)


def upper_bound(successes: int, trials: int) -> float:
    """Return the probability with which at most ``successes`` of ``trials`` come in 5% of all cases."""
    if successes >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(successes, trials, middle) > 0.05 else (low, middle)
    return high


def _at_most(successes: int, trials: int, p: float) -> float:
    """Return the probability of at most ``successes`` in ``trials`` of probability ``p``."""
    if not 0 < p < 1:
        return float(p <= 0)
    whole = math.lgamma(trials + 1)
    return sum(
        math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * math.log(p) + (trials - k) * math.log1p(-p)
        )
        for k in range(successes + 1)
    )
