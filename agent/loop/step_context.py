"""What all slots of a step share: the versions so far, objectives, credits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import population
from ..archive.run_directory import RunConfig
from ..population import ObjectiveSpace, islands
from ..population.credit import by_arm
from ..population.measured import measured
from ..records.card import Card
from ..records.version import Credit
from .state import SlotRequest


@dataclass(frozen=True, slots=True)
class StepContext:
    """The data behind the choices of a step; it is the same for all slots of the step."""

    step: tuple[int, str]
    """The generation, and its step: "propose" or "refine"."""
    cards: Sequence[Card]
    """All versions that have been evaluated."""
    objectives: ObjectiveSpace
    credits: dict[str, Credit]
    """Credit of each explorer, by name."""
    arms: dict[str, Credit]
    """Credit of each arm of the bandits, by name."""
    immigrants: list[set[str]]
    """Ids of the versions that each island has got from other islands (see `islands.immigrants`)."""

    @classmethod
    def of(
        cls,
        request: SlotRequest,
        before: Sequence[Card],
        cards: Sequence[Card],
        config: RunConfig,
        last: StepContext | None,
    ) -> StepContext:
        """Return the context of a step.

        Args:
            request: any request of the step.
            before: the versions of earlier generations, with the beliefs from before this generation, so that both
                steps of a generation have the same immigrants.
            cards: ``before``, and the versions of this generation that have been evaluated.
            config: settings of the run.
            last: the context of the step before; None if there is none.
        """
        cards = measured(cards)  # one object for all choices of the step: it keeps its columns
        if last is not None and last.step[0] == request["generation"]:
            immigrants = last.immigrants
        else:
            immigrants = islands.immigrants(before, config.islands, request["generation"], config.latency)
        gains = population.gains(cards, config.latency)
        return cls(
            step=step_of(request),
            cards=cards,
            objectives=population.space(cards, config.latency),
            credits=population.credited(gains),
            arms=population.credited(gains, by_arm),
            immigrants=immigrants,
        )

    def island_members(self, island: int, count: int) -> Sequence[Card]:
        """Return the members of one of ``count`` islands, immigrants included."""
        return islands.members(self.cards, island, count, self.immigrants[island])


def step_of(request: SlotRequest) -> tuple[int, str]:
    """Return the generation and the step of a request."""
    return request["generation"], request["step"]
