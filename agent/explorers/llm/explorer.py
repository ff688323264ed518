"""Base class of the explorers that ask a language model through an API: one conversation per proposal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict

from ...llm.calls import CallJournal, CallSite
from ...llm.chat import ChatModel
from ...llm.session import Conversation, ConversationPrompt, SessionLimits, SessionTools
from ...records.events import ConversationEnded, EventListener, ignore
from ...records.explorer import Brief, Proposal

"""Called with an event's name and fields when a conversation ends."""
Connect = Callable[[], AbstractAsyncContextManager[ChatModel]]
"""Opens a model within the event loop of one conversation."""


class LlmExplorer:
    """An explorer that conducts one conversation per proposal. Thread-safe.

    Args:
        name: name of the explorer.
        connect: opens the model.
        calls: the run's journal of calls.
        prompt: returns the beginning of a conversation, given the brief and the step ("propose" or "refine").
        tools: returns the tools of a conversation.
        limits: limits of each conversation.
        report: called with the result of each conversation.
    """

    one_at_a_time = True
    needs_own_data = False

    def __init__(
        self, name: str, connect: Connect, calls: CallJournal, prompt: Callable[[Brief, str], ConversationPrompt],
        tools: Callable[[Brief], SessionTools], limits: SessionLimits | None = None,
        report: EventListener = ignore,
    ) -> None:  # fmt: skip
        self.name = name
        self._connect, self._calls, self._prompt, self._tools = connect, calls, prompt, tools
        self._limits, self._report = limits or SessionLimits(), report
        self._lock, self._closed = threading.Lock(), False
        self._running: set[tuple[asyncio.AbstractEventLoop, asyncio.Task[list[Proposal]]]] = set()

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return one new candidate, or an empty list.

        Raises:
            ExplorerError: the provider cannot be used.
            LimitReached: a spending limit is reached.
        """
        return self._run(brief, "propose")

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return one directed variant of the brief's parents, or an empty list; raises the same errors as `propose`."""
        return self._run(brief, "refine")

    def close(self) -> None:
        """Cancel all conversations, from another thread. On resume, the call in flight is sent again with its id."""
        with self._lock:
            self._closed = True
            for loop, task in self._running:
                loop.call_soon_threadsafe(task.cancel)

    def _run(self, brief: Brief, step: str) -> list[Proposal]:
        try:
            return asyncio.run(self._watched(brief, step))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _watched(self, brief: Brief, step: str) -> list[Proposal]:
        """Converse in a task that `close` can cancel; a conversation that begins after `close` is cancelled at once."""
        task = asyncio.ensure_future(self._converse(brief, step))
        mine = asyncio.get_running_loop(), task
        with self._lock:
            self._running.add(mine)
            if self._closed:
                task.cancel()
        try:
            return await task
        finally:
            with self._lock:
                self._running.discard(mine)

    async def _converse(self, brief: Brief, step: str) -> list[Proposal]:
        prompt = self._prompt(brief, step)
        async with self._connect() as model:
            site = CallSite(brief.generation, step, brief.slot)
            session = Conversation(model, self._calls, self._tools(brief), prompt, site, self._limits)
            try:
                done = await session.run()
            finally:
                path = self._calls.put_transcript(site, session.transcript.text())
        cost = session.cost
        self._report(
            ConversationEnded(brief.generation, step, brief.slot, session.why, path, **asdict(cost))
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
    """Return a `Connect` for a model that needs no closing."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[ChatModel]:
        yield model

    return connect
