"""What every explorer does that asks a language model through an API: one conversation for each proposal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from typing import Any

from ..calls import Calls, Place
from ..chat import ChatModel
from .base import Brief, Proposal
from .session import Bounds, Prompt, Session, Tools

Report = Callable[[str, dict[str, Any]], None]
"""Told how each conversation ended: an event's name, and its fields."""
Connect = Callable[[], AbstractAsyncContextManager[ChatModel]]
"""Opens a model within the event loop of one conversation."""


class Conversing:
    """An explorer that leads one conversation for each proposal. Safe to ask from several threads at once.

    Args:
        name: the explorer's.
        connect: how to open the model.
        calls: the run's journal of calls.
        prompt: makes what a conversation begins with, from the brief and its step ("propose" or "refine").
        tools: makes the tools of a conversation.
        bounds: how far a conversation may go.
        report: told how each ended.
    """

    single = True
    own = False

    def __init__(
        self, name: str, connect: Connect, calls: Calls, prompt: Callable[[Brief, str], Prompt],
        tools: Callable[[Brief], Tools], bounds: Bounds | None = None,
        report: Report = lambda event, fields: None,
    ) -> None:  # fmt: skip
        self.name = name
        self._connect, self._calls, self._prompt, self._tools = connect, calls, prompt, tools
        self._bounds, self._report = bounds or Bounds(), report

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return one new candidate, or none.

        Raises:
            ExplorerError: the service cannot be used.
            LimitReached: nothing more may be spent.
        """
        return asyncio.run(self._converse(brief, "propose"))

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return one directed variant of the brief's parents, or none; it raises what `propose` does."""
        return asyncio.run(self._converse(brief, "refine"))

    async def _converse(self, brief: Brief, step: str) -> list[Proposal]:
        prompt = self._prompt(brief, step)
        async with self._connect() as model:
            place = Place(brief.generation, step, brief.slot)
            session = Session(model, self._calls, self._tools(brief), prompt, place, self._bounds)
            done = await session.run()
        cost = session.cost
        self._report(
            "conversation",
            {"generation": brief.generation, "step": step, "slot": brief.slot, "ended": session.why, **asdict(cost)},
        )
        if done is None:
            return []
        parents = tuple(done.parents) or tuple(version.id for version in brief.parents[:1])
        proposal = Proposal(
            source=done.source, rationale=done.rationale, parents=parents, data={"model": model.name},
            expects=tuple(done.expects), cost=cost, prompts=prompt.version, transcript=session.transcript.text(),
        )  # fmt: skip
        return [proposal]


def opened(model: ChatModel) -> Connect:
    """Return how to open a model that needs no closing."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[ChatModel]:
        yield model

    return connect
