"""The event log and the calls of a run, read again only where they have changed."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..archive.run_directory import Run
from ..llm.budget import Spending
from ..llm.calls import Call
from .answers import Answer

_MOST_EVENTS = 50_000
"""Of the log, the latest: enough for every page."""


class SpendingAnswer(Answer):
    """What the calls of language models have cost, those that failed too."""

    dollars: float
    calls: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


class EventLogReader:
    """The event log at one moment."""

    def __init__(self, events: list[dict[str, Any]], spent: Spending) -> None:
        self.events, self._spent = events, spent

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [event for event in self.events if event["event"] == name]

    def last(self, *names: str) -> dict[str, Any] | None:
        """Return the last event of some kinds."""
        return next((event for event in reversed(self.events) if event["event"] in names), None)

    def money(self) -> SpendingAnswer:
        """Return what has been spent."""
        usage = self._spent.usage
        return SpendingAnswer(
            dollars=self._spent.dollars, calls=self._spent.calls, failed=self._spent.failed,
            input_tokens=usage.prompt, cached_tokens=usage.cache_read, output_tokens=usage.output,
        )  # fmt: skip

    def words(self, most: int) -> list[str]:
        """Return the latest events in words, the last one first."""
        return [_words(event) for event in self.events[: -most - 1 : -1]]


class _IncrementalReader:
    """Reads the journal of one run; what has not changed is not read again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._seen: tuple[float, int] = (-1.0, -1)
        self._events: list[dict[str, Any]] = []
        self._calls: dict[str, tuple[float, Spending]] = {}

    def read(self) -> EventLogReader:
        with self._lock:
            now = stamp(self.run.home / "events.jsonl")
            if now != self._seen:
                self._events = [event for event in self.run.events() if _sound(event)][-_MOST_EVENTS:]
                self._seen = now
            self._read_calls(self.run.home / "calls")
            return EventLogReader(self._events, sum((spent for _, spent in self._calls.values()), Spending()))

    def _read_calls(self, home: Path) -> None:
        if not home.is_dir():
            return
        for entry in os.scandir(home):
            try:
                written = entry.stat().st_mtime
                if not entry.name.endswith(".json") or self._calls.get(entry.name, (-1.0,))[0] == written:
                    continue
                call = Call.model_validate_json(Path(entry.path).read_bytes())
            except (OSError, ValidationError):
                continue  # being written, or damaged: `autotts resume` says what to do
            self._calls[entry.name] = (written, sum((a.spending for a in call.attempts), Spending()))


_readers: dict[Path, _IncrementalReader] = {}


def event_log_of(run: Run | None) -> EventLogReader:
    """Return the journal of a run as it is now; an empty one of no run."""
    if run is None:
        return EventLogReader([], Spending())
    return _readers.setdefault(run.home, _IncrementalReader(run)).read()


def stamp(path: Path) -> tuple[float, int]:
    """Return another pair for each state of a file."""
    try:
        found = path.stat()
    except OSError:
        return (-1.0, -1)
    return (found.st_mtime, found.st_size)


_NUMBERS = ("time", "seconds", "episodes", "position", "of", "generation", "versions")


def _sound(event: Mapping[str, Any]) -> bool:
    """Whether an event has the numbers that pages compute with: a log may hold anything."""
    if "time" not in event or (event["event"] == "candidate" and "id" not in event):
        return False
    numbers = [event[name] for name in _NUMBERS if name in event]
    return all(isinstance(n, int | float) and abs(n) < 1e15 and not math.isnan(n) for n in numbers)


def _words(event: Mapping[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
    told = {k: v for k, v in event.items() if k not in ("time", "event") and v not in ("", None)}
    return f"{at} {event['event']}: " + ", ".join(f"{k} {str(v)[:120]}" for k, v in told.items())
