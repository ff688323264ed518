"""The nodes of the discovery graph: what is done in each, and how it is made safe to do again.

Every node may run again after a crash, so every node is idempotent: what it has done lies in the run directory under
ids that follow from the work itself.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from langgraph.types import interrupt

from envs.episodes import Episodes, Logs
from envs.errors import Damaged
from envs.scoring import score
from envs.store import Environment
from sandbox import policy
from sandbox.base import Sandbox
from sandbox.evaluation import Evaluation
from sandbox.outcome import Candidate
from sandbox.trial import trial

from . import population
from .archive import pack_logs, sha256, unpack_logs
from .behaviour import behaviour
from .bench.normalise import normal_form, shape
from .bench.shelf import Shelf
from .bench.workbench import Workbench
from .cards import DUPLICATE, Behaviour, Card
from .diagnose import diagnose
from .explorers.base import Brief, Explorer, LimitReached, Proposal
from .generalisation.beliefs import believed
from .generalisation.figures import Figures
from .llm.ledger import Ledger
from .outcome import outcome
from .population import islands
from .population.choice import Parent, parents
from .population.credit import by_arm
from .report import FINALISTS, write_report
from .run import Run
from .screening.screen import Screening
from .seeds import seed_names, seed_source
from .staging import Draft, Staging, draft
from .state import Ask, State
from .versions import Version

_LESSONS = 12
MOST_BARREN = 3
"""Generations in a row without a new proposal after which a run gives up."""
DISAPPROVED = "rejected: not approved"
"""The verdict on a candidate that the person who was asked did not let run."""

Report = Callable[[str, dict[str, Any]], None]
"""Told of every event as it happens: its name, and its fields."""


class ExplorerFailed(Exception):
    """The explorer has nothing new to propose: the run stops, and can be resumed with another one."""


class Discovery:
    """The nodes, and what they work with.

    Args:
        run: where everything is kept.
        explorer: who proposes.
        sandbox: where candidates run.
        report: told of every event, after it is in the event log.
        approve: whether a person is asked before a candidate runs.
        ledger: what has been spent, and the limits.
    """

    def __init__(
        self,
        run: Run,
        explorer: Explorer,
        sandbox: Sandbox,
        report: Report = lambda event, fields: None,
        approve: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        self.run, self.explorer, self.sandbox, self.approving = run, explorer, sandbox, approve
        self.ledger = ledger or Ledger()
        self.archive = run.archive
        self.staging = Staging(run.staged)
        self._report = report
        self._moved: dict[int, list[set[str]]] = {}

    @cached_property
    def environments(self) -> list[Environment]:
        """The search environments."""
        return self.run.environments()

    @cached_property
    def episodes(self) -> Episodes:
        """The batch on which every candidate is tried."""
        return self.run.episodes(self.environments)

    @cached_property
    def recorded(self) -> Episodes:
        """The part of it that was recorded, its beginning: all that is diagnosed, and shown to an explorer."""
        return self.run.episodes(self.run.environments(simulated=False))

    @cached_property
    def screening(self) -> Screening | None:
        """What gives up poor candidates early, if that is wanted."""
        c = self.run.config
        if not c.screening:
            return None
        return Screening(self.recorded, len(self.episodes), self._logs, c.screening_risk, c.seed, c.latency)

    # Nodes

    def propose(self, state: State) -> dict[str, Any]:
        """Begin a generation; generation 0 is that of the seeds."""
        generation = state["generation"]
        self.emit("generation", generation=generation, of=self.run.config.generations)
        if generation > 0:
            try:
                self.ledger.check(generation)
            except LimitReached as limit:
                return {"step": "done", "stopped": str(limit)}
            return {"step": "propose"}
        drafts = [
            draft(Proposal(seed_source(name), "hand-written baseline"), 0, "seed", name) for name in seed_names()
        ]
        return {"step": "refine", "pending": self._stage(drafts)}

    def asks(self, state: State) -> list[Ask]:
        """Return what the explorer is asked in this step: once for each island, or each proposal if it is single."""
        config, generation = self.run.config, state["generation"]
        first = config.population - config.population // 2
        count = config.population - first if state["step"] == "refine" else first
        turns = [islands.of_turn(generation, turn, first, config.islands) for turn in range(count)]
        wanted = [(i, 1) for i in turns] if self.explorer.single else list(Counter(turns).items())
        told = {"generation": generation, "step": state["step"], "pending": state["pending"]}
        return [
            Ask(slot=slot, island=island, count=each, **told)  # type: ignore[typeddict-item]
            for slot, (island, each) in enumerate(wanted)
        ]

    def ask(self, state: Ask) -> dict[str, Any]:
        """Ask the explorer for the proposals of one slot, unless it has answered already; runs beside other slots."""
        place = _place(state["generation"], state["step"], state["slot"])
        if self.staging.answer(place) is not None:
            return {}
        cards = self._known(state)
        there = self._there(state, cards)
        parents = self._parents(state, cards, there)
        brief = self._brief(state, cards, there, [parent.card for parent in parents])
        try:
            answer = self.explorer.propose(brief) if state["step"] == "propose" else self.explorer.refine(brief)
        except LimitReached as limit:
            return {"stopped": str(limit)} if limit.scope == "run" else {}
        ways = {parent.card.id: parent.way for parent in reversed(parents)}
        island = state["island"] if self.run.config.islands > 1 else None
        drafts = [
            draft(proposal, state["generation"], self.explorer.name, island=island, ways=ways)
            for proposal in answer[: state["count"]]
        ]
        self.staging.put_answer(place, drafts)
        self.emit("asked", place=place, proposals=len(drafts))
        return {}

    def collect(self, state: State) -> dict[str, Any]:
        """Stage what is new of all that was proposed in this step."""
        known = [card.id for card in self._before(state["generation"])] + state["pending"]
        seen = {_form(self._source(version)) for version in known}  # a copy with other names is a copy
        new = []
        for ask in self.asks(state):
            for found in self.staging.answer(_place(ask["generation"], ask["step"], ask["slot"])) or []:
                key = _form(found.source)
                if key not in seen:
                    seen.add(key)
                    new.append(found)
        return {"pending": [*state["pending"], *self._stage(new)]}

    def approve(self, state: State) -> dict[str, Any]:
        """Have a person look at the candidates before they run, where that was asked for."""
        waiting = [c for c in map(self.staging.get, state["pending"]) if c is not None and c.verdict is None]
        if not self.approving or not waiting or state["generation"] == 0:
            return {}
        shown = [{"id": c.id, "rationale": c.rationale, "source": c.source} for c in waiting]
        approved = set(interrupt({"candidates": shown}))
        for candidate in waiting:
            if candidate.id not in approved:
                self.staging.put(candidate.model_copy(update={"verdict": DISAPPROVED, "findings": ()}))
        return {}

    def execute(self, state: State) -> dict[str, Any]:
        """Try every candidate that has not been tried, each in a sandbox of its own."""
        for position, candidate in enumerate(state["pending"]):
            waiting = self.staging.get(candidate)
            if candidate in self.archive or waiting is None or waiting.verdict is not None:
                continue
            began = time.perf_counter()
            fields, played = self._tried(waiting, self._present(state, candidate))
            self.staging.put(waiting.model_copy(update=fields))
            seconds = time.perf_counter() - began
            self.emit(
                "candidate", id=candidate, position=position + 1, of=len(state["pending"]),
                verdict=fields["verdict"], message=fields["message"], seconds=round(seconds, 3),
                episodes=played, saved=len(self.episodes) - played if played else 0,
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
                logs = self._of_recorded(unpack_logs(packed))
                findings = tuple(diagnose(score(self.recorded, logs), logs))
            self.staging.put(tried.model_copy(update={"findings": findings}))
        return {}

    def refine(self, state: State) -> dict[str, Any]:
        """Go on to the second half: directed variants of the best, now that their faults are known."""
        whole = state["step"] != "propose" or self.run.config.population < 2 or state["stopped"]
        return {"step": "done" if whole else "refine"}

    def file(self, state: State) -> dict[str, Any]:
        """Archive the generation, and go on to the next."""
        for candidate in state["pending"]:
            done = self.staging.get(candidate)
            if done is not None:
                card = self._with_outcome(self._card(candidate))
                self.archive.add(card, done.source, self.staging.logs(candidate), done.transcript)
        self.archive.reindex()
        self.staging.clear()
        barren = 0 if state["pending"] or state["stopped"] else state["barren"] + 1
        cards = self._before(state["generation"] + 1)
        at = population.budgets(cards)
        best, seed = next(iter(population.ranked(cards)), None), population.best_seed(cards, at)
        self.emit(
            "archived", generation=state["generation"], versions=len(cards), new=len(state["pending"]),
            best=best.id if best else None, quality=round(population.quality(best, at), 3) if best else None,
            seeds=round(population.quality(seed, at), 3) if seed else 0.0,
            highest=round(max((population.quality(card, at) for card in cards if card.ok), default=0.0), 3),
        )  # fmt: skip
        if barren >= MOST_BARREN:
            self.emit("stopped", why="nothing new was proposed")
            raise ExplorerFailed(f"{self.explorer.name} proposed nothing new for {barren} generations")
        whole = 1 if state["pending"] or not state["stopped"] else 0  # a limit that came first leaves the generation
        return {"generation": state["generation"] + whole, "pending": [], "barren": barren}

    def choose(self, state: State) -> dict[str, Any]:
        """Compare the best with the seeds on fresh branch orders, and write the report."""
        best = write_report(self.run, self.recorded.environments, self.sandbox, self._ticked)
        self.emit("finished", best=best, versions=len(self.archive.ids()), stopped=state["stopped"])
        return {}

    # Helpers

    def emit(self, event: str, **fields: Any) -> None:
        """Log an event, and tell whoever watches."""
        self.run.log(event, **fields)
        self._report(event, fields)

    def tell(self, event: str, **fields: Any) -> None:
        """Tell whoever watches of something that is not worth a line in the log."""
        self._report(event, fields)

    def _ticked(self, episodes: int) -> None:
        self._report("episodes", {"count": episodes})

    def _seed(self, generation: int, step: str) -> int:
        return random.Random(f"{self.run.config.seed} {generation} {step}").getrandbits(63)

    def _before(self, generation: int) -> list[Card]:
        """Return the cards of earlier generations: those of this one may be there after a crash."""
        return self.archive.believed(generation - 1)

    def _present(self, state: State, candidate: str) -> list[Card]:
        """Return the cards of all that was tried before ``candidate``."""
        pending = state["pending"][: state["pending"].index(candidate)]
        cards = [*self._before(state["generation"]), *map(self._card, pending)]
        return believed(cards, self.archive.figures) if pending else cards

    def _tried(self, waiting: Draft, present: Sequence[Card]) -> tuple[dict[str, Any], int]:
        """Try a draft after the ``present`` versions; return what is known of it then, and the episodes it took."""
        known: dict[str, Any] = {"verdict": "ok", "message": ""}

        def elite(found: Evaluation) -> bool:
            """Note what the draft does, and whether it is good enough for the audit of every episode."""
            assert found.logs is not None and found.scores is not None
            logs = self._of_recorded(found.logs)
            scores = found.scores if len(logs) == len(found.logs) else score(self.recorded, logs)
            known.update(behaviour=behaviour(scores, logs), curve=tuple(found.curve))
            twin = self._twin(waiting, present, known["behaviour"])
            if twin is not None:  # its scores are known, and it earns nothing by them
                known.update(verdict=DUPLICATE, message=f"decides as {twin.id} does, in every episode")
                return False
            return self._is_elite(waiting.model_copy(update=known), present, Figures.of(found.scores))

        result = trial(
            Candidate(waiting.id, waiting.source), self.episodes, self.sandbox, elite=elite,
            seed=self.run.config.seed, progress=self._ticked,
            steps=self.screening.steps(present) if self.screening and waiting.generation > 0 else None,
        )  # fmt: skip
        if result.logs is None or result.scores is None:
            return {"verdict": result.verdict.kind, "message": result.verdict.message}, result.played
        self.staging.put_logs(waiting.id, pack_logs(result.logs))
        self.archive.put_figures(waiting.id, Figures.of(result.scores))
        return known, result.played

    def _is_elite(self, new: Draft, present: Sequence[Card], figures: Figures) -> bool:
        """Whether a draft with its scores would be on the front, or among those that the last choice looks at."""
        cards = [*present, new.card(self.run.config.protocol(), self.sandbox.name)]
        cards = believed(cards, lambda version: figures if version == new.id else self.archive.figures(version))
        best = [*population.front(cards, latency=self.run.config.latency), *population.ranked(cards)[:FINALISTS]]
        return new.id in {other.id for other in best}

    def _twin(self, new: Draft, present: Sequence[Card], found: Behaviour) -> Card | None:
        """Return the first version that makes the same decisions, if ``new`` is not hand-written too."""
        for card in present if new.generation > 0 else ():
            same = card.behaviour is not None and card.behaviour.decisions == found.decisions
            if card.ok and same and card.protocol == self.run.config.protocol():
                return card
        return None

    def _card(self, candidate: str) -> Card:
        tried = self.staging.get(candidate)
        if tried is None and candidate not in self.archive:
            raise Damaged(
                f"{self.staging.home}: the draft of {candidate} is missing; remove {self.run.checkpoint}, and resume: "
                "the archive is kept"
            )
        if tried is None:
            return self.archive.card(candidate)
        return tried.card(self.run.config.protocol(), self.sandbox.name)

    @cached_property
    def _budgets(self) -> npt.NDArray[np.float64]:
        """The token budgets of quality: they follow from the hand-written controllers, which have no outcome."""
        return population.budgets(self._before(1))

    def _with_outcome(self, card: Card) -> Card:
        """Return the card with what came of its prediction; its first parent may be of the same generation."""
        parent = next((p for p in card.parents if p in self.archive or self.staging.get(p) is not None), None)
        if parent is None:
            return card
        return card.model_copy(update={"outcome": outcome(card.expects, card, self._card(parent), self._budgets)})

    def _version(self, card: Card) -> Version:
        left_out = self.run.config.ablations
        if "traces" in left_out:
            card = card.model_copy(update={"findings": ()})
        if "history" in left_out:
            card = card.model_copy(update={"outcome": "", "rationale": ""})
        return card.version(self._source(card.id))

    def _known(self, ask: Ask) -> list[Card]:
        """Return the cards of all that has been tried when a question is asked."""
        cards = self._before(ask["generation"])
        if ask["step"] == "refine":
            cards += (self._with_outcome(self._card(tried)) for tried in ask["pending"])
            cards = believed(cards, self.archive.figures)
        return cards

    def _there(self, ask: Ask, cards: Sequence[Card]) -> list[Card]:
        """Return those of ``cards`` that live on the island whose turn it is."""
        count, generation = self.run.config.islands, ask["generation"]
        if generation not in self._moved:  # the same for all that is asked in a generation
            moved = islands.immigrants(cards, count, generation, self.run.config.latency)
            self._moved = {generation: moved}
        return islands.members(cards, ask["island"], count, self._moved[generation][ask["island"]])

    def _parents(self, ask: Ask, cards: Sequence[Card], there: Sequence[Card]) -> list[Parent]:
        """Return the versions to build on: in a wide step the choice of a bandit, in a directed one the best."""
        config, generation = self.run.config, ask["generation"]
        if ask["step"] == "refine":
            able = [card for card in population.ranked(there) if card.data or not self.explorer.own]
            first = ask["slot"] // config.islands if self.explorer.single else 0
            best = able[: max(1, config.population // 2)]
            return [Parent(card, "") for card in (best[first:] or best)[: ask["count"]]]
        return parents(
            there, ask["count"], self._seed(generation, f"parents {ask['slot']}"), self.explorer.own,
            population.space(cards, config.latency), lambda version: shape(self._source(version)),
            population.credits(cards, by_arm, config.latency),
        )  # fmt: skip

    def _brief(self, ask: Ask, cards: Sequence[Card], there: Sequence[Card], parents: Sequence[Card]) -> Brief:
        config, generation, step, slot = self.run.config, ask["generation"], ask["step"], ask["slot"]
        told, mates = (
            [card for card in known if card.generation == 0 or "history" not in config.ablations]
            for known in (cards, there)
        )
        return Brief(
            seed=self._seed(generation, step),
            generation=generation,
            count=ask["count"],
            parents=[self._version(card) for card in parents],
            front=[self._version(card) for card in population.front(told, latency=config.latency)],
            mates=[self._version(card) for card in population.front(mates, latency=config.latency)],
            credits=population.credits(cards, latency=config.latency),
            arms=population.credits(cards, by_arm, config.latency),
            lessons=[self._version(card) for card in reversed(told) if card.outcome][:_LESSONS],
            slot=slot,
            bench=self._bench(cards, parents, self._seed(generation, f"{step} {slot} part")),
        )

    def _bench(self, cards: Sequence[Card], parents: Sequence[Card], seed: int) -> Workbench:
        left_out = self.run.config.ablations
        shelf = Shelf(
            cards, self.recorded, self._source, self._logs, [card.id for card in parents], "history" not in left_out,
            seed,
        )  # fmt: skip
        return Workbench(shelf, self.sandbox, traces="traces" not in left_out)

    def _source(self, version: str) -> str:
        waiting = self.staging.get(version)
        return waiting.source if waiting else self.archive.source(version)

    def _logs(self, version: str) -> Logs:
        packed = self.staging.logs(version)
        return self._of_recorded(self.archive.logs(version) if packed is None else unpack_logs(packed))

    def _of_recorded(self, logs: Logs) -> Logs:
        """Return what of the logs of the whole batch is of recorded environments; logs of another batch as they are."""
        return logs.part(0, len(self.recorded)) if len(logs) == len(self.episodes) else logs

    def _stage(self, drafts: Sequence[Draft]) -> list[str]:
        for new in drafts:
            if new.id not in self.archive and self.staging.get(new.id) is None:
                self.staging.put(new)
        return [new.id for new in drafts]


def _form(source: str) -> str:
    """Return what two drafts share that are the same program; a source that the policy refuses is not looked into."""
    return (normal_form(source) if policy.check(source).ok else None) or sha256(source.encode(errors="replace"))


def _place(generation: int, step: str, slot: int) -> str:
    return f"g{generation:03d}-{step}-{slot}"
