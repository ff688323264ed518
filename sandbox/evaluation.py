"""Candidate and episodes in, scores out: the whole path through a sandbox, the same for seeds and candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from envs.episodes import Episodes, Logs
from envs.scoring import ForgedLog, Scores, score
from envs.statistics import Point, curve

from .backends.process import ProcessSandbox
from .base import Sandbox
from .outcome import Candidate, Verdict


@dataclass(frozen=True)
class Evaluation:
    """What a candidate did on a batch of episodes: its verdict, and if that is ok its logs and scores."""

    candidate: Candidate
    verdict: Verdict
    logs: Logs | None = None
    scores: Scores | None = None
    played: int = 0
    """Episodes after which it ended with this verdict; 0 if one of them has failed."""

    @cached_property
    def curve(self) -> list[Point]:
        """The scaling curve, by environment and beta (see `envs.statistics.curve`).

        Raises:
            CandidateFailed: there are no scores.
        """
        if self.scores is None:
            raise CandidateFailed(self.candidate, self.verdict)
        return curve(self.scores)


class CandidateFailed(Exception):
    """A candidate did not get through its episodes. Attributes: verdict."""

    def __init__(self, candidate: Candidate, verdict: Verdict) -> None:
        super().__init__(f"{candidate.name}: {verdict.kind}: {verdict.message}")
        self.verdict = verdict


def evaluate(
    candidate: Candidate | str,
    episodes: Episodes,
    sandbox: Sandbox | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run a candidate (or the source of one) on ``episodes``, and score it on the host.

    Args:
        candidate: whose every failure ends as a verdict.
        episodes: see `envs.episodes.grid`.
        sandbox: where it runs; a process sandbox with one worker if None.
        progress: called with the number of episodes that were added.

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
    """Return the evaluation of a candidate that has made ``logs`` of all ``episodes``."""
    try:
        return Evaluation(candidate, Verdict("ok"), logs, score(episodes, logs), len(episodes))
    except ForgedLog as forged:
        where = episodes.describe(forged.episode)
        return Evaluation(candidate, Verdict("forged_log", f"{forged} [{where}]", forged.episode))
