"""The evaluation of one candidate in the background, apart from the decisions that depend on other versions.

A candidate's logs depend on its source alone. Three decisions also depend on the versions before it: where screening
stops it, whether it is a duplicate, and how much of it is audited. A trial works ahead on a guess about these
(`OverlappingTrial.foresee`), and remembers what it has seen at each step. When the versions before it are known,
`OverlappingTrial.settle` takes the decisions from what it remembers. What the guess got wrong is done then (more steps,
another audit), or was done for nothing; the result is that of one candidate after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from autotts.envs.scoring import Scores
from autotts.sandbox.evaluation import LoggedEvaluation
from autotts.sandbox.outcome import Verdict
from autotts.sandbox.steps import EvaluationSteps, Ints, Judge, SteppedEvaluation

from ...archive.archive import pack_logs, unpack_logs
from ...records.candidate import CandidateRecord
from ...records.card import Card
from ..attempts import WorkCancelled
from ..evaluation import CandidateEvaluator, PlayedCandidate, always
from ..staging import Staging

Work = Callable[[], None]
Settled = tuple[PlayedCandidate, LoggedEvaluation]
"""The scores of a candidate, and its evaluation after its audit."""


class TrialCancelled(WorkCancelled):
    """The result of the work is not needed any more."""


class OverlappingTrial:
    """The evaluation of one candidate, piece by piece. `work` is the next piece; the caller runs it in any thread, one
    piece at a time, and calls all other methods in the thread that decides.

    Args:
        record: the candidate.
        evaluator: evaluates it.
        staging: keeps the logs of work that is ahead of its turn, for a resumed run.
    """

    def __init__(self, record: CandidateRecord, evaluator: CandidateEvaluator, staging: Staging) -> None:
        self.record = record
        self.seconds = 0.0
        """Seconds of work so far."""
        self.work: Work | None = self._play
        """The next piece of work; None while it is not known, or while nothing is left to do."""
        self.cancelled = False
        self.ahead = True
        """Whether the versions before it are not all known, so that a kill now would lose work that has ended."""
        self._evaluator, self._staging = evaluator, staging
        self._plan: EvaluationSteps | None = None
        self._judge: Judge = always
        self._stepped: SteppedEvaluation | None = None
        self._played: PlayedCandidate | None = None
        self._audits: dict[float, LoggedEvaluation] = {}

    def foresee(self, steps: EvaluationSteps | None) -> None:
        """Let the work stop where the judge of ``steps`` would stop it, from its next look on."""
        if self._stepped is None:
            self._plan = steps
        self._judge = always if steps is None else steps.judge

    @property
    def complete(self) -> bool:
        """Whether it has played all its episodes, or has failed."""
        return self._played is not None

    def cancel(self) -> None:
        """Let the work that runs end soon."""
        self.cancelled = True

    def settle(
        self, steps: EvaluationSteps | None, present: Sequence[Card], busy: bool
    ) -> Settled | None:
        """Decide as after the versions ``present``.

        Args:
            steps: the steps after ``present`` (`CandidateEvaluator.steps`).
            present: the cards of all versions that come before, or of those that are known so far for a guess.
            busy: whether a piece of work runs.

        Returns:
            The scores, and the evaluation after its audit. None if more work is needed: that which runs, or `work`.
        """
        self.foresee(steps)
        stepped = self._stepped
        if stepped is not None and steps is not None and self._plan is not None:
            stopped = stepped.stopped(steps.judge)
            if stopped is not None:
                self.work = None
                return PlayedCandidate(stopped), stopped
        if busy:
            return None
        if stepped is not None and (steps is None) != (self._plan is None):  # steps change which failure is the first
            self._plan, self._stepped, self._played, self._audits = steps, None, None, {}
        if self._played is None:
            self.work = self._play
            return None
        share = self._evaluator.share(self.record, present, self._played)
        if share not in self._audits:
            self.work = lambda: self._audit(share)
            return None
        self.work = None
        return self._played, self._audits[share]

    def forget(self) -> None:
        """Remove what is kept for a resumed run."""
        self._staging.remove_ahead(self.record.id)

    def _play(self) -> None:
        """Play on to the end, or to a look at which the judge of the moment stops."""
        began = time.perf_counter()
        if self._stepped is None:
            kept = self._staging.ahead(self.record.id, self._kind)
            played = None if kept is None else unpack_logs(kept)
            self._stepped = self._evaluator.begin(self.record, self._plan, played)
        stepped, before = self._stepped, len(self._stepped.looks)
        if stepped.ended is None and stepped.stopped(self._judged) is None:
            self._evaluator.play(stepped, self._judged, self._progress)
        if stepped.ended is not None:
            self._played = self._evaluator.read(stepped.ended)
        went_on = len(stepped.looks) + (stepped.ended is not None) > before
        if went_on and self.ahead and not self.cancelled and (logs := stepped.played) is not None:
            self._staging.put_ahead(self.record.id, self._kind, pack_logs(logs))
        self.seconds += time.perf_counter() - began

    def _audit(self, share: float) -> None:
        """Audit a share of the episodes."""
        began = time.perf_counter()
        assert self._played is not None
        self._audits[share] = self._evaluator.audit(self._played, share, self._audited)
        self.seconds += time.perf_counter() - began

    @property
    def _kind(self) -> str:
        """A word for the order in which the episodes are played."""
        return "whole" if self._plan is None else "steps"

    def _judged(self, seen: Ints, scores: Scores) -> Verdict:
        """Judge by the latest guess, which another thread may replace."""
        return self._judge(seen, scores)

    def _progress(self, episodes: int) -> None:
        self._audited(episodes)
        self._evaluator.progress(episodes)

    def _audited(self, episodes: int) -> None:
        if self.cancelled:
            raise TrialCancelled(f"the evaluation of {self.record.id} is not needed any more")
