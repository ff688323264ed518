"""Workers that wait for the next run of the candidate that they have served."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from .workers import Worker


class IdleWorkers:
    """Starts workers, and stops those that wait when it is left."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._starter = ThreadPoolExecutor(1)  # some workers die with the thread that has started them

    def take(self, start: Callable[[], Worker]) -> Worker:
        """Return a worker that waits, or else what ``start`` returns."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._starter.submit(start).result()

    def give(self, worker: Worker) -> None:
        """Have a worker, whose run has ended well, wait for another."""
        self._idle.append(worker)

    def clear(self) -> None:
        """Stop all that wait."""
        while self._idle:
            self._idle.pop().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        self._starter.shutdown()
