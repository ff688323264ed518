"""The nodes of the steady-state graph. The event log, not the checkpoint, says what has been done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import read_sealed, write_sealed
from autotts.sandbox.base import Sandbox

from ...archive.run_directory import Run
from ...llm.budget import LlmBudget
from ...records.candidate import CandidateRecord
from ...records.events import EventListener, GenerationStarted, RunStopped, VersionAdmitted, ignore
from ...records.explorer import Explorer
from ..nodes import MOST_BARREN, Discovery, ExplorerFailed, Renderer
from ..overlap.background import Background, ThreadBackground
from ..state import DiscoveryState, initial_state
from .briefs import SteadyBriefBuilder
from .log import read_turns, written_turns
from .search import SteadyParts, SteadySearch
from .turns import SteadyTurns, TurnEvent, check_turns, turn_events

SLOTS = 4
"""Default number of turns in flight, unless the sandbox has more room."""
FOLLOWED = "followed-events.jsonl"
"""The file of a run directory with the events of another run that this one follows."""


class SteadyDiscovery(Discovery):
    """The nodes of the steady-state graph, as methods.

    Args:
        run: the run directory, with a bound on staleness.
        explorer: proposes the candidates.
        sandbox: where candidates run.
        report: gets every event, after the event is in the event log.
        approve: must be False: nobody waits for anybody here.
        budget: the spending so far, and its limits.
        render: see `Discovery`.
        candidates_at_once: turns that may be in flight at the same time. None asks the sandbox.
        follow: turns of another run, whose order this run follows as far as they go.
        background: where explorers and candidates work.

    Raises:
        InputError: an option does not go with a steady state, or the run has followed other turns until now.
    """

    last_node = "search"

    def __init__(
        self, run: Run, explorer: Explorer, sandbox: Sandbox, report: EventListener = ignore, approve: bool = False,
        budget: LlmBudget | None = None, render: Renderer | None = None, candidates_at_once: int | None = None,
        follow: Sequence[TurnEvent] = (), background: Background | None = None,
    ) -> None:  # fmt: skip
        super().__init__(run, explorer, sandbox, report, approve, budget, render, candidates_at_once)
        refuse_barriers(run, approve)
        self._slots = self._at_once if candidates_at_once is not None else max(SLOTS, self._at_once)
        self._script, self._logged = self._events(follow)
        self._background = background or ThreadBackground()
        self._search: SteadySearch | None = None

    def baselines(self, state: DiscoveryState) -> dict[str, Any]:
        """Evaluate and archive generation 0: the baselines, and the controllers that the user gave."""
        begun: DiscoveryState = {**initial_state(), **self._begin_generation(0)}  # type: ignore[typeddict-item]
        self.evaluate(begun)
        self.diagnose(begun)
        return self.archive_generation(begun)

    def search(self, state: DiscoveryState) -> dict[str, Any]:
        """Search until the generation is full. Turns that are in flight then go on."""
        generation, config = state["generation"], self.run.config
        self.emit(GenerationStarted(generation, config.generations))
        search = self._search = self._search or self._begun()
        most = MOST_BARREN * config.population
        search.admit_until(generation * config.population, most)
        self.archive.reindex()
        cards = self.store.cards_before(generation + 1)
        new = [card.id for card in cards if card.generation == generation]
        self.emit(self._archived({**state, "pending": new}, cards))
        if search.dropped >= most:
            self._end()
            self.emit(RunStopped("nothing new was proposed"))
            raise ExplorerFailed(f"{self.explorer.name} proposed nothing new in {search.dropped} turns")
        stopped = "" if search.in_flight else search.stopped  # turns in flight still end in good order
        if stopped or generation == config.generations:
            self._end()
        full = 0 if stopped and len(new) < config.population else 1
        return {"generation": generation + full, "stopped": stopped, "step": "", "pending": [], "barren": 0}

    def _begun(self) -> SteadySearch:
        """Return the search, before its first turn."""
        config = self.run.config
        assert config.staleness is not None
        parts = SteadyParts(
            self.store, self.explorer, self._evaluator, SteadyBriefBuilder(self.store, self.explorer, self.sandbox),
            self._attempts, self.budget, self.emit, self._admitted_one,
        )  # fmt: skip
        turns = SteadyTurns(self._slots, config.staleness, config.generations * config.population)
        return SteadySearch(parts, turns, self._background, self._script, self._logged)

    def _end(self) -> None:
        """End the search; nothing is in flight."""
        assert self._search is not None
        self._search.close()
        self.staging.clear()
        self._script, self._logged, self._search = self._events(())[0], 0, None

    def _admitted_one(self, record: CandidateRecord, played: int, seconds: float, position: int) -> None:
        place, each = position % self.run.config.population, self.run.config.population
        self._evaluated_at(record, played, seconds, place + 1, each)

    def _events(self, follow: Sequence[TurnEvent]) -> tuple[list[TurnEvent], int]:
        """Return the turns to follow, and how many of them this run has logged.

        Raises:
            InputError: the run has gone another way than the turns that it shall follow.
            DamagedFile: the log lacks an event.
        """
        run = self.run
        assert run.config.staleness is not None
        own, path = turn_events(line.event for line in run.events()), run.home / FOLLOWED
        check_turns(own, run.config.staleness, f"{run.home}: event log")
        admitted = sum(1 for card in run.archive.cards() if card.generation > 0)
        if admitted > sum(isinstance(event, VersionAdmitted) for event in own):
            raise DamagedFile(f"{run.home}: the event log lacks versions of the archive, so their order is lost")
        if follow and not path.exists():
            check_turns(follow, run.config.staleness, "the events to follow")
            write_sealed(path, written_turns(follow))
        script = read_turns(read_sealed(path), str(path)) if path.exists() else []
        if script[: len(own)] != own[: len(script)]:
            raise InputError(f"{run.home} has gone another way than the events that it shall follow")
        return (script if len(script) > len(own) else own), len(own)


def refuse_barriers(run: Run, approve: bool) -> None:
    """Refuse settings that make one turn wait for others.

    Raises:
        InputError: there is one.
    """
    if approve:
        raise InputError("a steady-state search waits for nobody, so it cannot ask before a candidate runs (--approve)")
    each = run.limits().generation
    if any(limit is not None for limit in each.model_dump().values()):
        raise InputError("a steady-state search has no barrier between generations: limit the run, not each generation")
