"""The controller in service, and how a new version takes its place without a dropped request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from autotts.sandbox.outcome import Candidate

from .parts import ControllerWorkers

_LOG = logging.getLogger("autotts.serve")


@dataclass(eq=False, slots=True)
class ControllerInService:
    """One controller with its workers."""

    name: str
    hash: str
    """SHA-256 of its source, in hexadecimal."""
    workers: ControllerWorkers
    episodes: int = 0
    """Episodes that run now."""
    retired: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when another controller is in service, and no episode of this one runs."""


class Controllers:
    """Holds the controller in service. `take_over` changes it; running episodes end with the one they began with.

    Args:
        open_workers: returns workers for a controller, not yet started.
    """

    def __init__(self, open_workers: Callable[[Candidate], ControllerWorkers]) -> None:
        self._open_workers = open_workers
        self._now: ControllerInService | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    @property
    def now(self) -> ControllerInService:
        """The controller in service."""
        assert self._now is not None, "no controller has taken over yet"
        return self._now

    @property
    def ready(self) -> bool:
        """Whether a question can be taken."""
        return self._now is not None and self._now.workers.ready

    async def take_over(self, candidate: Candidate) -> bool:
        """Start the workers of ``candidate``, and put it into service; return whether it is another one.

        The controller before it stays in service until the workers of the new one have started and checked it, and
        if they fail. It ends when its last episode has ended.

        Raises:
            CandidateFailed: the source is not a controller.
            SandboxError: the sandbox fails.
        """
        async with self._changing:
            found = source_hash(candidate.source)
            if self._now is not None and self._now.hash == found:
                return False
            workers = self._open_workers(candidate)
            try:
                await workers.start()
            except BaseException:
                await workers.close()
                raise
            before, self._now = self._now, ControllerInService(candidate.name, found, workers)
            if before is not None:
                if not before.episodes:
                    before.retired.set()
                task = asyncio.create_task(_end(before))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
            return True

    @asynccontextmanager
    async def episode(self) -> AsyncIterator[ControllerInService]:
        """Yield the controller in service, and keep it until the episode has ended."""
        used = self.now
        used.episodes += 1
        try:
            yield used
        finally:
            used.episodes -= 1
            if used is not self._now and not used.episodes:
                used.retired.set()

    async def close(self) -> None:
        """End all workers."""
        for task in list(self._ending):
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._now is not None:
            await self._now.workers.close()


def source_hash(source: str) -> str:
    """Return the hash by which answers name a controller."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


async def _end(controller: ControllerInService) -> None:
    """End the workers of a controller when its last episode has ended, or at once if this is cancelled."""
    try:
        await controller.retired.wait()
    finally:
        await controller.workers.close()
        _LOG.info("%s (%s) has ended its episodes", controller.name, controller.hash[:12])
