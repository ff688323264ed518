"""Idle workers, which wait for the next run of the candidate that they have already run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from .workers import Worker


class IdleWorkers:
    """Starts workers, and reuses them. Leaving the context stops all idle workers."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._starter = ThreadPoolExecutor(1)  # some workers die with the thread that started them

    def take(self, start: Callable[[], Worker]) -> Worker:
        """Return an idle worker, or a new one from ``start`` if there is none."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._starter.submit(start).result()

    def give(self, worker: Worker) -> None:
        """Add a worker whose run has ended without an error."""
        self._idle.append(worker)

    def clear(self) -> None:
        """Stop all idle workers."""
        while self._idle:
            self._idle.pop().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        self._starter.shutdown()
