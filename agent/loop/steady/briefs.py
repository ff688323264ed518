"""Builds the briefs of a steady-state search: one slot a turn, from the versions that were admitted before."""

from __future__ import annotations

from collections.abc import Sequence

from ...population.parents import ChosenParent
from ...records.card import Card
from ...records.events import TurnAsked
from ...records.explorer import Brief
from ..briefs import BriefBuilder
from ..state import SlotRequest
from ..step_context import StepContext


class SteadyBriefBuilder(BriefBuilder):
    """Builds briefs that follow from the versions which a turn knows. Safe to use from several threads."""

    def request(self, turn: TurnAsked) -> SlotRequest:
        """Return the slot of a turn. Turns propose and refine in turn, and islands take turns too."""
        config = self._config
        return SlotRequest(
            generation=1 + turn.after // config.population, step="refine" if turn.turn % 2 else "propose",
            slot=turn.turn, count=1, island=turn.turn // 2 % config.islands, pending=[],
        )  # fmt: skip

    def brief_after(
        self, turn: TurnAsked, known: Sequence[Card], before: Sequence[Card]
    ) -> tuple[list[ChosenParent], Brief]:
        """Return the parents of a turn, and the brief that the explorer gets.

        Args:
            turn: the turn.
            known: the cards of the versions that it knows, in the order of their admission, with their beliefs.
            before: those of earlier generations, with the beliefs from before this generation; may be empty without
                islands.
        """
        request, config = self.request(turn), self._config
        context = StepContext.of(request, before, known, config, None)
        members = context.island_members(request["island"], config.islands)
        parents = self._parents(request, context, members)
        return parents, self._brief(request, context, members, [parent.card for parent in parents])

    def _parents(self, request: SlotRequest, context: StepContext, members: Sequence[Card]) -> list[ChosenParent]:
        """Return the parents; turns that refine go through the best half of a population one after another."""
        if request["step"] != "refine":
            return super()._parents(request, context, members)
        best = self._best(members)
        turn = request["slot"] // (2 * self._config.islands)
        return [ChosenParent(best[turn % len(best)], "")] if best else []
