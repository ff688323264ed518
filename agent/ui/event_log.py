"""Reads the event log and the LLM calls of a run; unchanged files are not read again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed

from ..archive.run_directory import Run
from ..archive.storage.stored_path import AnyPath, StoredPath
from ..llm.budget import Spending
from ..llm.calls import Call
from ..records.events import Event, LoggedEvent, UnknownEvent
from .answers import Answer

_MOST_EVENTS = 50_000
"""The latest lines of the log that pages can show."""


class SpendingAnswer(Answer):
    """The cost of a run's LLM calls, including failed ones."""

    dollars: float
    calls: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


_E = TypeVar("_E", bound=Event)


class EventLog:
    """The event log of a run and the cost of its calls, at one moment."""

    def __init__(self, lines: list[LoggedEvent], spent: Spending) -> None:
        self.lines, self._spent = lines, spent

    def of(self, kind: type[_E]) -> list[tuple[float, _E]]:
        """Return the time and the event of every line with an event of a class."""
        return [(line.time, line.event) for line in self.lines if isinstance(line.event, kind)]

    def last(self, *kinds: type[Event]) -> LoggedEvent | None:
        """Return the last line with an event of one of the classes."""
        return next((line for line in reversed(self.lines) if isinstance(line.event, kinds)), None)

    def money(self) -> SpendingAnswer:
        """Return the cost of the LLM calls so far."""
        usage = self._spent.usage
        return SpendingAnswer(
            dollars=self._spent.dollars, calls=self._spent.calls, failed=self._spent.failed,
            input_tokens=usage.prompt, cached_tokens=usage.cache_read, output_tokens=usage.output,
        )  # fmt: skip

    def words(self, most: int) -> list[str]:
        """Return the latest events as text, newest first."""
        return [_words(line) for line in self.lines[: -most - 1 : -1]]


class _IncrementalReader:
    """Reads the event log and calls of one run; unchanged files are not read again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._seen: tuple[float, int] = (-1.0, -1)
        self._lines: list[LoggedEvent] = []
        self._calls: dict[str, tuple[float | None, Spending]] = {}

    def read(self) -> EventLog:
        with self._lock:
            now = stamp(self.run.home / "events.jsonl")
            if now != self._seen:
                self._lines = self.run.events()[-_MOST_EVENTS:]
                self._seen = now
            self._read_calls(self.run.home / "calls")
            return EventLog(self._lines, sum((spent for _, spent in self._calls.values()), Spending()))

    def _read_calls(self, home: AnyPath) -> None:
        for path, written in _written(home):
            if self._calls.get(path.name, (-1.0,))[0] == written:
                continue
            try:
                call = Call.model_validate_json(read_sealed(path))
            except (OSError, ValidationError, DamagedFile):
                continue  # incomplete or damaged: `autotts resume` says what to do
            if isinstance(path, StoredPath) and call.reply is None and call.failure is None:
                written = None  # more attempts follow
            self._calls[path.name] = (written, sum((a.spending for a in call.attempts), Spending()))


def _written(home: AnyPath) -> Iterator[tuple[AnyPath, float | None]]:
    """Yield the files of calls, and when each was written; a server would be asked for each time, so 0 stands for it.
    """
    if isinstance(home, StoredPath):
        yield from ((path, 0.0) for path in home.glob("*.json"))
        return
    for entry in os.scandir(home) if home.is_dir() else ():
        with suppress(OSError):
            if entry.name.endswith(".json"):
                yield home / entry.name, entry.stat().st_mtime


_readers: dict[AnyPath, _IncrementalReader] = {}


def event_log_of(run: Run | None) -> EventLog:
    """Return the present event log of a run; an empty log if there is no run."""
    if run is None:
        return EventLog([], Spending())
    return _readers.setdefault(run.home, _IncrementalReader(run)).read()


def stamp(path: AnyPath) -> tuple[float, int]:
    """Return a pair (modification time, size) that changes with the file."""
    try:
        status = path.stat()
    except OSError:
        return (-1.0, -1)
    return (status.st_mtime, status.st_size)


def _words(line: LoggedEvent) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.time))
    event = line.event
    name, fields = (event.name, event.fields) if isinstance(event, UnknownEvent) else (event.kind, event.document())
    shown = ", ".join(f"{key} {str(value)[:120]}" for key, value in fields.items() if value not in ("", None))
    return f"{at} {name}: {shown}"
