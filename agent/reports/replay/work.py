"""The runs of a replay: every controller on every environment, each run once and for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envs.episodes import MAX_BRANCHES, Episodes, grid
from envs.scoring import score
from envs.statistics import QuestionSample, samples
from envs.store import Environment
from sandbox.base import Sandbox
from sandbox.outcome import Candidate, SandboxOutcome, Verdict
from sandbox.trial import trial

from .cache import ReplayCache, key
from .select import ReplayEntry

REFERENCE = "self_consistency"
"""The baseline against which tokens are saved: at beta 1, which is its full width."""
FULL = 1.0

Report = Callable[[ReplayEntry, Environment, Verdict], None]


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What is replayed on each environment."""

    betas: tuple[float, ...]
    orders: int
    """Branch orders."""
    first_order: int = 0
    """The first of them."""
    max_branches: int = MAX_BRANCHES
    max_tokens: int | None = None

    def episodes(self, environment: Environment, betas: Sequence[float] | None = None) -> Episodes:
        """Return the batch on one environment.

        Raises:
            InputError: nothing can be run with these settings.
        """
        orders = range(self.first_order, self.first_order + self.orders)
        return grid([environment], betas or self.betas, orders, self.max_branches, self.max_tokens)


@dataclass(frozen=True, slots=True)
class ReplayMeasurement:
    """What one controller did on one environment."""

    verdict: Verdict
    samples: tuple[QuestionSample, ...] = ()
    """By beta, ascending; none if the verdict is not ok."""


class ReplayWork:
    """Runs what the journal does not have yet.

    Args:
        settings: of the replay.
        journal: of what has been run.
        sandbox: where controllers run, with workers that share the episodes of a run.
        progress: called with the number of episodes that are done with, were they run or not.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        journal: ReplayCache,
        sandbox: Sandbox,
        progress: Callable[[int], None] = lambda n: None,
    ) -> None:
        self.settings = settings
        self._journal, self._sandbox, self._progress = journal, sandbox, progress

    def measure(
        self, entry: ReplayEntry, environment: Environment, betas: Sequence[float] | None = None
    ) -> ReplayMeasurement:
        """Return what a controller does on an environment, at other ``betas`` than the settings' if given.

        Raises:
            SandboxError: the sandbox failed.
            OSError: the journal could not be written.
        """
        episodes = self.settings.episodes(environment, betas)
        outcome = self._outcome(entry, episodes)
        if outcome.logs is None:
            return ReplayMeasurement(outcome.verdict)
        return ReplayMeasurement(outcome.verdict, tuple(samples(score(episodes, outcome.logs))))

    def _outcome(self, entry: ReplayEntry, episodes: Episodes) -> SandboxOutcome:
        """Return the outcome that was kept, or else run it: policy, evaluation and a sample of the audit."""
        name = key(entry.source, episodes)
        outcome = self._journal.get(name)
        left = len(episodes)

        def advanced(n: int) -> None:
            nonlocal left
            left -= n
            self._progress(n)

        if outcome is None:
            candidate = Candidate(entry.label, entry.source)
            found = trial(candidate, episodes, self._sandbox, elite=lambda evaluation: False, progress=advanced)
            outcome = SandboxOutcome(found.verdict, found.logs)
            self._journal.put(name, outcome)
        self._progress(left)  # of a failure, or of what was there
        return outcome
