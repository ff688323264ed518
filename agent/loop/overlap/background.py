"""Runs pieces of work in threads, and hands them back to one thread, which decides, in the order in which they end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_PATIENCE = 30.0
"""Seconds that `ThreadBackground.close` waits: longer than an episode may take, after which cancelled work ends."""


@dataclass(frozen=True, slots=True)
class EndedWork:
    """A piece of work that has ended."""

    key: int
    error: BaseException | None
    """None if it ended well."""


class Background(Protocol):
    """Runs work elsewhere. All methods are called by the thread that decides."""

    def start(self, key: int, work: Callable[[], None]) -> None:
        """Begin ``work``, and return at once. The caller starts one piece at a time under the same key."""
        ...

    def wait(self) -> EndedWork:
        """Wait until a piece of work has ended, and return it."""
        ...

    def close(self) -> None:
        """Wait a while for the work that still runs. The caller has told it to end."""
        ...


class ThreadBackground:
    """A `Background` with a thread for each piece of work. The caller limits their number."""

    def __init__(self) -> None:
        self._ended: queue.SimpleQueue[EndedWork] = queue.SimpleQueue()
        self._threads: dict[int, threading.Thread] = {}

    def start(self, key: int, work: Callable[[], None]) -> None:
        """See `Background.start`."""

        def run() -> None:
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:  # the thread that decides raises it again
                error = raised
            self._ended.put(EndedWork(key, error))

        # as a daemon it does not keep a process alive that the user ends a second time
        self._threads[key] = threading.Thread(target=run, name=f"work {key}", daemon=True)
        self._threads[key].start()

    def wait(self) -> EndedWork:
        """See `Background.wait`; Ctrl-C interrupts it."""
        ended = self._ended.get()
        self._threads.pop(ended.key).join()
        return ended

    def close(self) -> None:
        """See `Background.close`."""
        end = time.monotonic() + _PATIENCE
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))
        self._threads.clear()
