"""One bandit for all choices that repeat: it draws more often what has raised the front, per dollar."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from ..records.version import Credit
from .credit import NOTHING

_TRIAL = 0.02
"""Dollars that a proposal is taken to cost besides its calls: the trial of it."""
_EVEN = 0.1
"""The part of the draws that is spread evenly."""


def draw(arms: Sequence[str], credits: Mapping[str, Credit], chance: random.Random, priced: bool = True) -> str:
    """Return one of ``arms`` by Thompson sampling (Thompson 1933; with a price, Xia et al. 2015).

    What an arm wins is drawn from a beta distribution over its wins and the rest of its tries, and divided by what a
    proposal of it has cost. The state is the credits alone, which fade (Raj and Kalyani 2017); and a part of the draws
    is spread evenly, for a dear arm may come into its own late.

    Args:
        priced: whether the arms differ in price. What a call costs hangs on the service's cache, so that a choice by
            price is not the same when a run is made again.
    """
    if chance.random() < _EVEN:
        return chance.choice(arms)

    def worth(arm: str) -> float:
        credit = credits.get(arm, NOTHING)
        price = (credit.dollars / max(1, credit.proposals) if priced else 0.0) + _TRIAL
        return chance.betavariate(1 + credit.wins, 1 + max(0.0, credit.tries - credit.wins)) / price

    return max(arms, key=worth)
