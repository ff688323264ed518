"""What is known when an explorer is asked: found out once, for all slots of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import population
from ..archive.run_directory import RunConfig
from ..population import ObjectiveSpace, islands
from ..population.credit import by_arm
from ..records.card import Card
from ..records.version import Credit
from .state import SlotRequest


@dataclass(frozen=True, slots=True)
class StepContext:
    """All that choices are made by which does not differ from one slot to the next."""

    step: tuple[int, str]
    """Generation, and half of it."""
    cards: Sequence[Card]
    """Of all that has been tried."""
    within: ObjectiveSpace
    """The objectives."""
    credits: dict[str, Credit]
    """By explorer."""
    arms: dict[str, Credit]
    """By what bandits have chosen."""
    moved: list[set[str]]
    """See `islands.immigrants`."""

    @classmethod
    def of(
        cls,
        ask: SlotRequest,
        before: Sequence[Card],
        cards: Sequence[Card],
        config: RunConfig,
        last: StepContext | None,
    ) -> StepContext:
        """Return what is known.

        Args:
            ask: of the step.
            before: the versions of earlier generations, as they were believed before this one: so who moves is the
                same in both halves of it.
            cards: these, and what has been tried of this generation.
            config: of the run.
            last: what was known in the step before.
        """
        if last is not None and last.step[0] == ask["generation"]:
            moved = last.moved
        else:
            moved = islands.immigrants(before, config.islands, ask["generation"], config.latency)
        return cls(
            step=step_of(ask),
            cards=cards,
            within=population.space(cards, config.latency),
            credits=population.credits(cards, latency=config.latency),
            arms=population.credits(cards, by_arm, config.latency),
            moved=moved,
        )

    def there(self, island: int, count: int) -> list[Card]:
        """Return those of ``cards`` that live on one of ``count`` islands."""
        return islands.members(self.cards, island, count, self.moved[island])


def step_of(ask: SlotRequest) -> tuple[int, str]:
    """Return the step that a question is part of."""
    return ask["generation"], ask["step"]
