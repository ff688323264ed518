"""Evaluates the candidates of a step at the same time, with the results of one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from ...records.candidate import CandidateEvaluation, CandidateRecord
from ...records.card import Card
from ...records.migration import BASELINE
from ..attempts import MOST_DEATHS, Attempts, WorkCancelled, passed_over
from ..candidate_store import CandidateStore
from ..evaluation import CandidateEvaluator
from .background import Background, ThreadBackground
from .trial import OverlappingTrial
from .window import InOrderWindow

WORK = "evaluation"
"""The name of the work in `Attempts`, whether candidates overlap or not."""


class OnEvaluated(Protocol):
    """Called in the order of the candidates, in the thread that decides."""

    def __call__(self, record: CandidateRecord, played: int, seconds: float) -> None:
        """Take a candidate's record, which is staged, the episodes that it has played, and its seconds of work."""
        ...


class OverlappingEvaluation:
    """Evaluates the candidates of one step.

    Args:
        store: the versions and candidates of the run.
        evaluator: evaluates each candidate.
        attempts: counts the deaths of the run in each.
        at_once: candidates that may work at the same time.
        background: where they work.
    """

    def __init__(
        self, store: CandidateStore, evaluator: CandidateEvaluator, attempts: Attempts, at_once: int,
        background: Background | None = None,
    ) -> None:  # fmt: skip
        self._store, self._evaluator, self._attempts, self._at_once = store, evaluator, attempts, at_once
        self._background = background or ThreadBackground()
        self._trials: list[OverlappingTrial] = []
        self._counted: dict[int, ExitStack] = {}
        """The attempt at each candidate that has begun and is not decided."""

    def run(
        self, records: Sequence[CandidateRecord], present: Callable[[str], Sequence[Card]], evaluated: OnEvaluated
    ) -> None:
        """Evaluate candidates, and stage their records.

        Args:
            records: candidates without evaluation, in their order.
            present: returns the cards of all versions and candidates that come before one.
            evaluated: called with each.

        Raises:
            SandboxError: the sandbox failed.
        """
        deaths = [0 if each.asked == BASELINE else self._attempts.deaths(each.id, WORK) for each in records]
        alone = {i for i, count in enumerate(deaths) if count >= MOST_DEATHS - 1}
        self._window = window = InOrderWindow(len(records), self._at_once, alone)
        self._trials = [OverlappingTrial(each, self._evaluator, self._store.staging) for each in records]
        guilty = 0
        try:
            while not window.done:
                guilty = window.head
                if not self._decided(deaths[guilty], present, evaluated):
                    self._start()
                    ended = self._background.wait()
                    guilty = ended.key
                    self._ended(guilty, ended.error)
        except BaseException as error:
            self._close(guilty, error)
            raise
        self._close(None, None)

    def _decided(self, deaths: int, present: Callable[[str], Sequence[Card]], evaluated: OnEvaluated) -> bool:
        """Decide the head and all that follow from it, if its work is done; else give it its next work."""
        window, trial = self._window, self._trials[self._window.head]
        if deaths >= MOST_DEATHS:
            verdict = passed_over(WORK)
            failed = CandidateEvaluation(verdict=verdict.kind, message=verdict.message)
            return self._take(trial.record.with_evaluation(failed), 0, trial, evaluated)
        if trial.ahead:
            trial.ahead = False
            self._present = present(trial.record.id)
            self._steps = self._evaluator.steps(trial.record, self._present)
            for other in self._trials[window.head :]:
                other.foresee(self._steps)
        settled = trial.settle(self._steps, self._present, window.head in window.working)
        if settled is None:
            return False
        began = time.perf_counter()
        record, played = self._evaluator.finish(trial.record, self._present, *settled)
        trial.seconds += time.perf_counter() - began
        return self._take(record, played, trial, evaluated)

    def _take(self, record: CandidateRecord, played: int, trial: OverlappingTrial, evaluated: OnEvaluated) -> bool:
        """Stage the record of the head, and go on to the next candidate."""
        self._store.staging.put(record)
        trial.cancel()
        trial.forget()
        if (attempt := self._counted.pop(self._window.head, None)) is not None:
            attempt.close()
        self._window.decided()
        evaluated(record, played, trial.seconds)
        return True

    def _start(self) -> None:
        """Start as much work as there is room for."""
        wanting = [i for i, trial in enumerate(self._trials) if trial.work is not None and not trial.cancelled]
        for index in self._window.startable(wanting):
            trial = self._trials[index]
            if index not in self._counted:
                self._counted[index] = ExitStack()
                self._counted[index].enter_context(self._attempts.of(trial.record.id, WORK))
            work, trial.work = trial.work, None
            assert work is not None
            self._window.began(index)
            self._background.start(index, work)

    def _ended(self, index: int, error: BaseException | None) -> None:
        """Take notice of a piece of work that has ended, and let a candidate that is ahead go on by a guess."""
        trial = self._trials[index]
        self._window.rested(index)
        if trial.cancelled:  # its result is not needed, whatever it was
            return
        if error is not None:
            raise error
        if trial.ahead:
            trial.settle(self._steps, self._present, busy=False)

    def _close(self, guilty: int | None, error: BaseException | None) -> None:
        """End all work, and take back the attempts that are not decided, except at the one at fault."""
        for trial in self._trials:
            trial.cancel()
        self._background.close()
        for index, attempt in self._counted.items():
            why = error if index == guilty and error is not None else WorkCancelled("another candidate failed")
            attempt.__exit__(type(why), why, why.__traceback__)
        self._counted.clear()


