"""What an explorer is asked: which slots a step has, what each is to build on, and what it is told."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from sandbox.base import Sandbox

from .. import population
from ..population import islands
from ..population.parents import ChosenParent, choose_parents
from ..population.program_form import program_shape
from ..records.card import Card
from ..records.explorer import Brief, Explorer
from ..records.version import Version
from ..tools.search_history import SearchHistory
from ..tools.workbench import SearchWorkbench
from .candidate_store import CandidateStore
from .state import DiscoveryState, SlotRequest
from .step_context import StepContext, step_of

_LESSONS = 12


class BriefBuilder:
    """The questions of a run: pure functions of what it has found until then, so that a slot is told the same twice.

    Args:
        stock: of the run.
        explorer: who is asked.
        sandbox: where it may try drafts.
    """

    def __init__(self, stock: CandidateStore, explorer: Explorer, sandbox: Sandbox) -> None:
        self._stock, self._explorer, self._sandbox = stock, explorer, sandbox
        self._config = stock.run.config
        self._lock = threading.Lock()
        self._last: StepContext | None = None

    def asks(self, state: DiscoveryState) -> list[SlotRequest]:
        """Return what the explorer is asked in this step: once for each island, or each proposal if it is single."""
        config, generation = self._config, state["generation"]
        first = config.population - config.population // 2
        count = config.population - first if state["step"] == "refine" else first
        turns = [islands.island_of(generation, turn, first, config.islands) for turn in range(count)]
        wanted = [(i, 1) for i in turns] if self._explorer.one_at_a_time else list(Counter(turns).items())
        told = {"generation": generation, "step": state["step"], "pending": state["pending"]}
        return [
            SlotRequest(slot=slot, island=island, count=each, **told)  # type: ignore[typeddict-item]
            for slot, (island, each) in enumerate(wanted)
        ]

    def brief(self, ask: SlotRequest) -> tuple[list[ChosenParent], Brief]:
        """Return the versions to build on in a slot, and all that the explorer is told."""
        known = self._known(ask)
        there = known.there(ask["island"], self._config.islands)
        chosen = self._parents(ask, known, there)
        return chosen, self._brief(ask, known, there, [parent.card for parent in chosen])

    def _known(self, ask: SlotRequest) -> StepContext:
        """Return what is known when a question is asked; of the slots, side by side, the first finds out for all."""
        with self._lock:
            if self._last is None or self._last.step != step_of(ask):
                stock = self._stock
                cards = before = stock.before(ask["generation"])
                if ask["step"] == "refine":
                    tried = (stock.with_outcome(stock.card(tried)) for tried in ask["pending"])
                    cards = stock.archive.beside([*before, *tried])
                self._last = StepContext.of(ask, before, cards, self._config, self._last)
            return self._last

    def _parents(self, ask: SlotRequest, known: StepContext, there: Sequence[Card]) -> list[ChosenParent]:
        """Return the versions to build on: in a wide step the choice of a bandit, in a directed one the best."""
        config, generation = self._config, ask["generation"]
        if ask["step"] == "refine":
            able = [card for card in population.ranked(there) if card.data or not self._explorer.needs_own_data]
            first = ask["slot"] // config.islands if self._explorer.one_at_a_time else 0
            best = able[: max(1, config.population // 2)]
            return [ChosenParent(card, "") for card in (best[first:] or best)[: ask["count"]]]
        return choose_parents(
            there, ask["count"], self._seed(generation, f"parents {ask['slot']}"), self._explorer.needs_own_data,
            known.within, lambda version: program_shape(self._stock.source(version)), known.arms,
        )  # fmt: skip

    def _brief(self, ask: SlotRequest, known: StepContext, there: Sequence[Card], parents: Sequence[Card]) -> Brief:
        config, generation, step, slot = self._config, ask["generation"], ask["step"], ask["slot"]
        told, mates = (
            [card for card in cards if card.generation == 0 or "history" not in config.ablations]
            for cards in (known.cards, there)
        )
        return Brief(
            seed=self._seed(generation, step),
            generation=generation,
            count=ask["count"],
            parents=[self._version(card) for card in parents],
            front=[self._version(card) for card in population.front(told, latency=config.latency)],
            mates=[self._version(card) for card in population.front(mates, latency=config.latency)],
            credits=known.credits,
            arms=known.arms,
            lessons=[self._version(card) for card in islice(filter(_taught, reversed(told)), _LESSONS)],
            slot=slot,
            bench=self._bench(known.cards, parents, self._seed(generation, f"{step} {slot} part")),
        )

    def _bench(self, cards: Sequence[Card], parents: Sequence[Card], seed: int) -> SearchWorkbench:
        left_out, stock = self._config.ablations, self._stock
        history = SearchHistory(
            cards, stock.recorded, stock.source, stock.logs, [card.id for card in parents], "history" not in left_out,
            seed,
        )  # fmt: skip
        return SearchWorkbench(history, self._sandbox, traces="traces" not in left_out)

    def _version(self, card: Card) -> Version:
        left_out = self._config.ablations
        if "traces" in left_out:
            card = card.model_copy(update={"findings": ()})
        if "history" in left_out:
            card = card.model_copy(update={"outcome": "", "rationale": ""})
        return card.version(self._stock.source(card.id))

    def _seed(self, generation: int, step: str) -> int:
        return random.Random(f"{self._config.seed} {generation} {step}").getrandbits(63)


def _taught(card: Card) -> bool:
    return bool(card.outcome)
