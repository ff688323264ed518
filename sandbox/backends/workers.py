"""The host's interface to a running worker, the same for every backend."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable

PIPE = 1 << 20
"""Bytes to write at a time."""
READ = 1 << 16
"""Bytes to read at a time: a larger buffer would come from the kernel anew for each read."""
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0", "PYPY_GC_NURSERY": "2M", "PYPY_GC_MIN": "24M"}
"""The environment of a worker; a candidate's is empty. Restartable sequences would let it count its interruptions.

PyPy would otherwise take its sizes from the cache of the processor: 292 MB for a worker that needs 62.
"""


class Worker(ABC):
    """A running `sandbox.worker.worker`, as the host reads from it, writes to it and stops it."""

    ready = False
    """Whether it has started: the time that this takes is not the candidate's."""
    source: str | None = None
    """The source of the candidate that it has been sent."""

    @abstractmethod
    def sources(self) -> Iterable[int]:
        """Return the descriptors from which `read` reads."""

    @abstractmethod
    def sink(self) -> int:
        """Return the descriptor to which `write` writes."""

    @abstractmethod
    def read(self, source: int) -> Iterable[tuple[bool, bytes]]:
        """Read from ``source`` without waiting.

        Returns:
            Pairs (whether the bytes belong to the results, bytes). Empty bytes mean the end of the stream.
        """

    @abstractmethod
    def write(self, data: memoryview) -> int:
        """Write as much of ``data`` as possible without waiting, and return the number of bytes written."""

    @abstractmethod
    def ended(self) -> str:
        """Return a short text that says how the worker ended; called after the end of its results."""

    @abstractmethod
    def stop(self) -> None:
        """Kill the worker and all processes that it started, and release its resources. May be called twice."""


class PipeWorker(Worker):
    """A worker that the host reaches by three pipes: its standard input, output and error."""

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        os.set_blocking(stdin, False)

    def sources(self) -> Iterable[int]:
        return (self._stdout, self._stderr)

    def sink(self) -> int:
        return self._stdin

    def read(self, source: int) -> Iterable[tuple[bool, bytes]]:
        return ((source == self._stdout, os.read(source, READ)),)

    def write(self, data: memoryview) -> int:
        return os.write(self._stdin, data)
