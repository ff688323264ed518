"""Evaluates a candidate in steps: it may be stopped after each part of the episodes, and no episode runs twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.scoring import Scores

from .base import Sandbox
from .evaluation import LoggedEvaluation, needs_met, of_the_batch, scored
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


@dataclass(frozen=True, slots=True)
class Look:
    """The scores of a candidate at the end of a step, from which it is judged."""

    seen: Ints
    """(n,) indices of the episodes that it has played."""
    scores: Scores


class SteppedEvaluation:
    """An evaluation that plays one step at a time, and may rest after each of them.

    Args:
        candidate: the candidate to run.
        episodes: the batch of E episodes.
        steps: its division; its judge is not called. None plays the whole batch in one step.
        played: logs of the first episodes in the order of ``steps``, from an earlier process. They end where a step
            ends; others are ignored.
    """

    def __init__(
        self, candidate: Candidate, episodes: Episodes, steps: EvaluationSteps | None, played: Logs | None = None
    ) -> None:
        self._candidate, self._episodes = candidate, episodes
        self._order = None if steps is None else steps.order
        self._ends = (len(episodes),) if steps is None else tuple(steps.ends)
        self._done: list[Logs] = []
        self._step = 0
        self.looks: list[Look] = []
        """At the end of each step but the last, in order."""
        self.ended: LoggedEvaluation | None = None
        """The evaluation of the whole batch, or of its first failure; None before either."""
        if not (refused := needs_met(candidate, episodes)).ok:
            self.ended = LoggedEvaluation(candidate, refused)
            return
        self._restore(played)

    @property
    def played(self) -> Logs | None:
        """The logs so far, in the order in which the episodes run; None if no step has ended well."""
        return Logs.joined(self._done) if self._done else None

    def advance(self, sandbox: Sandbox, progress: Callable[[int], None] | None = None) -> Look | None:
        """Play the next step. Return the look at its end; None if the evaluation has ended with it.

        Raises:
            SandboxError: the sandbox failed; the step may be played again.
        """
        first, last = (0, *self._ends)[self._step], self._ends[self._step]
        which = np.arange(first, last) if self._order is None else self._order[first:last]
        part = self._episodes if last - first == len(self._episodes) and self._order is None else None
        outcome = sandbox.run(self._candidate, self._episodes.take(which) if part is None else part, progress)
        if outcome.logs is None:
            self.ended = LoggedEvaluation(self._candidate, of_the_batch(outcome.verdict, which))
            return None
        return self._took(outcome.logs)

    def run(
        self, sandbox: Sandbox, judge: Judge, progress: Callable[[int], None] | None = None
    ) -> LoggedEvaluation:
        """Play on, and return the evaluation at its end, or at a new look at which ``judge`` stops it.

        Raises:
            SandboxError: the sandbox failed.
        """
        with sandbox.reusing_workers() as reusing:
            while self.ended is None:
                look = self.advance(reusing, progress)
                if look is not None and (stopped := self._stopped_at(look, judge)) is not None:
                    return stopped
        return self.ended

    def stopped(self, judge: Judge) -> LoggedEvaluation | None:
        """Return the evaluation that stops at the first look at which ``judge`` says so; None if there is none."""
        return next(filter(None, (self._stopped_at(look, judge) for look in self.looks)), None)

    def _stopped_at(self, look: Look, judge: Judge) -> LoggedEvaluation | None:
        verdict = judge(look.seen, look.scores)
        return None if verdict.ok else LoggedEvaluation(self._candidate, verdict, played=len(look.seen))

    def _took(self, logs: Logs) -> Look | None:
        """Take the logs of the next step."""
        self._done.append(logs)
        self._step += 1
        if sum(part.size for part in self._done) > (most := largest_run(len(self._episodes))):
            self.ended = LoggedEvaluation(self._candidate, too_much(most))
            return None
        joined = Logs.joined(self._done)
        if self._step == len(self._ends):
            inverse = None if self._order is None else np.argsort(self._order)
            whole = joined if inverse is None else joined.take(inverse)
            self.ended = scored(self._candidate, self._episodes, whole)
            return None
        assert self._order is not None
        seen = self._order[: self._ends[self._step - 1]]
        part = scored(self._candidate, self._episodes.take(seen), joined)
        if part.scores is None:
            self.ended = LoggedEvaluation(self._candidate, of_the_batch(part.verdict, seen))
            return None
        self.looks.append(Look(seen, part.scores))
        return self.looks[-1]

    def _restore(self, played: Logs | None) -> None:
        if played is None or len(played) not in self._ends:
            return
        for first, last in zip((0, *self._ends), self._ends, strict=False):
            if last <= len(played) and self.ended is None:
                self._took(played.part(first, last))


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
    return SteppedEvaluation(candidate, episodes, steps).run(sandbox, steps.judge, progress)
