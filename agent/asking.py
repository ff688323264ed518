"""What an explorer is asked: which slots a step has, what each is to build on, and what it is told."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from sandbox.base import Sandbox

from . import population
from .bench.normalise import shape
from .bench.shelf import Shelf
from .bench.workbench import Workbench
from .cards import Card
from .explorers.base import Brief, Explorer
from .generalisation.beliefs import believed
from .population import islands
from .population.choice import Parent, parents
from .population.credit import by_arm
from .state import Ask, State
from .stock import Stock
from .versions import Version

_LESSONS = 12


class Asking:
    """The questions of a run: pure functions of what it has found until then, so that a slot is told the same twice.

    Args:
        stock: of the run.
        explorer: who is asked.
        sandbox: where it may try drafts.
    """

    def __init__(self, stock: Stock, explorer: Explorer, sandbox: Sandbox) -> None:
        self._stock, self._explorer, self._sandbox = stock, explorer, sandbox
        self._config = stock.run.config
        self._moved: dict[int, list[set[str]]] = {}

    def asks(self, state: State) -> list[Ask]:
        """Return what the explorer is asked in this step: once for each island, or each proposal if it is single."""
        config, generation = self._config, state["generation"]
        first = config.population - config.population // 2
        count = config.population - first if state["step"] == "refine" else first
        turns = [islands.of_turn(generation, turn, first, config.islands) for turn in range(count)]
        wanted = [(i, 1) for i in turns] if self._explorer.single else list(Counter(turns).items())
        told = {"generation": generation, "step": state["step"], "pending": state["pending"]}
        return [
            Ask(slot=slot, island=island, count=each, **told)  # type: ignore[typeddict-item]
            for slot, (island, each) in enumerate(wanted)
        ]

    def brief(self, ask: Ask) -> tuple[list[Parent], Brief]:
        """Return the versions to build on in a slot, and all that the explorer is told."""
        cards = self._known(ask)
        there = self._there(ask, cards)
        chosen = self._parents(ask, cards, there)
        return chosen, self._brief(ask, cards, there, [parent.card for parent in chosen])

    def _known(self, ask: Ask) -> list[Card]:
        """Return the cards of all that has been tried when a question is asked."""
        stock = self._stock
        cards = stock.before(ask["generation"])
        if ask["step"] == "refine":
            cards += (stock.with_outcome(stock.card(tried)) for tried in ask["pending"])
            cards = believed(cards, stock.archive.figures)
        return cards

    def _there(self, ask: Ask, cards: Sequence[Card]) -> list[Card]:
        """Return those of ``cards`` that live on the island whose turn it is."""
        count, generation = self._config.islands, ask["generation"]
        if generation not in self._moved:  # the same for all that is asked in a generation
            moved = islands.immigrants(cards, count, generation, self._config.latency)
            self._moved = {generation: moved}
        return islands.members(cards, ask["island"], count, self._moved[generation][ask["island"]])

    def _parents(self, ask: Ask, cards: Sequence[Card], there: Sequence[Card]) -> list[Parent]:
        """Return the versions to build on: in a wide step the choice of a bandit, in a directed one the best."""
        config, generation = self._config, ask["generation"]
        if ask["step"] == "refine":
            able = [card for card in population.ranked(there) if card.data or not self._explorer.own]
            first = ask["slot"] // config.islands if self._explorer.single else 0
            best = able[: max(1, config.population // 2)]
            return [Parent(card, "") for card in (best[first:] or best)[: ask["count"]]]
        return parents(
            there, ask["count"], self._seed(generation, f"parents {ask['slot']}"), self._explorer.own,
            population.space(cards, config.latency), lambda version: shape(self._stock.source(version)),
            population.credits(cards, by_arm, config.latency),
        )  # fmt: skip

    def _brief(self, ask: Ask, cards: Sequence[Card], there: Sequence[Card], parents: Sequence[Card]) -> Brief:
        config, generation, step, slot = self._config, ask["generation"], ask["step"], ask["slot"]
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
        left_out, stock = self._config.ablations, self._stock
        shelf = Shelf(
            cards, stock.recorded, stock.source, stock.logs, [card.id for card in parents], "history" not in left_out,
            seed,
        )  # fmt: skip
        return Workbench(shelf, self._sandbox, traces="traces" not in left_out)

    def _version(self, card: Card) -> Version:
        left_out = self._config.ablations
        if "traces" in left_out:
            card = card.model_copy(update={"findings": ()})
        if "history" in left_out:
            card = card.model_copy(update={"outcome": "", "rationale": ""})
        return card.version(self._stock.source(card.id))

    def _seed(self, generation: int, step: str) -> int:
        return random.Random(f"{self._config.seed} {generation} {step}").getrandbits(63)
