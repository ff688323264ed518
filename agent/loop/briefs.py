"""Builds the briefs of explorers: the slots of each step, the parents of each slot, and what the explorer may see."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import islice

from autotts.sandbox.base import Sandbox

from .. import population
from ..population import islands
from ..population.measured import measured
from ..population.parents import ChosenParent, choose_parents
from ..population.program_form import program_shape
from ..records.card import Card
from ..records.explorer import Brief, Explorer, SignalSummary
from ..records.version import GIVEN, BriefVersion
from ..tools.search_history import SearchHistory
from ..tools.workbench import SearchWorkbench
from .candidate_store import CandidateStore
from .signal_summaries import summarize_signals
from .state import DiscoveryState, SlotRequest
from .step_context import StepContext, step_of

_LESSONS = 12
"""Versions with checked predictions that a brief shows at the most."""


class BriefBuilder:
    """Builds the slot requests and the briefs of a run.

    Both are pure functions of the versions so far, so that a slot that is asked again after a crash gets the same
    brief. Safe to use from several threads.

    Args:
        store: the versions of the run.
        explorer: the explorer that gets the briefs.
        sandbox: where the explorer may try drafts.
    """

    def __init__(self, store: CandidateStore, explorer: Explorer, sandbox: Sandbox) -> None:
        self._store, self._explorer, self._sandbox = store, explorer, sandbox
        self._config = store.run.config
        self._lock = threading.Lock()
        self._last: StepContext | None = None

    def requests(self, state: DiscoveryState) -> list[SlotRequest]:
        """Return the requests of a step: one for each island, or one for each proposal with `one_at_a_time`."""
        config, generation = self._config, state["generation"]
        first = config.population - config.population // 2
        count = config.population - first if state["step"] == "refine" else first
        turns = [islands.island_of(generation, turn, first, config.islands) for turn in range(count)]
        wanted = [(i, 1) for i in turns] if self._explorer.one_at_a_time else list(Counter(turns).items())
        shared = {"generation": generation, "step": state["step"], "pending": state["pending"]}
        return [
            SlotRequest(slot=slot, island=island, count=each, **shared)  # type: ignore[typeddict-item]
            for slot, (island, each) in enumerate(wanted)
        ]

    def brief(self, request: SlotRequest) -> tuple[list[ChosenParent], Brief]:
        """Return the parents of a slot, and the brief that the explorer gets."""
        context = self._context(request)
        members = context.island_members(request["island"], self._config.islands)
        parents = self._parents(request, context, members)
        return parents, self._brief(request, context, members, [parent.card for parent in parents])

    def _context(self, request: SlotRequest) -> StepContext:
        """Return the context of the request's step; the first slot of a step computes it for all."""
        with self._lock:
            if self._last is None or self._last.step != step_of(request):
                store = self._store
                cards = before = store.cards_before(request["generation"])
                if request["step"] == "refine":
                    plain = [*measured(before).plain, *map(store.card, request["pending"])]
                    cards = store.archive.with_beliefs(plain)
                self._last = StepContext.of(request, before, cards, self._config, self._last)
            return self._last

    def _parents(self, request: SlotRequest, context: StepContext, members: Sequence[Card]) -> list[ChosenParent]:
        """Return the parents: chosen by a bandit in the step "propose", the best versions in the step "refine"."""
        config, generation = self._config, request["generation"]
        if request["step"] == "refine":
            best = self._best(members)
            first = request["slot"] // config.islands if self._explorer.one_at_a_time else 0
            return [ChosenParent(card, "") for card in (best[first:] or best)[: request["count"]]]
        if generation == 1:  # the search starts from the controllers that the user gave, if one of them ran
            members = [card for card in members if card.ok and card.explorer == GIVEN] or members
        return choose_parents(
            members, request["count"], self._seed(generation, f"parents {request['slot']}"),
            self._explorer.needs_own_data, context.objectives,
            lambda version: program_shape(self._store.source(version)), context.arms,
        )  # fmt: skip

    def _best(self, members: Sequence[Card]) -> list[Card]:
        """Return the best of the members that the explorer can refine: half as many as a generation has candidates."""
        usable = [card for card in population.ranked(members) if card.data or not self._explorer.needs_own_data]
        return usable[: max(1, self._config.population // 2)]

    def _brief(
        self, request: SlotRequest, context: StepContext, members: Sequence[Card], parents: Sequence[Card]
    ) -> Brief:
        config, generation, step, slot = self._config, request["generation"], request["step"], request["slot"]
        shown, mates = context.cards, members
        if "history" in config.ablations:
            shown, mates = ([card for card in cards if card.generation == 0] for cards in (shown, mates))
        return Brief(
            seed=self._seed(generation, step),
            generation=generation,
            count=request["count"],
            parents=[self._version(card) for card in parents],
            front=[self._version(card) for card in population.front(shown, latency=config.latency)],
            mates=[self._version(card) for card in population.front(mates, latency=config.latency)],
            credits=context.credits,
            arms=context.arms,
            lessons=[self._version(card) for card in islice(filter(_has_outcome, reversed(shown)), _LESSONS)],
            slot=slot,
            bench=self._bench(context.cards, parents, self._seed(generation, f"{step} {slot} part")),
            signals=self._signals,
        )

    @cached_property
    def _signals(self) -> tuple[SignalSummary, ...]:
        return summarize_signals(self._store.environments)

    def _bench(self, cards: Sequence[Card], parents: Sequence[Card], seed: int) -> SearchWorkbench:
        ablations, store = self._config.ablations, self._store
        history = SearchHistory(
            cards, store.recorded, store.source, store.logs, [card.id for card in parents], "history" not in ablations,
            seed,
        )  # fmt: skip
        return SearchWorkbench(history, self._sandbox, traces="traces" not in ablations)

    def _version(self, card: Card) -> BriefVersion:
        ablations = self._config.ablations
        if "traces" in ablations:
            card = card.model_copy(update={"findings": ()})
        if "history" in ablations:
            card = card.model_copy(update={"outcome": "", "rationale": ""})
        return card.version(self._store.source(card.id))

    def _seed(self, generation: int, step: str) -> int:
        return random.Random(f"{self._config.seed} {generation} {step}").getrandbits(63)


def _has_outcome(card: Card) -> bool:
    return bool(card.outcome)
