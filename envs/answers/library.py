"""Asks math-verify, in a process of its own.

The library stops runaway work by signals, which work in the main thread of a process only. A process can also be ended
when no signal interrupts its work.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

_TIMEOUT = 30.0
"""Seconds for one request. The worker itself gives up after five; this is for code that no signal interrupts."""
_START = 120.0
"""Seconds for the first request, which loads SymPy."""
_MOST_LOST = 20
"""Requests without an answer, after which no more are made: each takes `_TIMEOUT`, and answers may be hostile."""


class _Library:
    """The worker process, started at the first request and again after a failure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.lost = 0
        """The number of requests without an answer in time."""
        self._patience = _MOST_LOST

    def begin(self) -> None:
        """Begin a comparison of many answers: it may lose `_MOST_LOST` requests of its own."""
        self._patience = _MOST_LOST

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of the worker, or {} if it gives none."""
        with self._lock:
            if not self._patience:
                self.lost += 1
                return {}
            timeout = _TIMEOUT
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._start()
                timeout = _START
            try:
                return self._exchange(request, timeout)
            except (OSError, ValueError):
                self.lost += 1
                self._patience -= 1
                self._stop()
                return {}

    def _start(self) -> None:
        worker = Path(__file__).with_name("library_worker.py")
        # -P: the folder of the worker has modules whose names are those of others
        command = [sys.executable, "-P", str(worker)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        self._owner = os.getpid()

    def _exchange(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise OSError
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], timeout)
            part = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
            if not part:
                raise OSError
            answer += part
        document: dict[str, Any] = json.loads(answer)
        return document

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what the worker did not read before it ended is flushed again
                    pipe.close()

    def close(self) -> None:
        """Stop the worker."""
        with self._lock:
            self._stop()


LIBRARY = _Library()
atexit.register(LIBRARY.close)


@lru_cache(1 << 14)
def library_same(first: str, second: str) -> bool:
    """Return whether math-verify calls two formulas the same, in either order."""
    return bool(LIBRARY.ask({"same": sorted((first, second))}).get("same"))
