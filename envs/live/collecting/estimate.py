"""Estimates what a collection will take, from the branches that a dry run has finished."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..exchange import TokenUse
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
    """The branches of the collection, and the forks that they will have."""
    forks: int
    """The forks among them."""
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

    A dry run makes no forks. A fork of a branch is taken to be as long as the branch itself: it generates what comes
    after the depth at which it leaves the branch, and its requests read what comes before.

    Args:
        collection: the collection, in which only ``branches`` were asked for.
        branches: those of the dry run.
        seconds: what the dry run took; 0 if all of it was known from before.
        prices: prices of the model, if they are known.
    """
    done = [branch for branch in branches if branch.finished and not branch.lost]
    if not done:
        return None
    work = _DryRunWork(collection, done)
    share = _interval([work.generated(branch) for branch in done])
    mean = max(share.value, 1e-9)
    spread = RangeEstimate(1.0, share.low / mean, share.high / mean)
    use, probes = work.with_forks(collection.use), work.with_forks(collection.probe_use)
    roots = collection.settings.max_branches * len(collection.questions)
    forks = round(roots * sum(len(work.depths(branch)) for branch in done) * collection.forks / len(done))

    def whole(value: float) -> RangeEstimate:
        return spread.scaled(value * roots / len(done))

    dollars = None
    if prices is not None:
        dollars = whole(prices.dollars(use) + prices.dollars(probes))
    return CollectEstimate(
        branches=len(done), of=roots + forks, forks=forks,
        tokens=whole(use.generated + probes.generated),
        prompt_tokens=whole(use.prefilled + use.cached + probes.prefilled + probes.cached),
        requests=whole(use.requests + probes.requests),
        dollars=dollars, hours=whole(seconds * work.share("requests") / 3600),
    )  # fmt: skip


class _DryRunWork:
    """What the forks of the branches of a dry run will take, as shares of what the branches themselves took.

    Args:
        collection: the collection.
        done: the finished branches.
    """

    def __init__(self, collection: BranchCollection, done: Sequence[CollectedBranch]) -> None:
        self._collection, self._done = collection, done
        use, probes = collection.use, collection.probe_use
        read = use.prefilled + use.cached + probes.prefilled + probes.cached
        asked = sum(self._requests(branch, 0) for branch in done)
        self._prompt = max(0.0, read - sum(self._reads(branch, 0, 0.0) for branch in done)) / max(1, asked)
        self._shares = {
            "generated": self._with_forks(lambda branch, depth: branch.tokens - depth * collection.settings.delta),
            "requests": self._with_forks(self._requests),
            "prompts": self._with_forks(lambda branch, depth: self._reads(branch, depth, self._prompt)),
        }

    def depths(self, branch: CollectedBranch) -> list[int]:
        """Return the depths at which ``branch`` will be forked."""
        return [depth for depth in self._collection.fork_at if depth < branch.depth]

    def generated(self, branch: CollectedBranch) -> int:
        """Return the tokens that ``branch`` has generated, and its forks will."""
        delta, forks = self._collection.settings.delta, self._collection.forks
        return branch.tokens + forks * sum(branch.tokens - depth * delta for depth in self.depths(branch))

    def share(self, kind: str) -> float:
        """Return what the branches and their forks take, divided by what the branches took."""
        return self._shares[kind]

    def with_forks(self, use: TokenUse) -> TokenUse:
        """Return the tokens and requests of the branches with those of their forks."""
        generated, prompts, requests = (self.share(kind) for kind in ("generated", "prompts", "requests"))
        return TokenUse(
            generated=round(use.generated * generated), prefilled=round(use.prefilled * prompts),
            cached=round(use.cached * prompts), cancelled=round(use.cancelled * generated),
            requests=round(use.requests * requests), retries=use.retries,
        )  # fmt: skip

    def _with_forks(self, value: Callable[[CollectedBranch, int], float]) -> float:
        own = sum(value(branch, 0) for branch in self._done)
        forks = sum(value(branch, depth) for branch in self._done for depth in self.depths(branch))
        return 1 + self._collection.forks * forks / own if own else 1.0

    def _requests(self, branch: CollectedBranch, depth: int) -> int:
        """Return the intervals and the probes of ``branch`` after ``depth``."""
        return branch.depth - depth + max(0, len(branch.probes) - depth)

    def _reads(self, branch: CollectedBranch, depth: int, prompt: float) -> float:
        """Return the tokens that the requests of ``branch`` after ``depth`` read, with ``prompt`` in each."""
        before = sum(range(depth, branch.depth)) + sum(range(depth + 1, len(branch.probes) + 1))
        return before * self._collection.settings.delta + prompt * self._requests(branch, depth)


def _interval(values: Sequence[int]) -> RangeEstimate:
    """Return the mean with its 95% interval by Student's t; of one value, from half of it to twice it."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return RangeEstimate(mean, mean / 2, mean * 2)
    t = _T[len(values) - 2] if len(values) - 2 < len(_T) else 2.0
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return RangeEstimate(mean, max(float(min(values)), mean - half) if half < mean else min(values), mean + half)
