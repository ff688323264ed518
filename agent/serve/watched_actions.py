"""An episode's actions as a controller takes them, each with a span, and with a line of progress for a client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from autotts.envs.contract.controller import leader
from autotts.envs.counting import counted
from autotts.envs.live.forwarding import ForwardedState

from .parts import QuestionEpisode
from .tracing import Tracing

_Result = TypeVar("_Result")


class WatchedActions(ForwardedState):
    """`LiveActions` that hands every action on to an episode.

    Args:
        episode: the episode.
        tracing: opens a span for each action.
        progress: called with a line after each action that may have cost tokens; None if nobody wants to know.
    """

    def __init__(self, episode: QuestionEpisode, tracing: Tracing, progress: Callable[[str], None] | None) -> None:
        self.episode = self._state = episode
        self._tracing, self._progress = tracing, progress
        self.max_branches, self.max_tokens = episode.max_branches, episode.max_tokens
        self.actions = 0
        """Actions that were taken and may have cost tokens."""

    @property
    def tokens_ran_out(self) -> bool:
        """See `LiveActions`; so are all other members."""
        return self.episode.tokens_ran_out

    async def branch_many(self, n: int) -> list[int]:
        return await self.episode.branch_many(n)

    async def advance(self, i: int) -> bool:
        return await self._taken("advance", 1, self.episode.advance(i))

    async def probe(self, i: int) -> str | None:
        return await self._taken("probe", 1, self.episode.probe(i))

    async def prune(self, i: int) -> None:
        await self.episode.prune(i)

    async def step_many(self, indices: Sequence[int]) -> list[tuple[str | None, bool]]:
        return await self._taken("step_many", len(indices), self.episode.step_many(indices))

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        return await self._taken("run_many_to_end", len(indices), self.episode.run_many_to_end(indices))

    async def _taken(self, verb: str, branches: int, action: Awaitable[_Result]) -> _Result:
        self.actions += 1
        try:
            with self._tracing.span(f"autotts.{verb}", {"autotts.branches": branches}) as span:
                result = await action
                span.set({"autotts.tokens": self.episode.tokens})
        finally:
            if self._progress is not None:
                self._progress(progress_line(self.episode))
        return result


def progress_line(episode: QuestionEpisode) -> str:
    """Return where an episode is: branches, tokens, and the answer that leads."""
    answers = [answer for answer in episode.latest_answers.values() if answer is not None]
    line = f"{counted(episode.width, 'branch')}, {len(episode.active)} running, {counted(episode.tokens, 'token')}"
    answer, votes, _ = leader(answers)
    return line if answer is None else f"{line}; {votes} of {len(answers)} say {answer}"
