"""The runs of a replay: every controller on every environment, each run once and then cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from autotts.envs.episodes import MAX_BRANCHES, Episodes, grid
from autotts.envs.scoring import EpisodeFigures, score
from autotts.envs.statistics import QuestionSample, samples
from autotts.envs.store import Environment
from autotts.sandbox.audit.look_ahead import AUDIT_SHARE, audited_episodes, extent_of
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import of_the_batch
from autotts.sandbox.outcome import Candidate, Extent, SandboxOutcome, Verdict
from autotts.sandbox.trial import trial

from ...archive.archive import sha256
from ...archive.champions import is_shipped_source
from .cache import ReplayCache, key
from .select import ReplayEntry

REFERENCE = "self_consistency"
"""The baseline that savings are relative to, at beta 1, where it has its full width."""
FULL = 1.0
EPISODES_AT_A_TIME = 1 << 17
"""Episodes of a run, whose logs and scores are held at the same time. A larger batch is several runs, each audited and
cached by itself."""

Report = Callable[[ReplayEntry, Environment, Verdict], None]


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """The protocol of a replay."""

    betas: tuple[float, ...]
    orders: int
    """Number of branch orders."""
    first_order: int = 0
    """Number of the first branch order."""
    max_branches: int = MAX_BRANCHES
    max_tokens: int | None = None

    def episodes(self, environment: Environment, betas: Sequence[float] | None = None) -> Episodes:
        """Return the batch of one environment.

        Raises:
            InputError: the settings are invalid.
        """
        orders = range(self.first_order, self.first_order + self.orders)
        return grid([environment], betas or self.betas, orders, self.max_branches, self.max_tokens)


@dataclass(frozen=True, slots=True)
class ReplayMeasurement:
    """The run of one controller on one environment."""

    verdict: Verdict
    samples: tuple[QuestionSample, ...] = ()
    """By ascending beta; empty if the verdict is not ok."""
    audited: int = 0
    """Episodes that the audit played again."""
    episodes: int = 0
    """Episodes of the batch."""


class ReplayWork:
    """Runs controllers whose runs are not cached yet.

    Args:
        settings: the settings of the replay.
        journal: the cache of finished runs.
        sandbox: runs the controllers, with workers that share the episodes of a run.
        progress: called with the number of newly finished episodes, whether run or cached.
        audit: ``full`` audits every episode of each controller that does not ship with the program, by its source;
            ``sample`` audits some episodes of all. The chance of all audits comes from one fresh secret.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        journal: ReplayCache,
        sandbox: Sandbox,
        progress: Callable[[int], None] = lambda n: None,
        audit: Extent = "full",
    ) -> None:
        self.settings = settings
        self._audit, self._secret = audit, AuditSecret()
        self._journal, self._sandbox, self._progress = journal, sandbox, progress

    def measure(
        self, entry: ReplayEntry, environment: Environment, betas: Sequence[float] | None = None
    ) -> ReplayMeasurement:
        """Return the results of a controller on an environment, at ``betas`` or at those of the settings.

        Raises:
            SandboxError: the sandbox failed.
            OSError: the cache could not be written.
        """
        episodes = self.settings.episodes(environment, betas)
        share, audited = self._share(entry), 0
        figures = EpisodeFigures.empty(episodes)
        for first in range(0, len(episodes), EPISODES_AT_A_TIME):
            which = np.arange(first, min(first + EPISODES_AT_A_TIME, len(episodes)))
            part = episodes if len(which) == len(episodes) else episodes.take(which)
            outcome = self._outcome(entry, part, share)
            if outcome.logs is None:
                self._progress(len(episodes) - int(which[-1]) - 1)
                return ReplayMeasurement(of_the_batch(outcome.verdict, which))
            figures.put(which, score(part, outcome.logs))
            audited += audited_episodes(len(part), share)
        return ReplayMeasurement(Verdict("ok"), tuple(samples(figures)), audited, len(episodes))

    def _share(self, entry: ReplayEntry) -> float:
        shipped = is_shipped_source(sha256(entry.source.encode()))
        return 1.0 if self._audit == "full" and not shipped else AUDIT_SHARE

    def _outcome(self, entry: ReplayEntry, episodes: Episodes, share: float) -> SandboxOutcome:
        """Return the cached outcome, or run the controller: policy, evaluation and audit."""
        name = key(entry.source, episodes, extent_of(len(episodes), share))
        outcome = self._journal.get(name)
        left = len(episodes)

        def advanced(n: int) -> None:
            nonlocal left
            left -= n
            self._progress(n)

        if outcome is None:
            candidate = Candidate(entry.label, entry.source)
            result = trial(candidate, episodes, self._sandbox, share, self._secret, advanced)
            outcome = SandboxOutcome(result.verdict, result.logs)
            self._journal.put(name, outcome)
        self._progress(left)  # episodes of a failed or of a cached run
        return outcome
