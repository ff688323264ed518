"""A live question that is answered from a recording, for tests of what asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from autotts.envs.contract.question import Probe
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.episodes import Episodes
from autotts.envs.live import repetition

from ...environments import recording

ANSWERS = [["a", "b", "c"], ["b", "b"], ["c", "a", "a", "b"], ["a"]]
TOTALS = [230, 150, 390, 80]


class ReplayedActions(repetition.ReplayedActions):
    """`LiveActions` over a `ReplayQuestion`.

    Args:
        question: the question.
        patience: turns of the event loop that each action takes.
    """

    def __init__(self, question: ReplayQuestion, patience: int = 0) -> None:
        super().__init__(question)
        self.patience = patience

    @classmethod
    def small(cls, max_branches: int = 4, max_tokens: int | None = None) -> ReplayedActions:
        """Return a question of four branches."""
        return cls(ReplayQuestion(Recording.of(ANSWERS, TOTALS, 100), range(4), max_branches, max_tokens))

    async def _wait(self) -> None:
        for _ in range(self.patience):
            await asyncio.sleep(0)

    async def branch_many(self, n: int) -> list[int]:
        await self._wait()
        return await super().branch_many(n)

    async def advance(self, i: int) -> bool:
        await self._wait()
        return await super().advance(i)

    async def probe(self, i: int) -> str | None:
        await self._wait()
        return await super().probe(i)

    async def prune(self, i: int) -> None:
        await self._wait()
        await super().prune(i)

    async def step_many(self, indices: Sequence[int]) -> list[Probe]:
        await self._wait()
        return await super().step_many(indices)

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        await self._wait()
        return await super().run_many_to_end(indices)


def replayed_questions(episodes: Episodes) -> list[ReplayQuestion]:
    """Return a new question for each episode, with answers as texts."""
    recordings: dict[tuple[int, int], Recording] = {}
    questions = []
    for e, q, order in zip(
        episodes.environment.tolist(), episodes.question.tolist(), episodes.order.tolist(), strict=True
    ):
        if (e, q) not in recordings:
            recordings[e, q] = recording(episodes.environments[e], q)
        branches = recordings[e, q].order(order)
        questions.append(ReplayQuestion(recordings[e, q], branches, episodes.max_branches, episodes.max_tokens))
    return questions
