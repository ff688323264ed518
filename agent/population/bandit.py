"""One bandit for all repeated choices: an arm that raised the Pareto front more per dollar is drawn more often."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from ..records.version import Credit
from .credit import NOTHING

_TRIAL = 0.02
"""Cost in dollars that is assumed for trying a proposal, besides the LLM calls."""
_EVEN = 0.1
"""Share of the draws that are uniform over the arms."""


def draw(arms: Sequence[str], credits: Mapping[str, Credit], rng: random.Random, priced: bool = True) -> str:
    """Draw one of ``arms`` by Thompson sampling (Thompson 1933; with prices, Xia et al. 2015).

    An arm's reward is drawn from a beta distribution over its wins and losses, and divided by the mean cost of its
    proposals. The credits are the only state. They fade (Raj and Kalyani 2017), and some draws are uniform, because an
    expensive arm may become useful late in a run.

    Args:
        credits: the credit of each arm, by name; an arm without one has not been drawn yet.
        priced: whether to divide by cost. The cost of a call depends on the provider's cache, so priced draws are not
            reproducible.
    """
    if rng.random() < _EVEN:
        return rng.choice(arms)

    def reward_per_dollar(arm: str) -> float:
        credit = credits.get(arm, NOTHING)
        price = (credit.dollars / max(1, credit.proposals) if priced else 0.0) + _TRIAL
        return rng.betavariate(1 + credit.wins, 1 + max(0.0, credit.tries - credit.wins)) / price

    return max(arms, key=reward_per_dollar)
