"""Sends a run's metrics to a tracker, in a separate thread: the run neither waits for it nor fails with it."""

from __future__ import annotations

import json
import queue
import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import read_sealed, write_sealed
from autotts.sandbox.base import log_message

from ... import population
from ...archive.best import choose
from ...archive.run_directory import Run, RunConfig
from ...archive.run_report import JSON, TEXT
from ...archive.storage.paths import on_this_machine
from ...archive.storage.stored_path import AnyPath
from ...llm.budget import LlmBudget, Spending
from ...records.card import FrozenModel
from ...records.events import Event, GenerationArchived, GenerationStarted, RunFinished, TrackerFailed
from .base import NONE, Tracker, tracker

KEPT = "tracker.json"
_PATIENCE = 60.0
"""Seconds that the end of a run waits for the tracker's remaining messages."""


class TrackingState(FrozenModel):
    """The state of a run's tracker between processes, stored as `KEPT` in the run directory."""

    tracker: str
    id: str
    generation: int = -1
    """The last generation that was sent."""

    @classmethod
    def of(cls, home: AnyPath) -> TrackingState | None:
        """Return the state stored in ``home``; None if there is none or it is damaged."""
        try:
            return cls.model_validate_json(read_sealed(home / KEPT))
        except (FileNotFoundError, ValidationError, DamagedFile):
            return None


class TrackerThread:
    """Sends a run's metrics to a tracker, in a thread.

    Args:
        run: the run.
        name: the tracker's name, as for `tracker`.
        tracker: the tracker.
        budget: the run's LLM budget.
        patience: seconds that `close` waits.
    """

    def __init__(self, run: Run, name: str, tracker: Tracker, budget: LlmBudget, patience: float = _PATIENCE) -> None:
        self._run, self._name, self._tracker, self._budget, self._patience = run, name, tracker, budget, patience
        before = TrackingState.of(run.home)
        self._kept = before if before is not None and before.tracker == name else None
        self._next = self._kept.generation + 1 if self._kept else 0
        self._failed = False
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="tracker", daemon=True)
        self._work.put(self._start)
        self._thread.start()

    def report(self, event: Event) -> None:
        """Handle an event of the run: the end of a generation is sent."""
        if isinstance(event, GenerationArchived):
            self._queue_metrics(event.generation)

    def close(self) -> None:
        """Send what was not sent yet, and end the record; returns after at most ``patience`` seconds."""
        events = [line.event for line in self._run.events()]
        archived = [event.generation for event in events if isinstance(event, GenerationArchived)]
        if archived and max(archived) >= self._next:
            self._queue_metrics(max(archived))
        steps = [e for e in events if isinstance(e, GenerationStarted | GenerationArchived | RunFinished)]
        finished = bool(steps) and isinstance(steps[-1], RunFinished)
        self._work.put(lambda: self._end(finished))
        self._work.put(None)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            self._fail(TimeoutError(f"the tracker has not answered for {self._patience:g} seconds"))

    def _queue_metrics(self, generation: int) -> None:
        """Queue the metrics of a generation, and of earlier generations that were not sent."""
        if self._failed:
            return
        try:
            for each in range(min(self._next, generation), generation + 1):
                values = metrics(self._run, self._budget, each)
                self._work.put(lambda each=each, values=values: self._log(each, values))  # type: ignore[misc]
        except Exception as error:
            self._fail(error)
        self._next = generation + 1

    # Called in the thread

    def _send(self) -> None:
        while (job := self._work.get()) is not None:
            if self._failed:
                continue
            try:
                job()
            except (Exception, SystemExit) as error:
                self._fail(error)

    def _start(self) -> None:
        id = self._tracker.start(
            self._run.home.resolve().name, params(self._run.config), self._kept.id if self._kept else None
        )
        self._keep(TrackingState(tracker=self._name, id=id, generation=self._kept.generation if self._kept else -1))

    def _log(self, generation: int, values: dict[str, float]) -> None:
        assert self._kept is not None
        self._tracker.log(generation, values)
        self._keep(self._kept.model_copy(update={"generation": generation}))

    def _end(self, finished: bool) -> None:
        with ExitStack() as stack:
            reports = [self._run.home / name for name in (TEXT, JSON)] if finished else []
            found = [stack.enter_context(on_this_machine(path)) for path in reports if path.is_file()]
            self._tracker.end(finished, found)

    def _keep(self, kept: TrackingState) -> None:
        self._kept = kept
        write_sealed(self._run.home / KEPT, kept.model_dump_json().encode())

    def _fail(self, error: BaseException) -> None:
        if self._failed:
            return
        self._failed = True
        self._run.log(TrackerFailed(self._name, type(error).__name__))
        why = _SECRET.sub("//", " ".join(str(error).split()))[:300]
        log_message(f"tracker {self._name}: {type(error).__name__}: {why}; the run goes on without it")


_SECRET = re.compile(r"//[^/\s@]*@")
"""User name and password in a URL."""


def params(config: RunConfig) -> dict[str, str]:
    """Return the settings of a run for a tracker; a command line is left out, because it may contain a key."""
    values = config.model_dump(mode="json")
    if not re.fullmatch(r"[\w.-]*", config.command):
        values["command"] = "a command line"
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def follow(run: Run, budget: LlmBudget, name: str | None, notice: Callable[[str], None]) -> TrackerThread | None:
    """Return a thread that reports the run to a tracker: to the named one, else to the earlier tracker of the run.

    Args:
        run: the run.
        budget: of the run.
        name: of the tracker, as `tracker` knows it; `NONE` for no tracker, and None for that of earlier processes.
        notice: told that the earlier tracker cannot be used: nobody has asked for it now, so the run goes on.

    Raises:
        InputError: there is no tracker of this name, or its package is missing.
    """
    state = TrackingState.of(run.home)
    if name is None and state is not None:
        try:
            return TrackerThread(run, state.tracker, tracker(state.tracker), budget)
        except InputError as error:
            notice(f"{error}; the run goes on without it")
    return TrackerThread(run, name, tracker(name), budget) if name and name != NONE else None


def metrics(run: Run, budget: LlmBudget, generation: int) -> dict[str, float]:
    """Return the metrics of a run after a generation, over all versions and all spending until then."""
    cards = run.archive.cards_with_beliefs(generation)
    at = population.budgets(cards)
    spent = sum((budget.spent(each) for each in range(generation + 1)), Spending())
    values = {
        "versions": len(cards), "hypervolume": population.hypervolume(cards, run.config.latency),
        "dollars": spent.dollars, "tokens": spent.usage.prompt + spent.usage.output, "calls": spent.calls,
    }  # fmt: skip
    best = choose(population.ranked(cards), at)
    for name, card in (("best", best), ("best_baseline", population.best_baseline(cards, at))):
        if card is not None:
            values[f"{name}_quality"] = population.quality(card, at)
    counts = Counter(re.sub(r"\W+", "_", card.verdict) for card in cards)
    return {name: float(x) for name, x in values.items()} | {f"verdict.{name}": float(n) for name, n in counts.items()}
