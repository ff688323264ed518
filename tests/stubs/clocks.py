"""Time that passes only when somebody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Collection
from typing import TypeVar

T = TypeVar("T")

_ARRIVING = 200
"""Turns of the event loop in which what a silent service has sent must have arrived: it lies in a local socket."""


class StubClock:
    """A clock for `Calls`: sleeping takes no time, and a time-out comes once the service says that it is silent.

    Args:
        silent: ids of the requests that will get nothing more (`Stub.silent`).
    """

    def __init__(self, silent: Collection[str] = ()) -> None:
        self.silent, self.slept = silent, list[float]()
        self._time, self._lock = 0.0, threading.Lock()

    def now(self) -> float:
        return self._time

    def pass_by(self, seconds: float) -> None:
        with self._lock:
            self._time += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        await asyncio.sleep(0)

    async def within(self, seconds: float, awaited: Awaitable[T], of: str) -> T:
        task = asyncio.ensure_future(awaited)
        idle = 0
        try:
            while idle < _ARRIVING and seconds > 0:
                # wakes at once when there is something, and else looks again whether there will be
                done, _ = await asyncio.wait({task}, timeout=0.0 if of in self.silent else 0.002)
                if done:
                    return task.result()
                idle = idle + 1 if of in self.silent else 0
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
                if not task.cancelled():
                    task.exception()
        self.pass_by(seconds)
        raise TimeoutError
