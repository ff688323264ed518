"""The nodes of the discovery graph.

Every node may run again after a crash, so every node is idempotent: it writes its results to the run directory, under
ids that follow from the work itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from langgraph.types import interrupt

from autotts.envs.plain_text import neutral
from autotts.envs.seals import write_sealed
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import interpreter_of

from .. import population
from ..archive.baselines import baseline_source, baselines_for
from ..archive.best import choose, label
from ..archive.run_directory import Run
from ..archive.run_report import ON_FRESH_ORDERS, ON_HELD_OUT, TEXT, RunReport, set_report_aside
from ..llm.budget import LlmBudget
from ..population.measured import measured
from ..population.program_form import program_form
from ..records.candidate import CandidateDiagnosis, CandidateEvaluation, CandidateRecord
from ..records.card import Card
from ..records.events import (
    CandidateEvaluated,
    EpisodesRun,
    Event,
    EventListener,
    FinalistsEvaluated,
    GenerationArchived,
    GenerationStarted,
    MigrantsChosen,
    RunFinished,
    RunStopped,
    SlotAnswered,
    VersionRejected,
    ignore,
)
from ..records.explorer import Explorer, LimitReached, Proposal
from ..records.migration import BASELINE
from .attempts import Attempts, passed_over
from .briefs import BriefBuilder
from .candidate_store import CandidateStore
from .evaluation import CandidateEvaluator
from .final_evaluation import evaluate_finalists
from .overlap.generation import WORK, OverlappingEvaluation
from .reported_audits import audit_reported
from .shared_archive import SharedArchive, open_shared
from .state import DiscoveryState, SlotRequest

_LOG = logging.getLogger(__name__)

MOST_BARREN = 3
"""Generations in a row without a new proposal after which a run gives up."""
DISAPPROVED = "rejected: not approved"
"""The verdict on a candidate that the user did not approve."""

Renderer = Callable[[Run, RunReport, Sequence[Card]], str]
"""Renders ``report.md`` from a run, its final evaluation, and the cards of all its versions with beliefs."""


class ExplorerFailed(Exception):
    """The explorer has proposed nothing new for several generations. The run can be resumed with another explorer."""


class Discovery:
    """The nodes of the graph, as methods, and the parts that they share.

    Args:
        run: the run directory.
        explorer: proposes the candidates.
        sandbox: where candidates run.
        report: gets every event, after the event is in the event log.
        approve: whether the user must approve candidates before they run.
        budget: the spending so far, and its limits.
        render: renders ``report.md`` (`agent.reports.run_report.page.page`); None writes no such file.
        candidates_at_once: candidates that are evaluated at the same time; no result depends on it. None asks the
            sandbox (its attribute ``candidates_at_once``), and is 1 if it has none.
    """

    last_node = "archive"
    """The node after which a run goes on that a limit had stopped."""

    def __init__(
        self,
        run: Run,
        explorer: Explorer,
        sandbox: Sandbox,
        report: EventListener = ignore,
        approve: bool = False,
        budget: LlmBudget | None = None,
        render: Renderer | None = None,
        candidates_at_once: int | None = None,
    ) -> None:
        self.run, self.explorer, self.sandbox, self.approving = run, explorer, sandbox, approve
        self.budget = budget or LlmBudget()
        self.archive = run.archive
        self.store = CandidateStore(run, sandbox.name, interpreter_of(sandbox))
        self.staging, self._attempts = self.store.staging, Attempts(run.staged)
        self._report, self._render = report, render
        own: int = getattr(sandbox, "candidates_at_once", 1)
        self._at_once = own if candidates_at_once is None else candidates_at_once
        self._secret = AuditSecret()  # in memory only: a resumed run draws another one
        self._briefs = BriefBuilder(self.store, explorer, sandbox)
        self._shared = open_shared(run.config)
        self._evaluator = CandidateEvaluator(self.store, sandbox, self._ticked, self._secret, self._shared)

    # Nodes

    def begin_step(self, state: DiscoveryState) -> dict[str, Any]:
        """Begin a generation, or its second step: the first proposes widely, the second refines the best."""
        match state["step"]:
            case "":
                return self._begin_generation(state["generation"])
            case "propose" if self.run.config.population > 1 and not state["stopped"]:
                return {"step": "refine"}
        return {"step": "done"}

    def _begin_generation(self, generation: int) -> dict[str, Any]:
        self.emit(GenerationStarted(generation, self.run.config.generations))
        if generation == 0:  # the baselines: no explorer is asked
            drafts = [
                CandidateRecord.proposed(Proposal(baseline_source(name), "hand-written baseline"), 0, BASELINE, name)
                for name in baselines_for(self.store.environments)
            ]
            drafts += [controller.candidate() for controller in self.run.given()]
            return {"step": "refine", "pending": self.store.stage(drafts)}
        try:
            self.budget.check(generation)
        except LimitReached as limit:
            return {"step": "done", "stopped": str(limit)}
        if self._shared is not None:
            self._choose_migrants(self._shared, generation)
        return {"step": "propose", "stopped": ""}

    def _choose_migrants(self, shared: SharedArchive, generation: int) -> None:
        """Choose the versions of other runs that a generation takes, and log them before anything depends on them."""
        earlier = self.run.events_of(MigrantsChosen)
        if any(event.generation == generation for event in earlier):
            return  # the run was killed since
        known = {card.source_sha256 for card in self.store.cards_before(generation)}
        chosen = shared.choose(known, {version for event in earlier for version in event.versions})
        self.emit(MigrantsChosen(generation, chosen.versions, chosen.seen))

    def _migrants(self, state: DiscoveryState) -> list[CandidateRecord]:
        """Return the versions of other runs that the generation has taken, as its candidates."""
        if self._shared is None or state["step"] != "propose":
            return []
        generation, logged = state["generation"], self.run.events_of(MigrantsChosen)
        names = next((event.versions for event in logged if event.generation == generation), ())
        return [self._shared.candidate(name, generation, turn) for turn, name in enumerate(names)]

    def requests(self, state: DiscoveryState) -> list[SlotRequest]:
        """Return the requests of this step: one call of the explorer each."""
        return self._briefs.requests(state)

    def ask(self, state: SlotRequest) -> dict[str, Any]:
        """Ask the explorer for the proposals of one slot, unless its answer is on disk. Slots run in parallel."""
        place = _slot_name(state)
        if self.staging.answer(place) is not None:
            return {}
        parents, brief = self._briefs.brief(state)
        try:
            answer = self.explorer.propose(brief) if state["step"] == "propose" else self.explorer.refine(brief)
        except LimitReached as limit:
            return {"stopped": str(limit)} if limit.scope == "run" else {}
        ways = {parent.card.id: parent.way for parent in reversed(parents)}
        island = state["island"] if self.run.config.islands > 1 else None
        drafts = [
            CandidateRecord.proposed(proposal, state["generation"], self.explorer.name, island=island, parent_ways=ways)
            for proposal in answer[: state["count"]]
        ]
        self.staging.put_answer(place, drafts)
        self.emit(SlotAnswered(place, len(drafts)))
        return {}

    def collect(self, state: DiscoveryState) -> dict[str, Any]:
        """Stage the proposals of this step, without copies of earlier programs."""
        earlier = [card.id for card in self.store.cards_before(state["generation"])] + state["pending"]
        seen = {self.store.form(version) for version in earlier}  # renamed variables do not make a new program
        new = []
        answers = [self.staging.answer(_slot_name(request)) or [] for request in self.requests(state)]
        for record in chain(*answers, self._migrants(state)):
            key = program_form(record.source)
            if key not in seen:
                seen.add(key)
                new.append(record)
        return {"pending": [*state["pending"], *self.store.stage(new)]}

    def approve(self, state: DiscoveryState) -> dict[str, Any]:
        """Interrupt the graph until the user has approved the new candidates, if the run wants approval."""
        waiting = [c for c in map(self.staging.get, state["pending"]) if c is not None and c.evaluation is None]
        if not self.approving or not waiting or state["generation"] == 0:
            return {}
        shown = [{"id": c.id, "rationale": c.proposal.rationale, "source": c.source} for c in waiting]
        approved = _approved(shown)
        for candidate in waiting:
            if candidate.id not in approved:
                self.staging.put(candidate.with_evaluation(CandidateEvaluation(verdict=DISAPPROVED)))
        return {}

    def evaluate(self, state: DiscoveryState) -> dict[str, Any]:
        """Evaluate every candidate that has no verdict yet, each in its own sandbox process."""
        waiting = [
            record for candidate in state["pending"]
            if candidate not in self.archive
            and (record := self.staging.get(candidate)) is not None and record.evaluation is None
        ]  # fmt: skip
        if self._at_once > 1 and len(waiting) > 1:
            overlapping = OverlappingEvaluation(self.store, self._evaluator, self._attempts, self._at_once)
            overlapping.run(
                waiting, lambda candidate: self._present(state, candidate),
                lambda record, played, seconds: self._evaluated_one(record, played, seconds, state["pending"]),
            )  # fmt: skip
            return {}
        for candidate in waiting:
            began = time.perf_counter()
            evaluated, played = self._evaluated(candidate, state)
            self._evaluated_one(evaluated, played, time.perf_counter() - began, state["pending"])
        return {}

    def diagnose(self, state: DiscoveryState) -> dict[str, Any]:
        """Derive the findings of each candidate from its action logs."""
        for candidate in state["pending"]:
            self._diagnosed(candidate)
        return {}

    def archive_generation(self, state: DiscoveryState) -> dict[str, Any]:
        """Move the candidates of the generation to the archive, and begin the next generation."""
        if state["pending"]:
            set_report_aside(self.run)  # of a run that a limit had stopped, or that takes more generations
        for candidate in state["pending"]:
            done = self._diagnosed(candidate)
            if done is not None:
                logs = self.staging.logs(candidate)
                self.archive.add(self.store.card_of(done), done.source, logs, done.proposal.transcript)
        self.archive.reindex()
        if self._shared is not None:
            for version in state["pending"]:
                if version in self.archive:
                    self._shared.add(self.archive.card(version), self.archive)
        self.staging.clear()
        barren = 0 if state["pending"] or state["stopped"] else state["barren"] + 1
        cards = self.store.cards_before(state["generation"] + 1)
        self.emit(self._archived(state, cards))
        if barren >= MOST_BARREN:
            self.emit(RunStopped("nothing new was proposed"))
            raise ExplorerFailed(f"{self.explorer.name} proposed nothing new for {barren} generations")
        whole = 1 if state["pending"] or not state["stopped"] else 0  # 0 if a limit came before any proposal
        return {"generation": state["generation"] + whole, "step": "", "pending": [], "barren": barren}

    def final_evaluation(self, state: DiscoveryState) -> dict[str, Any]:
        """Compare the best versions with the baselines (`final_evaluation`), and write the report."""
        where = ON_HELD_OUT if self.run.config.held_out else ON_FRESH_ORDERS
        audit_reported(
            self.store, self.sandbox, self._secret, self._ticked,
            lambda version, found: self.emit(VersionRejected(version, found.kind, found.message)),
        )  # fmt: skip
        report = evaluate_finalists(
            self.run, self.store.recorded.environments, self.sandbox, self._secret, self._ticked,
            lambda done, of: self.tell(FinalistsEvaluated(done, of, where)),
        )  # fmt: skip
        if self._render is not None:
            text = self._render(self.run, report, self.archive.cards_with_beliefs())
            write_sealed(self.run.home / TEXT, neutral(text).encode())
        self.emit(RunFinished(report.best, len(self.archive.ids()), state["stopped"]))
        return {}

    # Helpers

    def _evaluated_one(self, record: CandidateRecord, played: int, seconds: float, among: Sequence[str]) -> None:
        """Emit the event of a candidate that has its verdict, among the ids of its generation so far."""
        self._evaluated_at(record, played, seconds, among.index(record.id) + 1, len(among))

    def _evaluated_at(self, record: CandidateRecord, played: int, seconds: float, position: int, of: int) -> None:
        assert record.evaluation is not None
        self.emit(
            CandidateEvaluated(
                id=record.id, position=position, of=of, verdict=record.evaluation.verdict,
                message=record.evaluation.message, seconds=round(seconds, 3), episodes=played,
                saved=len(self.store.episodes) - played if played else 0,
            )
        )  # fmt: skip

    def _evaluated(self, waiting: CandidateRecord, state: DiscoveryState) -> tuple[CandidateRecord, int]:
        """Evaluate a candidate, unless the run has died of it too often, and stage its record."""
        with self._attempts.of(waiting.id, WORK) as allowed:
            if allowed or waiting.asked == BASELINE:
                evaluated, played = self._evaluator.evaluate(waiting, self._present(state, waiting.id))
            else:
                verdict = passed_over(WORK)
                failed = CandidateEvaluation(verdict=verdict.kind, message=verdict.message)
                evaluated, played = waiting.with_evaluation(failed), 0
            self.staging.put(evaluated)
        return evaluated, played

    def _archived(self, state: DiscoveryState, cards: Sequence[Card]) -> GenerationArchived:
        """Return the event of a generation whose candidates are in the archive."""
        at, able = population.budgets(cards), [card for card in cards if card.ok]
        quality = dict(zip((card.id for card in able), population.qualities(able, at).tolist(), strict=True))
        best = choose(population.ranked(cards), at, quality)
        highest = max(quality, key=quality.__getitem__, default=None)
        names = self.run.given_names()
        given = max((name for name in names if name in quality), key=quality.__getitem__, default="")
        start = [card.id for card in able if card.generation == 0 and card.id not in names]
        return GenerationArchived(
            generation=state["generation"], versions=len(cards), new=len(state["pending"]),
            best=best.id if best else None, quality=quality[best.id] if best else None,
            baselines=max((quality[name] for name in start), default=0.0),
            highest=quality[highest] if highest else 0.0, highest_of=highest,
            given=label(given, names.get(given, "")), given_quality=quality.get(given),
        )  # fmt: skip

    def emit(self, event: Event) -> None:
        """Log an event, and pass it to the listener."""
        _LOG.debug("event %s", event.kind)
        self.run.log(event)
        self.tell(event)

    def tell(self, event: Event) -> None:
        """Pass an event to the listener without logging it."""
        self._report(event)

    def _ticked(self, episodes: int) -> None:
        self.tell(EpisodesRun(episodes))

    def _diagnosed(self, candidate: str) -> CandidateRecord | None:
        """Return the diagnosed record of a candidate, which may be archived already; None if it has no record."""
        record = self.staging.get(candidate)
        if record is None or record.evaluation is None or record.diagnosis is not None:
            return record
        with self._attempts.of(candidate, "diagnosis") as allowed:
            diagnosed = self._evaluator.diagnose(record) if allowed else record.with_diagnosis(CandidateDiagnosis())
            self.staging.put(diagnosed)
        return diagnosed

    def _present(self, state: DiscoveryState, candidate: str) -> Sequence[Card]:
        """Return the cards of all versions that were evaluated before ``candidate``."""
        pending = state["pending"][: state["pending"].index(candidate)]
        before = self.store.cards_before(state["generation"])
        if not pending:
            return before
        return self.archive.with_beliefs([*measured(before).plain, *map(self.store.card, pending)])


def _slot_name(request: SlotRequest) -> str:
    return f"g{request['generation']:03d}-{request['step']}-{request['slot']}"


def _approved(shown: Sequence[dict[str, str]]) -> set[str]:
    """Return the ids of the candidates that the user approves; ask again until the answer is a list of their ids."""
    ids = [candidate["id"] for candidate in shown]
    answer = interrupt({"candidates": shown})
    while not isinstance(answer, list) or any(chosen not in ids for chosen in answer):
        wrong = f"{str(answer)[:200]!r} is not a list of ids; answer with those that may run, or with [] for none"
        answer = interrupt({"candidates": shown, "error": wrong})
    return set(answer)
