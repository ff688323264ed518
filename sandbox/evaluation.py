"""Evaluates a controller: runs it in a sandbox and scores its logs, the same way for baselines and candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.scoring import ForgedLog, Scores, score
from autotts.envs.statistics import Point, curve

from .backends.process import ProcessSandbox
from .base import Sandbox
from .outcome import Candidate, Verdict


@dataclass(frozen=True)
class Evaluation:
    """The result of a candidate on a batch of episodes: its verdict, and its logs and scores if the verdict is ok."""

    candidate: Candidate
    verdict: Verdict
    logs: Logs | None = None
    scores: Scores | None = None
    played: int = 0
    """Episodes that were played before this verdict was reached; 0 if an episode failed."""

    @cached_property
    def curve(self) -> list[Point]:
        """The scaling curve by environment and beta (see `envs.statistics.curve`).

        Raises:
            CandidateFailed: the evaluation has no scores.
        """
        if self.scores is None:
            raise CandidateFailed(self.candidate, self.verdict)
        return curve(self.scores)


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
) -> Evaluation:
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
    outcome = (sandbox or ProcessSandbox()).run(candidate, episodes, progress)
    if outcome.logs is None:
        return Evaluation(candidate, outcome.verdict)
    return scored(candidate, episodes, outcome.logs)


def scored(candidate: Candidate, episodes: Episodes, logs: Logs) -> Evaluation:
    """Return the evaluation of a candidate from its ``logs`` of all ``episodes``."""
    try:
        return Evaluation(candidate, Verdict("ok"), logs, score(episodes, logs), len(episodes))
    except ForgedLog as forged:
        where = episodes.describe(forged.episode)
        return Evaluation(candidate, Verdict("forged_log", f"{forged} [{where}]", forged.episode))
