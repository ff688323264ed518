"""The one layer that retries requests to model servers, its limits of time, and its clock."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from .failures import RETRIED, AttemptFailed

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long to wait for a server. All values are seconds."""

    deadline: float = 600.0
    """Time from the first attempt until the last attempt must end."""
    silence: float = 120.0
    """Longest time without a byte within a stream."""
    reply: float = 300.0
    """Longest time until a reply that is not streamed; it includes the time in the queue of the server."""
    connect: float = 10.0
    """Longest time to open a connection."""
    first_wait: float = 0.5
    longest_wait: float = 30.0
    """Longest wait between two attempts, even if the server asks for more."""


class RequestClock(Protocol):
    """The time of requests; replaced in tests, so that they never wait."""

    def now(self) -> float:
        """Return the time in seconds, from any origin."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Return the time in seconds, from any origin."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class RequestRetries:
    """The one layer that sends a request again.

    Args:
        limits: limits of time.
        clock: the time.
        unreachable: seconds after which a server that accepts no connection is given up; None for the deadline.
    """

    def __init__(self, limits: RetryLimits, clock: RequestClock, unreachable: float | None = None) -> None:
        self._limits, self._clock, self._unreachable = limits, clock, unreachable

    async def run(
        self, attempt: Callable[[float], Awaitable[_Result]], failed: Callable[[AttemptFailed], None]
    ) -> _Result:
        """Return the result of the first attempt that succeeds.

        Args:
            attempt: sends the request; receives the seconds that are left.
            failed: called with each failure that another attempt follows.

        Raises:
            AttemptFailed: the failure cannot be mended by another attempt, or the deadline has passed.
        """
        begin = self._clock.now()
        end = begin + self._limits.deadline

        async def once() -> _Result:
            return await attempt(max(0.001, end - self._clock.now()))

        def before(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome is not None else None
            if isinstance(error, AttemptFailed):
                failed(error)

        def is_over(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome is not None else None
            last = end
            if self._unreachable is not None and isinstance(error, AttemptFailed) and error.kind == "unreachable":
                last = min(end, begin + self._unreachable)
            return self._clock.now() + state.upcoming_sleep >= last

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, AttemptFailed) and error.kind in RETRIED),
            wait=self._wait, sleep=self._clock.sleep, before_sleep=before, reraise=True,
            stop=is_over,
        )  # fmt: skip
        return await retrying(once)

    def _wait(self, state: RetryCallState) -> float:
        """Return the seconds before the next attempt: what the server asks for, or twice as long each time."""
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after if isinstance(error, AttemptFailed) else None
        if asked is not None:
            return min(self._limits.longest_wait, asked)
        if isinstance(error, AttemptFailed) and error.kind == "cut" and state.attempt_number == 1:
            return 0.0  # a keep-alive connection that the server has just closed
        longest = min(self._limits.longest_wait, self._limits.first_wait * 2.0 ** min(state.attempt_number - 1, 16))
        return longest * random.uniform(0.5, 1.0)
