"""Evaluates and diagnoses the candidates of a run; a candidate's logs are scored once, unless the run is killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from autotts.envs.episodes import Logs
from autotts.envs.scoring import Scores, score
from autotts.envs.statistics import Point
from autotts.sandbox import policy
from autotts.sandbox.audit.look_ahead import AUDIT_SHARE
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate
from autotts.sandbox.outcome import Candidate, Verdict
from autotts.sandbox.steps import EvaluationSteps, Ints, Judge, SteppedEvaluation
from autotts.sandbox.trial import audited

from .. import population
from ..archive.archive import pack_logs, unpack_logs
from ..diagnosis.behaviour import behaviour
from ..diagnosis.findings import diagnose
from ..diagnosis.memorising import few_questions, stores_data
from ..population.measured import measured
from ..population.outcome import outcome
from ..population.overfitting.question_results import QuestionResults
from ..records.candidate import CandidateDiagnosis, CandidateEvaluation, CandidateRecord
from ..records.card import DUPLICATE, Behaviour, Card
from ..records.explorer import EVOLUTIONARY
from ..records.version import Finding
from .candidate_store import CandidateStore
from .final_evaluation import FINALISTS
from .screening.screen import Screener
from .shared_archive import SharedArchive


@dataclass(frozen=True, slots=True)
class PlayedCandidate:
    """A candidate that has played its episodes or has failed, and what follows from its logs alone."""

    ran: LoggedEvaluation
    scores: Scores | None = None
    """On recorded environments; None, as all below, for a candidate that has failed."""
    results: QuestionResults | None = None
    curve: tuple[Point, ...] = ()
    behaviour: Behaviour | None = None


class CandidateEvaluator:
    """Evaluates candidates in the sandbox, and diagnoses them from their logs.

    Args:
        store: the versions and candidates of the run.
        sandbox: the sandbox in which candidates run.
        progress: called with the number of episodes that finished since the last call.
        secret: the secret from which the chance of the audits comes.
        shared: an archive whose logs may stand for the plays of a candidate.
    """

    def __init__(
        self, store: CandidateStore, sandbox: Sandbox, progress: Callable[[int], None], secret: AuditSecret,
        shared: SharedArchive | None = None,
    ) -> None:  # fmt: skip
        self._store, self._sandbox, self.progress, self._secret = store, sandbox, progress, secret
        self._config, self._shared = store.run.config, shared
        self._borrowed: set[str] = set()
        """Candidates whose logs may be those of another run."""
        self._scores: dict[str, Scores] = {}
        """On recorded environments, of the candidates that have been evaluated and not yet diagnosed."""

    @cached_property
    def _screener(self) -> Screener | None:
        """Stops poor candidates early; None if the run does without."""
        config, store = self._config, self._store
        if not config.screening:
            return None
        return Screener(
            store.recorded, len(store.episodes), self._scores_of, config.screening_risk, config.seed, config.latency
        )

    def evaluate(self, record: CandidateRecord, present: Sequence[Card]) -> tuple[CandidateRecord, int]:
        """Return the record with its evaluation, and the number of episodes played.

        The action logs are staged beside the record, and the results by question are put into the archive.

        Args:
            record: a candidate without evaluation.
            present: the cards of all versions and candidates that were evaluated before it.

        Raises:
            SandboxError: the sandbox failed.
        """
        steps = self.steps(record, present)
        judge = always if steps is None else steps.judge
        stepped = self.begin(record, steps)
        played = self.read(stepped.stopped(judge) or self.play(stepped, judge))
        return self.finish(record, present, played, self.audit(played, self.share(record, present, played)))

    # The parts of an evaluation. Those that get ``present`` depend on the versions before, and change only caches.

    def steps(self, record: CandidateRecord, present: Sequence[Card]) -> EvaluationSteps | None:
        """Return the steps after which a candidate may be stopped; None if it plays all its episodes at once."""
        screener = self._screener
        return screener.steps(present) if screener and record.generation > 0 else None

    def begin(
        self, record: CandidateRecord, steps: EvaluationSteps | None, played: Logs | None = None
    ) -> SteppedEvaluation:
        """Return the evaluation of a candidate before its first step; it has ended if the source is refused.

        Args:
            record: a candidate without evaluation.
            steps: see `steps`; the judge is not used.
            played: logs of its first episodes, which need not be played again (`SteppedEvaluation`).
        """
        candidate = Candidate(record.id, record.source)
        refused = policy.check(record.source)
        if refused.ok and played is None:
            played = self._borrow(record, steps)
        if self._shared is not None and played is not None:  # logs of an earlier process may have been borrowed then
            self._borrowed.add(record.id)
        stepped = SteppedEvaluation(candidate, self._store.episodes, steps, played if refused.ok else None)
        if not refused.ok:
            stepped.ended = LoggedEvaluation(candidate, refused)
        return stepped

    def _borrow(self, record: CandidateRecord, steps: EvaluationSteps | None) -> Logs | None:
        """Return logs from the shared archive in place of plays, in the order of ``steps``; None without them."""
        if self._shared is None:
            return None
        logs = self._shared.logs(record, self._store.episodes, self._sandbox, self._secret)
        return logs if logs is None or steps is None else logs.take(steps.order)

    def play(
        self, stepped: SteppedEvaluation, judge: Judge, progress: Callable[[int], None] | None = None
    ) -> LoggedEvaluation:
        """Play on, and return the evaluation at its end, or where ``judge`` stops it.

        Raises:
            SandboxError: the sandbox failed.
        """
        return stepped.run(self._sandbox, judge, progress or self.progress)

    def read(self, ran: LoggedEvaluation) -> PlayedCandidate:
        """Return what follows from the logs of a candidate alone."""
        if ran.logs is None or ran.scores is None:
            return PlayedCandidate(ran)
        scores = ran.scores.part(self._store.recorded)
        found = behaviour(scores, self._store.of_recorded(ran.logs))
        return PlayedCandidate(ran, scores, QuestionResults.of(ran.scores), tuple(ran.curve), found)

    def share(self, record: CandidateRecord, present: Sequence[Card], played: PlayedCandidate) -> float:
        """Return the share of the episodes to audit: all of a candidate that may be chosen."""
        if played.results is None:
            return 0.0
        evaluated = record.with_evaluation(self._evaluation(record, present, played))
        return 1.0 if self._may_be_chosen(evaluated, present, played.results) else AUDIT_SHARE

    def audit(
        self, played: PlayedCandidate, share: float, progress: Callable[[int], None] | None = None
    ) -> LoggedEvaluation:
        """Audit ``share`` of the episodes of a candidate; one without scores comes back as it is.

        Raises:
            SandboxError: the sandbox failed.
        """
        done = self._audited(played.ran, share, progress)
        if done.verdict.ok or played.ran.candidate.name not in self._borrowed:
            return done
        # the logs of another run may be false, and the candidate without fault: play it here
        ran = evaluate(played.ran.candidate, self._store.episodes, self._sandbox, progress)
        return self._audited(ran, share, progress)

    def _audited(
        self, ran: LoggedEvaluation, share: float, progress: Callable[[int], None] | None
    ) -> LoggedEvaluation:
        # once; again before a report
        return audited(ran, self._store.episodes, self._sandbox, share, self._secret, progress, passes=1)

    def finish(
        self, record: CandidateRecord, present: Sequence[Card], played: PlayedCandidate, done: LoggedEvaluation
    ) -> tuple[CandidateRecord, int]:
        """Return the record with its evaluation, and the number of episodes played; stage logs and results.

        Args:
            record: a candidate without evaluation.
            present: the cards of all versions and candidates that come before it.
            played: its scores.
            done: the same evaluation after its audit.
        """
        if done.logs is not None and done.logs is not played.ran.logs:
            played = self.read(done)  # it was played again for its audit
        if done.logs is None or played.scores is None or played.results is None:
            return record.with_evaluation(_failed(done.verdict)), done.played
        evaluation = self._evaluation(record, present, played)
        evaluated = record.with_evaluation(evaluation.model_copy(update={"audited": done.audited}))
        self._store.staging.put_logs(record.id, pack_logs(done.logs))
        self._store.archive.put_figures(record.id, played.results)
        self._keep(evaluated, played.scores)
        return evaluated, done.played

    def diagnose(self, record: CandidateRecord) -> CandidateRecord:
        """Return an evaluated record with its diagnosis: the findings, and the outcome of the prediction."""
        findings = self._findings(record)
        parent = self._store.first_parent(record)
        if parent is None:
            return record.with_diagnosis(CandidateDiagnosis(findings=findings))
        card = self._store.card_of(record).model_copy(update={"findings": findings})
        seen = outcome(card.expects, card, parent, self._store.budgets)
        return record.with_diagnosis(CandidateDiagnosis(findings=findings, outcome=seen))

    def _findings(self, record: CandidateRecord) -> tuple[Finding, ...]:
        """Return the findings of a candidate: none if it has no scores, or is a duplicate."""
        packed = self._store.staging.logs(record.id)
        if record.evaluation is None or not record.evaluation.ok or packed is None:
            self._scores.pop(record.id, None)
            return ()
        if record.id not in self._scores:  # the run was killed since the evaluation
            self._keep(record, self._scores_of(record.id))
        found = diagnose(self._scores.pop(record.id), self._store.of_recorded(unpack_logs(packed)))
        return (*self._memorised(record), *found)

    def _memorised(self, record: CandidateRecord) -> tuple[Finding, ...]:
        """Return the findings of a candidate that may know questions by heart: a genome and a baseline cannot."""
        if record.generation == 0 or (record.proposal.author or record.asked) in EVOLUTIONARY:
            return ()
        results = self._store.archive.figures(record.id)
        first = self._reference(record)
        before = self._store.archive.figures(first.id) if first else None
        rests = few_questions(results, before, first.id, self._store.budgets) if first and results and before else None
        return tuple(finding for finding in (stores_data(record.source), rests) if finding is not None)

    def _reference(self, record: CandidateRecord) -> Card | None:
        """Return the version over which a candidate has its lead: its first parent that ran, else the best baseline."""
        parent = self._store.first_parent(record)
        if parent is not None and parent.ok:
            return parent
        ran = [card for card in self._store.cards_before(1) if card.ok]
        return max(ran, key=lambda card: population.quality(card, self._store.budgets), default=None)

    def _keep(self, record: CandidateRecord, scores: Scores) -> None:
        """Keep the scores of an evaluated candidate for its diagnosis, and for the screening of others."""
        self._scores[record.id] = scores
        if self._screener:
            self._screener.remember(self._store.card_of(record), scores)

    def _scores_of(self, version: str) -> Scores:
        """Return the scores of a candidate or version on recorded environments, from memory or else from its logs."""
        scores = self._scores.get(version)
        if scores is not None:
            return scores
        store = self._store
        scores, record = score(store.recorded, store.logs(version)), store.staging.get(version)
        if record is not None and record.diagnosis is None:
            self._scores[version] = scores
        return scores

    def _evaluation(
        self, record: CandidateRecord, present: Sequence[Card], played: PlayedCandidate
    ) -> CandidateEvaluation:
        """Return the evaluation of a candidate with scores: ok, or a duplicate, which earns nothing by its scores."""
        found = played.behaviour
        assert found is not None
        duplicate = self._duplicated(record, present, found)
        if duplicate is None:
            return CandidateEvaluation(verdict="ok", curve=played.curve, behaviour=found)
        message = f"decides as {duplicate.id} does, in every episode"
        return CandidateEvaluation(verdict=DUPLICATE, message=message, curve=played.curve, behaviour=found)

    def _may_be_chosen(self, record: CandidateRecord, present: Sequence[Card], results: QuestionResults) -> bool:
        """Return whether a candidate would be on the front or among the finalists, so that all its episodes are
        audited."""
        if record.evaluation is None or not record.evaluation.ok:
            return False
        archive = self._store.archive
        cards = archive.with_beliefs(
            [*measured(present).plain, self._store.card_of(record)],
            lambda version: results if version == record.id else archive.figures(version),
        )
        best = [*population.front(cards, latency=self._config.latency), *population.ranked(cards)[:FINALISTS]]
        return record.id in {card.id for card in best}

    def _duplicated(self, record: CandidateRecord, present: Sequence[Card], found: Behaviour) -> Card | None:
        """Return the first version that makes the same decisions; None also for a baseline, which is no duplicate."""
        for card in measured(present).plain if record.generation > 0 else ():
            same = card.behaviour is not None and card.behaviour.decisions == found.decisions
            if card.ok and same and card.protocol == self._config.protocol():
                return card
        return None


def always(seen: Ints, scores: Scores) -> Verdict:
    """Let every candidate go on: the judge of an evaluation without steps."""
    return Verdict("ok")


def _failed(verdict: Verdict) -> CandidateEvaluation:
    return CandidateEvaluation(verdict=verdict.kind, message=verdict.message, conviction=verdict.conviction)
