"""Estimates what a collection will take, from the branches that a dry run has finished."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .collection import BranchCollection, CollectedBranch
from .spending import TokenPrices

SAMPLE = 16
"""Branches of a dry run, of as many questions."""
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""97.5th percentile of Student's t for 1, 2, ... degrees of freedom; later ones are about 2."""


@dataclass(frozen=True, slots=True)
class RangeEstimate:
    """An estimate, with a 95% interval over the branches of the dry run."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> RangeEstimate:
        """Return this estimate times ``factor``."""
        return RangeEstimate(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class CollectEstimate:
    """What a whole collection takes, with the part that is done."""

    branches: int
    """The branches of the dry run that have finished."""
    of: int
    """The branches of the collection."""
    tokens: RangeEstimate
    """Tokens generated, of branches and probes."""
    prompt_tokens: RangeEstimate
    """Tokens of prompts that the server computes anew or takes from its cache."""
    requests: RangeEstimate
    dollars: RangeEstimate | None
    """None if no price is known."""
    hours: RangeEstimate
    """At the speed of the dry run, which has fewer requests at a time than a collection may have."""


def sample(collection: BranchCollection, count: int = SAMPLE) -> list[CollectedBranch]:
    """Return the branches of a dry run: the first branch of ``count`` questions, evenly spread; more of them if there
    are fewer questions."""
    questions = len(collection.questions)
    if questions >= count:
        return [collection.branches[at * questions // count][0] for at in range(count)]
    places = [(number, question) for number in range(collection.settings.max_branches) for question in range(questions)]
    return [collection.branches[question][number] for number, question in places[:count]]


def estimate(
    collection: BranchCollection, branches: Sequence[CollectedBranch], seconds: float, prices: TokenPrices | None
) -> CollectEstimate | None:
    """Return the estimate, or None if no branch has finished.

    Args:
        collection: the collection, in which only ``branches`` were asked for.
        branches: those of the dry run.
        seconds: what the dry run took; 0 if all of it was known from before.
        prices: prices of the model, if they are known.
    """
    done = [branch for branch in branches if branch.finished and not branch.lost]
    if not done:
        return None
    total = collection.total
    share = _interval([branch.tokens for branch in done])
    mean = max(share.value, 1e-9)
    spread = RangeEstimate(1.0, share.low / mean, share.high / mean)
    use, probes = collection.use, collection.probe_use
    scale = total / len(done)

    def whole(value: float) -> RangeEstimate:
        return spread.scaled(value * scale)

    dollars = None
    if prices is not None:
        dollars = whole(prices.dollars(use) + prices.dollars(probes))
    return CollectEstimate(
        branches=len(done), of=total,
        tokens=whole(use.generated + probes.generated),
        prompt_tokens=whole(use.prefilled + use.cached + probes.prefilled + probes.cached),
        requests=whole(use.requests + probes.requests),
        dollars=dollars, hours=whole(seconds / 3600),
    )  # fmt: skip


def _interval(values: Sequence[int]) -> RangeEstimate:
    """Return the mean with its 95% interval by Student's t; of one value, from half of it to twice it."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return RangeEstimate(mean, mean / 2, mean * 2)
    t = _T[len(values) - 2] if len(values) - 2 < len(_T) else 2.0
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return RangeEstimate(mean, max(float(min(values)), mean - half) if half < mean else min(values), mean + half)
