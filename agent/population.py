"""Who is good, and who becomes a parent: pure functions of the cards."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .cards import Card
from .explorers.base import CurvePoint

BUDGETS = 24
"""Token budgets at which controllers are compared, evenly spaced on a logarithmic scale."""


def budgets(cards: Sequence[Card]) -> npt.NDArray[np.float64]:
    """Return the token budgets, from the cheapest point of any hand-written controller to its dearest."""
    tokens = [point.tokens for card in cards if card.generation == 0 for point in card.mean_curve]
    if not tokens:
        tokens = [point.tokens for card in cards for point in card.mean_curve] or [1.0, 2.0]
    return np.geomspace(max(1.0, min(tokens)), max(2.0, *tokens), BUDGETS)


def attained(curve: Sequence[CurvePoint], at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the accuracy (per cent) that ``curve`` attains within each budget of ``at``; 0 where it costs more.

    Between two points of the curve lies what one gets by choosing beta at random between theirs (on the
    logarithm of tokens); beyond the last, what the best point gives.
    """
    points = sorted((point.tokens, point.accuracy) for point in curve)
    if not points:
        return np.zeros(len(at))
    tokens = np.array([max(1.0, tokens) for tokens, _ in points])
    best = np.maximum.accumulate([accuracy for _, accuracy in points])
    values = np.interp(np.log(at), np.log(tokens), best)
    return np.where(at < tokens[0] * (1 - 1e-9), 0.0, values)


def quality(card: Card, at: npt.NDArray[np.float64]) -> float:
    """Return one number for a version: the mean accuracy that it attains over the budgets, in per cent."""
    return float(attained(card.mean_curve, at).mean())


def ranked(cards: Sequence[Card]) -> list[Card]:
    """Return the versions that ran, best `quality` first."""
    at = budgets(cards)
    return sorted((card for card in cards if card.ok), key=lambda card: (-quality(card, at), card.generation, card.id))


def front(cards: Sequence[Card], most: int = 12) -> list[Card]:
    """Return the versions that attain the highest accuracy at some budget, from frugal to accurate."""
    at = budgets(cards)
    good = ranked(cards)[:200]
    if not good:
        return []
    table = np.stack([attained(card.mean_curve, at) for card in good])
    chosen: dict[str, Card] = {}
    for best in table.argmax(axis=0).tolist():  # the first of equals is the better one over all budgets
        chosen[good[best].id] = good[best]
    return list(chosen.values())[:most]


def parents(cards: Sequence[Card], count: int, seed: int) -> list[Card]:
    """Choose ``count`` parents: every other one from the front, the rest by tournaments among the better half."""
    chance = random.Random(seed)
    good = [card for card in ranked(cards) if card.data]
    if not good:
        return []
    elite = [card for card in front(cards) if card.data] or good[:1]
    better = good[: max(4, len(good) // 2)]
    chosen = []
    for i in range(count):
        if i % 2 == 0:
            chosen.append(elite[chance.randrange(len(elite))])
        else:  # ranked order: the smaller index wins the tournament
            chosen.append(better[min(chance.randrange(len(better)) for _ in range(3))])
    return chosen
