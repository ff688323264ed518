"""What passes between us and a language model, whatever the service: the one way to bring another service."""

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
    """A tool that the model wants called."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class Reply(FrozenModel):
    """A model's whole answer."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    stop: Literal["tools", "end", "length"] = "end"
    usage: Usage = Usage()
    raw: tuple[dict[str, Any], ...] = ()
    """The answer in the service's own form: it goes back as it came, in the same order."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """Words of ours, to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """The model's answer."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a tool gave."""

    call: ToolCall
    text: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class ToolTurn:
    """What the tools gave that one answer called, in its order, and words of ours to go with it."""

    results: tuple[ToolReply, ...]
    note: str = ""


Turn = UserTurn | ModelTurn | ToolTurn
"""A conversation begins with a `UserTurn`; every `ModelTurn` that calls tools is followed by their `ToolTurn`."""


class Clock(Protocol):
    """Time, to be replaced in tests."""

    def now(self) -> float:
        """Return seconds, from anywhere on."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...

    async def within(self, seconds: float, awaited: Awaitable[T], of: str) -> T:
        """Return what is awaited, or cancel it and raise `TimeoutError` after ``seconds``; ``of``: an attempt."""
        ...


class WallClock:
    """The true time."""

    def now(self) -> float:
        """Return the monotonic clock's seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)

    async def within(self, seconds: float, awaited: Awaitable[T], of: str) -> T:
        """Return what is awaited, or cancel it and raise `TimeoutError` after ``seconds``."""
        return await asyncio.wait_for(awaited, seconds)


@dataclass
class PendingRequest:
    """What a `ChatModel` is given for one attempt, and where it keeps what it has seen so far."""

    id: str
    """To be sent with the request, so that the service counts it once."""
    clock: Clock
    silence: float
    deadline: float
    usage: Usage = field(default_factory=lambda: Usage())
    """What the service has counted until now: it is charged even if the attempt fails."""

    async def progress(self, awaited: Awaitable[T]) -> T:
        """Await the next sign of progress.

        Raises:
            Failure: there was none for too long (timeout).
        """
        left = max(0.0, min(self.silence, self.deadline - self.clock.now()))
        try:
            return await self.clock.within(left, awaited, self.id)
        except TimeoutError:
            why = f"no progress for {left:.0f} s" if left == self.silence else "cut: the time for this call is over"
            raise CallFailure("timeout", why) from None


class ChatModel(Protocol):
    """One model of one service. To bring another service, implement these, and let `Calls` do the rest."""

    name: str
    """As the price table knows it."""

    def body(self, system: str, tools: Sequence[Mapping[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
        """Return what is to be sent, as plain JSON; the same conversation gives the same bytes."""
        ...

    async def reply(self, body: Mapping[str, Any], sending: PendingRequest) -> Reply:
        """Send ``body`` once, wait with ``sending.progress``, and return the whole answer.

        Raises:
            Failure: there is none; ``sending.usage`` has what was counted until then.
        """
        ...


def strict_json(text: str) -> Any:
    """Return what a model has written as JSON, or None if it is none: NaN and infinities are not."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
