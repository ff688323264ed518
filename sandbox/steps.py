"""Evaluates a candidate in steps: it may be stopped after each part of the episodes, and no episode runs twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.scoring import Scores

from .base import Sandbox
from .evaluation import LoggedEvaluation, of_the_batch, scored
from .kept_logs import largest_run, too_much
from .outcome import Candidate, Verdict

Ints = npt.NDArray[np.int64]

Judge = Callable[[Ints, Scores], Verdict]
"""Called with the indices of the episodes played so far and their scores. Returns an ok verdict to go on, or the
verdict with which the evaluation stops."""


@dataclass(frozen=True)
class EvaluationSteps:
    """The division of a batch of E episodes into steps."""

    order: Ints
    """(E,) indices of the episodes in the order in which they run."""
    ends: Sequence[int]
    """The number of episodes that have run at the end of each step; the last one is E."""
    judge: Judge


def evaluate_in_steps(
    candidate: Candidate,
    episodes: Episodes,
    steps: EvaluationSteps,
    sandbox: Sandbox,
    progress: Callable[[int], None] | None = None,
) -> LoggedEvaluation:
    """Run and score a candidate as `evaluation.evaluate` does, unless `EvaluationSteps.judge` stops it.

    Raises:
        SandboxError: the sandbox failed.
    """
    done: list[Logs] = []
    with sandbox.reusing_workers() as reusing:
        for first, last in zip((0, *steps.ends), steps.ends, strict=False):
            which, seen = steps.order[first:last], steps.order[:last]
            outcome = reusing.run(candidate, episodes.take(which), progress)
            if outcome.logs is None:
                return LoggedEvaluation(candidate, of_the_batch(outcome.verdict, which))
            done.append(outcome.logs)
            if sum(logs.size for logs in done) > (most := largest_run(len(episodes))):
                return LoggedEvaluation(candidate, too_much(most))
            if last == len(episodes):
                break
            part = scored(candidate, episodes.take(seen), Logs.joined(done))
            if part.scores is None:
                return LoggedEvaluation(candidate, of_the_batch(part.verdict, seen))
            verdict = steps.judge(seen, part.scores)
            if not verdict.ok:
                return LoggedEvaluation(candidate, verdict, played=last)
    return scored(candidate, episodes, Logs.joined(done).take(np.argsort(steps.order)))
