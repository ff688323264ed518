"""The steady-state search: as soon as a slot is free, the explorer is asked with the versions that are known now.

One thread decides; explorers and sandboxes work in the background. Every decision that depends on chance of timing is
an event of the log (`turns.TurnEvent`): when a turn began, what it knew when its audit was decided, when its version
was admitted. All else follows from these events and the seed, so a log that is followed again gives the same archive.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from autotts.envs.errors import InputError

from ...archive.run_report import set_report_aside
from ...llm.budget import LlmBudget
from ...population.program_form import program_form
from ...records.candidate import CandidateDiagnosis, CandidateEvaluation, CandidateRecord
from ...records.events import Event, EventListener, SlotAnswered, TurnAsked, TurnDropped, VersionAdmitted
from ...records.explorer import Explorer, LimitReached
from ..attempts import MOST_DEATHS, Attempts, WorkCancelled, passed_over
from ..candidate_store import CandidateStore
from ..evaluation import CandidateEvaluator
from ..overlap.background import Background
from ..overlap.generation import WORK
from ..overlap.trial import OverlappingTrial, Settled
from .briefs import SteadyBriefBuilder
from .flight import Flight
from .known import AdmittedVersions
from .turns import SteadyTurns, TurnEvent


class SteadyParts(NamedTuple):
    """The parts of a run that a search works with."""

    store: CandidateStore
    explorer: Explorer
    evaluator: CandidateEvaluator
    briefs: SteadyBriefBuilder
    attempts: Attempts
    budget: LlmBudget
    log: EventListener
    """Logs an event, and passes it to the listener of the run."""
    evaluated: Callable[[CandidateRecord, int, float, int], None]
    """Called with the record of a version, its episodes, its seconds of work, and its position."""


class SteadySearch:
    """A search from its first turn, or from the end of a log.

    Args:
        parts: the parts of the run.
        turns: the turns, of which none has begun.
        background: where explorers and candidates work.
        script: events that the search follows before it decides itself.
        logged: the number of these that are in the log of the run already.
    """

    def __init__(
        self, parts: SteadyParts, turns: SteadyTurns, background: Background, script: Sequence[TurnEvent] = (),
        logged: int = 0,
    ) -> None:  # fmt: skip
        self._parts, self._turns, self._background = parts, turns, background
        self._script, self._logged = deque(script), logged
        self._fates = {event.turn: event for event in script if not isinstance(event, TurnAsked)}
        self._known = AdmittedVersions(parts.store, parts.evaluator)
        self._flights: dict[int, Flight] = {}
        self._leaving: set[int] = set()
        """Turns that have ended while a piece of their work still runs."""
        self._forms: set[str] = set()
        self._lock = threading.Lock() if not parts.explorer.one_at_a_time else None
        self._guilty = -1
        self.dropped = 0
        """Turns in a row that ended without a version, because nothing new was proposed."""
        self.stopped = ""
        """The limit that forbids further turns; empty while there is none."""

    @property
    def in_flight(self) -> int:
        """The number of turns in flight."""
        return len(self._flights)

    def admit_until(self, count: int, most_dropped: int) -> None:
        """Search until ``count`` versions are admitted, or until it cannot go on: `stopped`, or `dropped` is
        ``most_dropped``, or more.

        Raises:
            SandboxError: the sandbox failed.
            ExplorerError: the explorer failed.
        """
        try:
            while self._turns.admitted < count and self.dropped < most_dropped:
                if self._script:
                    if self._follow(self._script[0]):
                        self._script.popleft()
                        continue
                elif self._drop_old() or self._admit_one():
                    continue
                else:
                    self._ask()
                if not self._flights:
                    return
                self._start()
                assert any(flight.busy for flight in self._flights.values()), "a turn in flight has no work"
                self._wait()
        except BaseException as error:
            self.close(error)
            raise

    def close(self, error: BaseException | None = None) -> None:
        """End all work, and take back the attempts of turns in flight, except the one at fault for ``error``."""
        for flight in self._flights.values():
            if flight.trial is not None:
                flight.trial.cancel()
        if self._leaving or any(flight.busy for flight in self._flights.values()):
            self._parts.explorer.close()
        self._background.close()
        for turn, flight in self._flights.items():
            why = error if turn == self._guilty and error is not None else WorkCancelled("another turn failed")
            flight.attempt.__exit__(type(why), why, why.__traceback__)
        self._flights.clear()

    # Decisions

    def _drop_old(self) -> bool:
        """Drop the turns that exceed the bound on staleness; return whether there were any."""
        old = self._turns.too_old()
        for turn in old:
            self._drop(turn, "stale")
        return bool(old)

    def _admit_one(self) -> bool:
        """Admit a version that is ready, or drop a turn; return whether there was one."""
        for turn, flight in list(self._flights.items()):
            self._guilty = turn
            if self._is_copy(flight):
                self._drop(turn, "copy")
                return True
            if self._settled(flight, self._turns.admitted):
                return True
        return False

    def _follow(self, event: TurnEvent) -> bool:
        """Do what the next event of the script says; return whether it is done."""
        match event:
            case TurnAsked():
                self._begin(self._turns.ask(), done=self._is_done(self._fates.get(event.turn)))
                return True
            case TurnDropped():
                self._drop(event.turn, event.why)
                return True
            case VersionAdmitted():
                self._guilty = event.turn
                if self._is_done(event):
                    self._admitted(event)
                    return True
                for flight in list(self._flights.values()):  # others may be decided by now, too
                    fate = self._fates.get(flight.turn.turn)
                    if isinstance(fate, VersionAdmitted) and fate != event and fate.decided <= self._turns.admitted:
                        self._decide(flight, fate.decided)
                return self._settled(self._flights[event.turn], event.decided)

    def _is_done(self, fate: TurnEvent | None) -> bool:
        """Return whether the end of a turn is known, and needs no work."""
        store = self._parts.store
        if not isinstance(fate, VersionAdmitted):
            return isinstance(fate, TurnDropped)
        staged = store.staging.get(fate.id)
        return fate.id in store.archive or (staged is not None and staged.diagnosis is not None)

    def _settled(self, flight: Flight, decided: int) -> bool:
        """End a turn if its work is done, decided as after so many versions; return whether it has ended."""
        if flight.busy:  # also after its explorer has answered, until `_wait` has seen the end of that work
            return False
        if flight.answer is not None and flight.trial is None:
            self._check(flight, "nothing")
            self._drop(flight.turn.turn, "nothing")
            return True
        trial = flight.trial
        if trial is None:
            return False
        record = self._of_generation(trial.record)
        if flight.passed_over:
            verdict = passed_over(WORK)
            failed = CandidateEvaluation(verdict=verdict.kind, message=verdict.message)
            self._admit(flight, record.with_evaluation(failed), 0, decided)
            return True
        done = self._decide(flight, decided)
        if done is None:
            return False
        self._check(flight, record.id)
        evaluated, played = self._parts.evaluator.finish(record, self._known.after(self._turns.admitted).cards, *done)
        self._admit(flight, evaluated, played, decided if flight.decided is None else flight.decided)
        return True

    def _decide(self, flight: Flight, decided: int) -> Settled | None:
        """Decide a candidate as after so many versions. Return its audited evaluation if all of its work is done; give
        it its next work otherwise."""
        trial = flight.trial
        if trial is None or flight.busy or trial.work is not None:
            return None  # work comes first
        knowledge = self._known.after(decided if flight.decided is None else flight.decided, trial.record)
        done = trial.settle(knowledge.steps, knowledge.cards, busy=False)
        if done is None and trial.complete and flight.decided is None:
            flight.decided = decided  # the extent of its audit is
        return done

    def _check(self, flight: Flight, found: str) -> None:
        """Check that a turn ends as the script says.

        Raises:
            InputError: the explorer has proposed something else.
        """
        fate = self._fates.get(flight.turn.turn) if self._script else None
        if isinstance(fate, VersionAdmitted) and fate.id != found:
            raise InputError(
                f"turn {fate.turn} has led to {found}, and to {fate.id} in the log that is followed: the explorer or "
                "the settings differ"
            )

    # Turns

    def _ask(self) -> None:
        """Begin as many turns as there are free slots."""
        while self._turns.may_ask and not self.stopped:
            try:
                self._parts.budget.check(1 + self._turns.admitted // self._parts.store.run.config.population)
            except LimitReached as limit:
                self.stopped = str(limit)
                return
            self._begin(self._turns.ask())

    def _begin(self, turn: TurnAsked, done: bool = False) -> None:
        """Begin a turn; with ``done`` its end is known, and it does no work."""
        self._log(turn)
        flight = self._flights[turn.turn] = Flight(turn)
        if done:
            return
        answer = self._parts.store.staging.answer(flight.name)
        if answer is not None:
            self._answered(flight, answer)
            return
        briefs, store, explorer = self._parts.briefs, self._parts.store, self._parts.explorer
        request, config = briefs.request(turn), store.run.config
        known = self._known.after(turn.after).cards
        first = (request["generation"] - 1) * config.population
        before = self._known.cards(first) if config.islands > 1 else []

        def ask() -> None:
            parents, brief = briefs.brief_after(turn, known, before)
            call = explorer.propose if request["step"] == "propose" else explorer.refine
            if self._lock is None:
                answer = call(brief)
            else:  # it has not said that it may be asked in several threads
                with self._lock:
                    answer = call(brief)
            ways = {parent.card.id: parent.way for parent in reversed(parents)}
            island = request["island"] if config.islands > 1 else None
            flight.answer = [
                CandidateRecord.proposed(proposal, request["generation"], explorer.name, flight.name, island, ways)
                for proposal in answer[:1]
            ]

        flight.busy = True
        self._background.start(turn.turn, ask)

    def _answered(self, flight: Flight, answer: Sequence[CandidateRecord]) -> None:
        """Take the answer of the explorer."""
        flight.answer = answer
        for record in answer:
            trial = flight.trial = OverlappingTrial(record, self._parts.evaluator, self._parts.store.staging)
            trial.foresee(self._known.after(self._turns.admitted, record).steps)
            deaths = self._parts.attempts.deaths(record.id, WORK)
            flight.alone, flight.passed_over = deaths >= MOST_DEATHS - 1, deaths >= MOST_DEATHS

    def _is_copy(self, flight: Flight) -> bool:
        """Return whether a candidate is a copy of a version, or of another candidate in flight; look at it once."""
        if flight.trial is None or flight.checked:
            return False
        flight.checked, form = True, program_form(flight.trial.record.source)
        known = self._known_forms()
        copied = form in known
        known.add(form)
        return copied

    def _known_forms(self) -> set[str]:
        """Return the forms of all versions, and of the candidates that were looked at (`program_form`)."""
        store = self._parts.store
        if not self._forms:
            self._forms |= {store.form(card.id) for card in self._known.plain(len(self._known.order))}
        return self._forms

    def _start(self) -> None:
        """Start the work that candidates want to do."""
        working = [flight for flight in self._flights.values() if flight.busy and flight.trial is not None]
        for flight in self._flights.values():
            trial = flight.trial
            if trial is None or flight.busy or trial.work is None or flight.passed_over:
                continue
            if working and (flight.alone or working[0].alone):
                continue  # a death of the process must show whose fault it is
            if not flight.begun:
                flight.attempt.enter_context(self._parts.attempts.of(trial.record.id, WORK))
                flight.begun = True
            work, trial.work = trial.work, None
            flight.busy = True
            working.append(flight)
            self._background.start(flight.turn.turn, work)

    def _wait(self) -> None:
        """Wait for a piece of work, and take notice of its end."""
        ended = self._background.wait()
        self._guilty = ended.key
        if ended.key in self._leaving:
            self._leaving.discard(ended.key)
            return
        flight = self._flights[ended.key]
        flight.busy = False
        if isinstance(ended.error, LimitReached):
            self.stopped = str(ended.error)
            self._drop(ended.key, "limit")
        elif ended.error is not None:
            raise ended.error
        elif flight.trial is None:
            assert flight.answer is not None
            self._parts.store.staging.put_answer(flight.name, flight.answer)
            self._parts.log(SlotAnswered(flight.name, len(flight.answer)))
            self._answered(flight, flight.answer)

    # Ends of turns

    def _of_generation(self, record: CandidateRecord) -> CandidateRecord:
        """Return the record as that of the next version: a generation closes after ``population`` versions."""
        return record.in_generation(1 + self._turns.admitted // self._parts.store.run.config.population)

    def _admit(self, flight: Flight, record: CandidateRecord, played: int, decided: int) -> None:
        """Stage the complete record of the next version, log its admission, and archive it."""
        parts, position = self._parts, self._turns.admitted
        with parts.attempts.of(record.id, "diagnosis") as allowed:
            diagnosis = CandidateDiagnosis()
            done = parts.evaluator.diagnose(record) if allowed else record.with_diagnosis(diagnosis)
            parts.store.staging.put(done)
        trial = flight.trial
        assert trial is not None
        parts.evaluated(record, played, trial.seconds, position)
        self._admitted(VersionAdmitted(flight.turn.turn, record.id, position, decided))

    def _admitted(self, event: VersionAdmitted) -> None:
        """Log an admission, and archive the version, whose record is staged if the archive does not have it."""
        store = self._parts.store
        self._turns.admit(event.turn)
        self._log(event)
        if event.id not in store.archive:
            set_report_aside(store.run)  # of a run that a limit had stopped, or that takes more generations
            record = store.staging.get(event.id)
            assert record is not None
            logs = store.staging.logs(event.id)
            store.archive.add(store.card_of(record), record.source, logs, record.proposal.transcript)
        store.staging.remove(event.id)
        self._known.add(event.id)
        self._leave(event.turn)
        self.dropped = 0
        running = [flight.trial for flight in self._flights.values() if flight.trial and flight.decided is None]
        if running:
            steps = self._known.after(self._turns.admitted, running[0].record).steps
            for trial in running:
                trial.foresee(steps)

    def _drop(self, turn: int, why: str) -> None:
        """End a turn without a version."""
        self._turns.drop(turn)
        self._log(TurnDropped(turn, why))
        self._leave(turn)
        self.dropped += why in ("nothing", "copy") and not self._script

    def _leave(self, turn: int) -> None:
        """Forget a turn that has ended."""
        flight = self._flights.pop(turn)
        if flight.trial is not None:
            flight.trial.cancel()
            flight.trial.forget()
        if flight.busy:
            self._leaving.add(turn)
        with suppress(FileNotFoundError):
            self._parts.store.staging.remove(flight.name)
        flight.attempt.close()

    def _log(self, event: Event) -> None:
        """Log an event of a turn, unless the log has it: the first events of the script may be in the log."""
        if self._logged:
            self._logged -= 1
        else:
            self._parts.log(event)
