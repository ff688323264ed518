"""A live question that is answered from a recording, for tests of what asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from autotts.envs.contract.question import Probe
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.episodes import Episodes

from ...environments import recording

ANSWERS = [["a", "b", "c"], ["b", "b"], ["c", "a", "a", "b"], ["a"]]
TOTALS = [230, 150, 390, 80]


class ReplayedActions:
    """`LiveActions` over a `ReplayQuestion`.

    Args:
        question: the question.
        patience: turns of the event loop that each action takes.
    """

    def __init__(self, question: ReplayQuestion, patience: int = 0) -> None:
        self.question, self.patience = question, patience
        self.max_branches, self.max_tokens = question.max_branches, question.max_tokens

    @classmethod
    def small(cls, max_branches: int = 4, max_tokens: int | None = None) -> ReplayedActions:
        """Return a question of four branches."""
        return cls(ReplayQuestion(Recording.of(ANSWERS, TOTALS, 100), range(4), max_branches, max_tokens))

    async def _wait(self) -> None:
        for _ in range(self.patience):
            await asyncio.sleep(0)

    async def branch_many(self, n: int) -> list[int]:
        await self._wait()
        return self.question.branch_many(n)

    async def advance(self, i: int) -> bool:
        await self._wait()
        return self.question.advance(i)

    async def probe(self, i: int) -> str | None:
        await self._wait()
        return self.question.probe(i)

    async def prune(self, i: int) -> None:
        await self._wait()
        self.question.prune(i)

    async def step_many(self, indices: Sequence[int]) -> list[Probe]:
        await self._wait()
        return self.question.step_many(indices)

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        await self._wait()
        return self.question.run_many_to_end(indices)

    def finished(self, i: int) -> bool:
        return self.question.finished(i)

    def depth(self, i: int) -> int:
        return self.question.depth(i)

    @property
    def tokens_ran_out(self) -> bool:
        return self.question.tokens_ran_out

    @tokens_ran_out.setter
    def tokens_ran_out(self, ran_out: bool) -> None:
        self.question.tokens_ran_out = ran_out

    @property
    def active(self) -> list[int]:
        return self.question.active

    @property
    def width(self) -> int:
        return self.question.width

    @property
    def tokens(self) -> int:
        return self.question.tokens

    @property
    def latency(self) -> int:
        return self.question.latency

    @property
    def latest_answers(self) -> dict[int, str | None]:
        return self.question.latest_answers

    @property
    def can_step(self) -> bool:
        return self.question.can_step


def replayed_questions(episodes: Episodes) -> list[ReplayQuestion]:
    """Return a new question for each episode, with answers as texts."""
    recordings: dict[tuple[int, int], Recording] = {}
    questions = []
    for e, q, order in zip(
        episodes.environment.tolist(), episodes.question.tolist(), episodes.order.tolist(), strict=True
    ):
        if (e, q) not in recordings:
            recordings[e, q] = recording(episodes.environments[e], q)
        branches = episodes.permutations[len(recordings[e, q].total_tokens), order].tolist()
        questions.append(ReplayQuestion(recordings[e, q], branches, episodes.max_branches, episodes.max_tokens))
    return questions
