"""A clock for requests that never waits."""

from __future__ import annotations

import asyncio


class InstantClock:
    """Its time passes by sleeping alone, and sleeping takes no time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)
