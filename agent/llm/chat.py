"""The interface to a language model. Implement `ChatModel` to add another provider."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, Protocol, TypeVar

from ..records.card import FrozenModel
from .failures import CallFailure
from .prices import Usage

T = TypeVar("T")


class ToolCall(FrozenModel):
    """A tool call that the model requests."""

    id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""


class Reply(FrozenModel):
    """A model's complete answer."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    stop: Literal["tools", "end", "length"] = "end"
    usage: Usage = Usage()
    raw: tuple[dict[str, Any], ...] = ()
    """The answer in the provider's own format, sent back unchanged in later requests."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A message from us to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """An answer of the model."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ToolReply:
    """The result of a tool call."""

    call: ToolCall
    text: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class ToolTurn:
    """The results of the tools that one answer called, in the order of the calls, and an optional note from us."""

    results: tuple[ToolReply, ...]
    note: str = ""


Turn = UserTurn | ModelTurn | ToolTurn
"""A conversation begins with a `UserTurn`; every `ModelTurn` that calls tools is followed by their `ToolTurn`."""


class Clock(Protocol):
    """Time; replaced in tests."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...

    async def within(self, seconds: float, awaited: Awaitable[T], of: str) -> T:
        """Return the result of ``awaited``, or raise `TimeoutError` after ``seconds``. ``of``: id of the attempt."""
        ...


class WallClock:
    """The real time."""

    def now(self) -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)

    async def within(self, seconds: float, awaited: Awaitable[T], of: str) -> T:
        """Return the result of ``awaited``, or raise `TimeoutError` after ``seconds``."""
        return await asyncio.wait_for(awaited, seconds)


@dataclass
class PendingRequest:
    """State of one attempt: its limits, and the usage that the `ChatModel` has counted so far."""

    id: str
    """Sent with the request as an idempotency key."""
    clock: Clock
    silence: float
    """Longest time without progress, in seconds."""
    deadline: float
    """Time on ``clock`` at which the attempt is cut."""
    usage: Usage = field(default_factory=lambda: Usage())
    """Tokens counted so far: charged even if the attempt fails."""

    async def progress(self, awaited: Awaitable[T]) -> T:
        """Await the next sign of progress.

        Raises:
            CallFailure: none came in time (timeout).
        """
        left = max(0.0, min(self.silence, self.deadline - self.clock.now()))
        try:
            return await self.clock.within(left, awaited, self.id)
        except TimeoutError:
            why = f"no progress for {left:.0f} s" if left == self.silence else "cut: the call's deadline is reached"
            raise CallFailure("timeout", why) from None


class ChatModel(Protocol):
    """One model of one provider. To add a provider, implement these methods; `CallJournal` does the rest."""

    name: str
    """The model's name in the price table."""

    def body(self, system: str, tools: Sequence[Mapping[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
        """Return the request as plain JSON; equal conversations give equal bytes."""
        ...

    async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
        """Send ``body`` once, await progress with ``pending.progress``, and return the complete answer.

        Raises:
            CallFailure: the attempt failed; ``pending.usage`` holds the tokens counted until then.
        """
        ...


def strict_json(text: str) -> Any:
    """Return the JSON value of a model's text, or None if the text is not JSON (NaN and infinities are not JSON)."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
