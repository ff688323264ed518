"""Evaluates a controller: runs it in a sandbox and scores its logs, the same way for baselines and candidates."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.errors import InputError
from autotts.envs.scoring import EpisodeFigures, ForgedLog, Scores, score
from autotts.envs.statistics import Point, curve

from . import policy
from .backends.process import ProcessSandbox
from .base import Sandbox
from .outcome import Candidate, Extent, Verdict
from .sealed_extras import declared_by
from .wire import SealedBatch

_LOG = logging.getLogger(__name__)

EPISODES_AT_A_TIME = 1 << 14
"""Episodes that `measure` runs at a time: the host holds the logs of no more, whatever the size of the batch."""


@dataclass(frozen=True)
class Evaluation:
    """The result of a controller on a batch of episodes: its verdict, and its figures if the verdict is ok."""

    candidate: Candidate
    verdict: Verdict
    figures: EpisodeFigures | None = None
    """Correctness, tokens and latency of each episode."""

    @cached_property
    def curve(self) -> list[Point]:
        """The scaling curve by environment and beta (see `envs.statistics.curve`).

        Raises:
            CandidateFailed: the evaluation has no figures.
        """
        return _curve(self.candidate, self.verdict, self.figures)


@dataclass(frozen=True)
class LoggedEvaluation:
    """An evaluation that also holds the action logs: what an archive stores, and what audit and diagnosis read."""

    candidate: Candidate
    verdict: Verdict
    logs: Logs | None = None
    scores: Scores | None = None
    played: int = 0
    """Episodes that were played before this verdict was reached; 0 if an episode failed."""
    audited: Extent | None = None
    """How far it has passed the look-ahead audit; None before an audit."""

    @cached_property
    def curve(self) -> list[Point]:
        """The scaling curve by environment and beta (see `envs.statistics.curve`).

        Raises:
            CandidateFailed: the evaluation has no scores.
        """
        return _curve(self.candidate, self.verdict, self.scores)


def _curve(candidate: Candidate, verdict: Verdict, figures: EpisodeFigures | None) -> list[Point]:
    if figures is None:
        raise CandidateFailed(candidate, verdict)
    return curve(figures)


class CandidateFailed(Exception):
    """A candidate did not finish its episodes.

    Attributes:
        verdict: how the run ended.
    """

    def __init__(self, candidate: Candidate, verdict: Verdict) -> None:
        super().__init__(f"{candidate.name}: {verdict.kind}: {verdict.message}")
        self.verdict = verdict


def evaluate(
    candidate: Candidate | str,
    episodes: Episodes,
    sandbox: Sandbox | None = None,
    progress: Callable[[int], None] | None = None,
) -> LoggedEvaluation:
    """Run a candidate on ``episodes``, and score its logs on the host.

    Args:
        candidate: the candidate, or the source of one. Each of its failures becomes a verdict.
        episodes: the batch (see `envs.episodes.grid`).
        sandbox: the sandbox to run in; None for a process sandbox with one worker.
        progress: called with the number of episodes that finished since the last call.

    Raises:
        SandboxError: the sandbox failed.
    """
    if isinstance(candidate, str):
        candidate = Candidate("controller", candidate)
    if not (refused := needs_met(candidate, episodes)).ok:
        return LoggedEvaluation(candidate, refused)
    outcome = (sandbox or ProcessSandbox()).run(candidate, episodes, progress)
    _LOG.debug("%s: %d episodes, %s", candidate.name, len(episodes), outcome.verdict.kind)
    if outcome.logs is None:
        return LoggedEvaluation(candidate, outcome.verdict)
    return scored(candidate, episodes, outcome.logs)


def evaluate_and_print(
    candidate: Candidate,
    episodes: Episodes,
    sandbox: Sandbox,
    progress: Callable[[int], None] | None = None,
) -> tuple[LoggedEvaluation, bytes]:
    """Do `evaluate`, and also return the first `wire.PRINTED` bytes that the candidate printed, and one if there are
    more. These bytes are untrusted.

    Raises:
        SandboxError: the sandbox failed.
    """
    if not (refused := needs_met(candidate, episodes)).ok:
        return LoggedEvaluation(candidate, refused), b""
    batch = replace(SealedBatch.of(episodes), prints=True)
    outcome = sandbox.play(candidate, batch, progress)
    if outcome.logs is None:
        return LoggedEvaluation(candidate, outcome.verdict), outcome.printed
    return scored(candidate, episodes, outcome.logs), outcome.printed


def needs_met(candidate: Candidate, episodes: Episodes) -> Verdict:
    """Return whether the environments of ``episodes`` have all that a candidate declares to need."""
    refusal = declared_by(candidate.source).refusal(episodes.environments)
    return Verdict("rejected: needs", refusal) if refusal else Verdict("ok")


def require_needs(candidates: Sequence[Candidate], episodes: Episodes) -> None:
    """Refuse candidates that a user named if the environments lack what they declare to need.

    Raises:
        InputError: one of them needs more than an environment has.
    """
    for candidate in candidates:
        if not (refused := needs_met(candidate, episodes)).ok:
            raise InputError(f"{candidate.name}: {refused.message}")


def measure(
    candidate: Candidate,
    episodes: Episodes,
    sandbox: Sandbox,
    progress: Callable[[int], None] | None = None,
    at_a_time: int | None = None,
) -> Evaluation:
    """Run and score a candidate as `evaluate` does, and keep its figures alone: memory does not grow with the logs.

    The source policy is checked first, as in a discovery: this is what the command and the library call.

    Args:
        candidate: the candidate. Each of its failures becomes a verdict.
        episodes: the batch, of any size.
        sandbox: the sandbox to run in.
        progress: called with the number of episodes that finished since the last call.
        at_a_time: episodes whose logs are held at the same time; `EPISODES_AT_A_TIME` if None. The figures do not
            depend on it.

    Raises:
        SandboxError: the sandbox failed.
    """
    size = at_a_time or EPISODES_AT_A_TIME
    if not (refused := policy.check(candidate.source)).ok or not (refused := needs_met(candidate, episodes)).ok:
        return Evaluation(candidate, refused)
    figures = EpisodeFigures.empty(episodes)
    with sandbox.reusing_workers() as reusing:
        for first in range(0, len(episodes), size):
            which = np.arange(first, min(first + size, len(episodes)))
            part = evaluate(candidate, episodes.take(which).of_used_environments(), reusing, progress)
            if part.scores is None:
                return Evaluation(candidate, of_the_batch(part.verdict, which))
            figures.put(which, part.scores)
    return Evaluation(candidate, Verdict("ok"), figures)


def of_the_batch(verdict: Verdict, which: npt.NDArray[np.int64]) -> Verdict:
    """Return ``verdict`` on the part ``which`` of a batch, its episode renumbered as an index into the whole batch."""
    return verdict if verdict.episode is None else replace(verdict, episode=int(which[verdict.episode]))


def scored(candidate: Candidate, episodes: Episodes, logs: Logs) -> LoggedEvaluation:
    """Return the evaluation of a candidate from its ``logs`` of all ``episodes``."""
    try:
        return LoggedEvaluation(candidate, Verdict("ok"), logs, score(episodes, logs), len(episodes))
    except ForgedLog as forged:
        where = episodes.describe(forged.episode)
        return LoggedEvaluation(candidate, Verdict("forged_log", f"{forged} [{where}]", forged.episode))
