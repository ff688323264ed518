"""Who is good, and who becomes a parent: pure functions of the cards."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .cards import Card
from .explorers.base import Cost, Credit, CurvePoint

Floats = npt.NDArray[np.float64]

BUDGETS = 24
"""Token budgets at which controllers are compared, evenly spaced on a logarithmic scale."""


class Scored(Protocol):
    """What the figures here need of a version: a card has it, and so has a row of the index."""

    @property
    def id(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def explorer(self) -> str: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def ok(self) -> bool: ...
    @property
    def mean_curve(self) -> Sequence[CurvePoint]: ...


S = TypeVar("S", bound=Scored)


def budgets(cards: Sequence[Scored]) -> Floats:
    """Return the token budgets: from twice what the cheapest hand-written controller spends at most to what any does.

    That is from about two whole branches to the whole budget: below, nobody has a choice worth the name.
    """
    curves = [card.mean_curve for card in cards if card.generation == 0 and card.mean_curve]
    most = [max(point.tokens for point in curve) for curve in curves] or [1.0]
    low = max(1.0, 2 * min(most))
    return np.geomspace(low, max(2 * low, *most), BUDGETS)


def attained(curve: Sequence[CurvePoint], at: Floats) -> Floats:
    """Return the accuracy (per cent) that ``curve`` attains within each budget of ``at``.

    Between two points of the curve it is interpolated on the logarithm of tokens; beyond the last it is what the best
    point gives; below the first it is what one gets by leaving questions unanswered until the rest fits.
    """
    points = sorted((point.tokens, point.accuracy) for point in curve)
    if not points:
        return np.zeros(len(at))
    tokens = np.array([max(1.0, tokens) for tokens, _ in points])
    best = np.maximum.accumulate([accuracy for _, accuracy in points])
    values = np.interp(np.log(at), np.log(tokens), best)
    return np.asarray(values * np.minimum(1.0, at / tokens[0]))


def quality(card: Scored, at: Floats) -> float:
    """Return one number for a version: the mean accuracy that it attains over the budgets, in per cent."""
    return float(attained(card.mean_curve, at).mean())


def ranked(cards: Sequence[S]) -> list[S]:
    """Return the versions that ran, best `quality` first."""
    at = budgets(cards)
    return sorted((card for card in cards if card.ok), key=lambda card: (-quality(card, at), card.generation, card.id))


def front(cards: Sequence[S], most: int = 12) -> list[S]:
    """Return the versions that attain the highest accuracy at some budget, from frugal to accurate."""
    at = budgets(cards)
    good = ranked(cards)[:200]
    if not good:
        return []
    table = np.stack([attained(card.mean_curve, at) for card in good])
    chosen: dict[str, S] = {}
    for best in table.argmax(axis=0).tolist():  # the first of equals is the better one over all budgets
        chosen[good[best].id] = good[best]
    return list(chosen.values())[:most]


def credits(cards: Sequence[Scored]) -> dict[str, Credit]:
    """Return what each explorer has brought: the versions in their order, each against the front before it."""
    at = budgets(cards)
    best = np.zeros(len(at))
    found: dict[str, Credit] = {}
    for card in sorted(cards, key=lambda card: (card.generation, card.id)):
        raised = np.maximum(best, attained(card.mean_curve, at))
        if card.generation > 0:
            old = found.get(card.explorer, Credit(0, 0.0, 0.0))
            gain = old.gain + float((raised - best).mean())
            found[card.explorer] = Credit(old.proposals + 1, gain, old.dollars + card.cost.dollars)
        best = raised
    return found


def parents(cards: Sequence[Card], count: int, seed: int, own: bool = True) -> list[Card]:
    """Choose ``count`` parents: every other one from the front, the rest by tournaments among the better half.

    With ``own``, only those count in whose data an explorer has left something.
    """
    chance = random.Random(seed)
    good = [card for card in ranked(cards) if card.data or not own]
    if not good:
        return []
    elite = [card for card in front(cards) if card.data or not own] or good[:1]
    better = good[: max(4, len(good) // 2)]
    chosen = []
    for i in range(count):
        if i % 2 == 0:
            chosen.append(elite[chance.randrange(len(elite))])
        else:  # ranked order: the smaller index wins the tournament
            chosen.append(better[min(chance.randrange(len(better)) for _ in range(3))])
    return chosen
