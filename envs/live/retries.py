"""The limits of time of a request to a model server, and its clock."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long to wait for a server. All values are seconds."""

    deadline: float = 600.0
    """Time from the first attempt until the last attempt must end."""
    silence: float = 120.0
    """Longest time without a byte within a stream."""
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
