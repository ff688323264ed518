"""What a running worker is to the host, wherever it runs."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable

PIPE = 1 << 20
"""Bytes to read or write at a time."""


class Worker(ABC):
    """A running `sandbox.worker.worker`, wherever it runs."""

    @abstractmethod
    def sources(self) -> Iterable[int]:
        """Return the descriptors to `read` from."""

    @abstractmethod
    def sink(self) -> int:
        """Return the descriptor that `write` writes to."""

    @abstractmethod
    def read(self, source: int) -> Iterable[tuple[bool, bytes]]:
        """Return what has come: (whether it is of the results, bytes; none at their end)."""

    @abstractmethod
    def write(self, data: memoryview) -> int:
        """Write as much of ``data`` as fits without waiting, and return how much that was."""

    @abstractmethod
    def ended(self) -> str:
        """Say in a few words how a worker whose results have ended came to its end."""

    @abstractmethod
    def stop(self) -> None:
        """Kill the worker with all that it started, and leave nothing of it. May be called twice."""


class PipeWorker(Worker):
    """A worker at the other end of three pipes, of which only the first is written to."""

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        os.set_blocking(stdin, False)

    def sources(self) -> Iterable[int]:
        return (self._stdout, self._stderr)

    def sink(self) -> int:
        return self._stdin

    def read(self, source: int) -> Iterable[tuple[bool, bytes]]:
        return ((source == self._stdout, os.read(source, PIPE)),)

    def write(self, data: memoryview) -> int:
        return os.write(self._stdin, data)
