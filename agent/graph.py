"""The discovery loop as a LangGraph state machine: propose -> execute -> diagnose -> refine -> archive.

Every node may run again after a crash, so every node is idempotent: what it has done lies in the run directory under
ids that follow from the work itself. `refine` sends its candidates back to `execute` once in each generation.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from envs.episodes import Episodes
from envs.errors import Damaged
from envs.scoring import score
from envs.store import Environment
from sandbox.base import Candidate, Sandbox
from sandbox.evaluation import Evaluation
from sandbox.trial import trial

from . import population
from .archive import pack_logs, sha256, unpack_logs
from .cards import Card
from .diagnose import diagnose
from .explorers.base import Brief, Explorer, Proposal, Version
from .report import FINALISTS, write_report
from .run import Run
from .seeds import seed_names, seed_source
from .staging import Draft, Staging, draft
from .state import State

MOST_BARREN = 3
"""Generations in a row without a new proposal after which a run gives up."""

Report = Callable[[str, dict[str, Any]], None]
"""Told of every event as it happens: its name, and its fields."""


class ExplorerFailed(Exception):
    """The explorer has nothing new to propose: the run stops, and can be resumed with another one."""


class Discovery:
    """The nodes of the graph, and what they work with.

    Args:
        run: where everything is kept.
        explorer: who proposes.
        sandbox: where candidates run.
        report: told of every event, after it is in the event log.
    """

    def __init__(self, run: Run, explorer: Explorer, sandbox: Sandbox, report: Report = lambda event, fields: None):
        self.run, self.explorer, self.sandbox = run, explorer, sandbox
        self.archive = run.archive
        self.staging = Staging(run.staged)
        self._report = report

    @cached_property
    def environments(self) -> list[Environment]:
        """The search environments."""
        return self.run.environments()

    @cached_property
    def episodes(self) -> Episodes:
        """The batch on which every candidate is tried."""
        return self.run.episodes(self.environments)

    # Nodes

    def propose(self, state: State) -> dict[str, Any]:
        """Ask the explorer for the first half of a generation; generation 0 is that of the seeds."""
        generation = state["generation"]
        self.emit("generation", generation=generation, of=self.run.config.generations)
        if generation == 0:
            drafts = [
                draft(Proposal(seed_source(name), "hand-written baseline"), 0, "seed", name) for name in seed_names()
            ]
            return {"pending": self._stage(drafts), "refined": True}
        count = self.run.config.population - self.run.config.population // 2
        cards = self._before(generation)
        parents = population.parents(cards, count, self._seed(generation, "parents"))
        proposals = self.explorer.propose(self._brief(generation, "propose", count, parents))
        pending = self._stage(self._new(proposals[:count], generation, []))
        return {"pending": pending, "refined": False}

    def execute(self, state: State) -> dict[str, Any]:
        """Try every candidate that has not been tried, each in a sandbox of its own."""
        for position, candidate in enumerate(state["pending"]):
            waiting = self.staging.get(candidate)
            if candidate in self.archive or waiting is None or waiting.verdict is not None:
                continue
            began = time.perf_counter()
            result = trial(
                Candidate(candidate, waiting.source), self.episodes, self.sandbox,
                elite=partial(self._is_elite, waiting, state), seed=self.run.config.seed, progress=self._ticked,
            )  # fmt: skip
            fields: dict[str, Any] = {"verdict": result.verdict.kind, "message": result.verdict.message}
            if result.logs is not None and result.scores is not None:
                self.staging.put_logs(candidate, pack_logs(result.logs))
                fields["curve"] = tuple(result.curve)
            self.staging.put(waiting.model_copy(update=fields))
            seconds = time.perf_counter() - began
            self.emit(
                "candidate", id=candidate, position=position + 1, of=len(state["pending"]),
                verdict=result.verdict.kind, message=result.verdict.message, seconds=round(seconds, 3),
                episodes=len(self.episodes) if result.verdict.ok else 0,
            )  # fmt: skip
        return {}

    def diagnose(self, state: State) -> dict[str, Any]:
        """Find out what each candidate did wrong, from its action logs."""
        for candidate in state["pending"]:
            tried = self.staging.get(candidate)
            if candidate in self.archive or tried is None or tried.findings is not None:
                continue
            findings: tuple[Any, ...] = ()
            packed = self.staging.logs(candidate)
            if tried.verdict == "ok" and packed is not None:
                logs = unpack_logs(packed)
                findings = tuple(diagnose(score(self.episodes, logs), logs))
            self.staging.put(tried.model_copy(update={"findings": findings}))
        return {}

    def refine(self, state: State) -> dict[str, Any]:
        """Ask the explorer for directed variants of the best, now that their faults are known."""
        if state["refined"]:
            return {}
        generation, count = state["generation"], self.run.config.population // 2
        cards = [*self._before(generation), *map(self._card, state["pending"])]
        best = [card for card in population.ranked(cards) if card.data][: max(1, count)]
        proposals = self.explorer.refine(self._brief(generation, "refine", count, best, cards)) if count else []
        more = self._stage(self._new(proposals[:count], generation, state["pending"]))
        return {"pending": [*state["pending"], *more], "refined": True}

    def file(self, state: State) -> dict[str, Any]:
        """Archive the generation, and go on to the next."""
        for candidate in state["pending"]:
            done = self.staging.get(candidate)
            if done is not None:
                card = done.card(self.run.config.protocol(), self.sandbox.name)
                self.archive.add(card, done.source, self.staging.logs(candidate))
        self.archive.reindex()
        self.staging.clear()
        barren = 0 if state["pending"] else state["barren"] + 1
        cards = self._before(state["generation"] + 1)
        at = population.budgets(cards)
        best = population.ranked(cards)[:1]
        self.emit(
            "archived", generation=state["generation"], versions=len(cards), new=len(state["pending"]),
            best=best[0].id if best else None, quality=round(population.quality(best[0], at), 3) if best else None,
            seeds=round(max((population.quality(c, at) for c in cards if c.generation == 0 and c.ok), default=0), 3),
        )  # fmt: skip
        if barren >= MOST_BARREN:
            self.emit("stopped", why="nothing new was proposed")
            raise ExplorerFailed(f"{self.explorer.name} proposed nothing new for {barren} generations")
        return {"generation": state["generation"] + 1, "pending": [], "refined": False, "barren": barren}

    def choose(self, state: State) -> dict[str, Any]:
        """Compare the best with the seeds on fresh branch orders, and write the report."""
        best = write_report(self.run, self.environments, self.sandbox, self._ticked)
        self.emit("finished", best=best, versions=len(self.archive.ids()))
        return {}

    # Helpers

    def emit(self, event: str, **fields: Any) -> None:
        """Log an event, and tell whoever watches."""
        self.run.log(event, **fields)
        self._report(event, fields)

    def _ticked(self, episodes: int) -> None:
        self._report("episodes", {"count": episodes})

    def _seed(self, generation: int, step: str) -> int:
        return random.Random(f"{self.run.config.seed} {generation} {step}").getrandbits(63)

    def _before(self, generation: int) -> list[Card]:
        """Return the cards of earlier generations: those of this one may be there after a crash."""
        return [card for card in self.archive.cards() if card.generation < generation]

    def _is_elite(self, waiting: Draft, state: State, found: Evaluation) -> bool:
        """Whether a draft with these scores would be on the front, or among those that the last choice looks at."""
        new = waiting.model_copy(update={"verdict": "ok", "curve": tuple(found.curve)})
        card = new.card(self.run.config.protocol(), self.sandbox.name)
        tried = (self._card(other) for other in state["pending"] if other != new.id)
        cards = [*self._before(state["generation"]), *(other for other in tried if other.curve), card]
        return card in population.front(cards) or card in population.ranked(cards)[:FINALISTS]

    def _card(self, candidate: str) -> Card:
        tried = self.staging.get(candidate)
        if tried is None:
            return self.archive.card(candidate)
        return tried.card(self.run.config.protocol(), self.sandbox.name)

    def _version(self, card: Card) -> Version:
        waiting = self.staging.get(card.id)
        return card.version(waiting.source if waiting else self.archive.source(card.id))

    def _brief(
        self, generation: int, step: str, count: int, parents: Sequence[Card], cards: Sequence[Card] | None = None
    ) -> Brief:
        best = population.front(cards if cards is not None else self._before(generation))
        return Brief(
            seed=self._seed(generation, step),
            generation=generation,
            count=count,
            parents=[self._version(card) for card in parents],
            front=[self._version(card) for card in best],
        )

    def _new(self, proposals: Sequence[Proposal], generation: int, pending: Sequence[str]) -> list[Draft]:
        """Return drafts of the proposals whose source has not been seen before."""
        seen = {card.source_sha256 for card in self._before(generation)}
        seen |= {self._card(candidate).source_sha256 for candidate in pending}
        drafts = []
        for proposal in proposals:
            key = sha256(proposal.source.encode())
            if key not in seen:
                seen.add(key)
                drafts.append(draft(proposal, generation, self.explorer.name))
        return drafts

    def _stage(self, drafts: Sequence[Draft]) -> list[str]:
        for new in drafts:
            if new.id not in self.archive and self.staging.get(new.id) is None:
                self.staging.put(new)
        return [new.id for new in drafts]


def build(discovery: Discovery, saver: SqliteSaver) -> CompiledStateGraph[State, None, State, State]:
    """Return the compiled graph."""
    graph = StateGraph(State)
    graph.add_node("propose", discovery.propose)
    graph.add_node("execute", discovery.execute)
    graph.add_node("diagnose", discovery.diagnose)
    graph.add_node("refine", discovery.refine)
    graph.add_node("archive", discovery.file)
    graph.add_node("choose", discovery.choose)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "execute")
    graph.add_edge("execute", "diagnose")
    graph.add_edge("diagnose", "refine")
    graph.add_conditional_edges("refine", lambda s: _after_refine(discovery, s), ["execute", "archive"])
    last = discovery.run.config.generations
    graph.add_conditional_edges(
        "archive", lambda s: "propose" if s["generation"] <= last else "choose", ["propose", "choose"]
    )
    graph.add_edge("choose", END)
    return graph.compile(checkpointer=saver)


def _after_refine(discovery: Discovery, state: State) -> str:
    """Back to `execute` while a candidate of this generation has not been diagnosed."""
    drafts = (discovery.staging.get(candidate) for candidate in state["pending"])
    return "execute" if any(d is not None and d.findings is None for d in drafts) else "archive"


def discover(discovery: Discovery) -> None:
    """Run, or go on with, the discovery of a run directory until it is finished.

    Raises:
        Damaged: the checkpoint is damaged.
        ExplorerFailed: the explorer has nothing new to propose.
        SandboxError: the sandbox failed.
    """
    run = discovery.run
    run.archive.sweep()
    try:
        with closing(sqlite3.connect(run.checkpoint, check_same_thread=False)) as connection:
            saver = SqliteSaver(connection)
            graph = build(discovery, saver)
            # six nodes a generation, eight with the refined half, and the last choice
            settings: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": 10 * run.config.generations + 30}
            begun = graph.get_state(settings)
            first: State = {"generation": 0, "pending": [], "refined": False, "barren": 0}
            if begun.values and not begun.next:
                return
            graph.invoke(None if begun.next else first, settings, durability="sync")
    except sqlite3.DatabaseError as error:
        raise Damaged(
            f"{run.checkpoint}: damaged or not writable ({error}); remove it, and resume: the archive is kept"
        ) from None
